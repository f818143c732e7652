// Errors in the shape that each service's clients expect.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// drainedBytes is how much of a body is taken in before an error is answered: a large part.
const drainedBytes = 128 << 20

// apiError is an error as AWS states it.
type apiError struct {
	status        int
	code, message string
}

func newRequestID() string {
	id := make([]byte, 8)
	rand.Read(id)
	return strings.ToUpper(hex.EncodeToString(id))
}

func xmlText(text string) string {
	var out strings.Builder
	xml.EscapeText(&out, []byte(text)) // a Builder does not fail
	return out.String()
}

// refuse answers with the error in the shape of the service that the request is for.
func (f *front) refuse(w http.ResponseWriter, r *http.Request, e *apiError) {
	// A server that closes on a client in the middle of its body may reset the connection before the error is read.
	// AWS takes in some of the rest too.
	if r.Body != nil {
		io.CopyN(io.Discard, r.Body, drainedBytes)
	}
	call := callOf(r)
	id := newRequestID()
	header := w.Header()
	header.Set("X-Amzn-Requestid", id)
	header.Set("Date", f.clock.now().Format(http.TimeFormat))
	var body string
	switch call.Service {
	case "s3":
		header.Set("X-Amz-Request-Id", id)
		header.Set("Content-Type", "application/xml")
		extra := ""
		if e.code == "AuthorizationHeaderMalformed" {
			extra = "<Region>" + xmlText(f.config.Region) + "</Region>"
		}
		body = fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>`+"\n<Error><Code>%s</Code><Message>%s</Message>%s<Resource>%s</Resource><RequestId>%s</RequestId></Error>",
			xmlText(e.code), xmlText(e.message), extra, xmlText(r.URL.Path), id)
	case "ec2":
		header.Set("Content-Type", "text/xml;charset=UTF-8")
		body = fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>`+"\n<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>%s</RequestID></Response>",
			xmlText(e.code), xmlText(e.message), id)
	case "sts", "iam", "sns":
		header.Set("Content-Type", "text/xml")
		kind := "Sender"
		if e.status >= 500 {
			kind = "Receiver"
		}
		body = fmt.Sprintf(`<ErrorResponse xmlns="https://%s.amazonaws.com/doc/"><Error><Type>%s</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>`,
			call.Service, kind, xmlText(e.code), xmlText(e.message), id)
	default: // ebs speaks REST JSON, kms and sqs JSON: between them the clients look at these
		header.Set("X-Amzn-Errortype", e.code)
		header.Set("Content-Type", "application/x-amz-json-1.1")
		text, _ := json.Marshal(map[string]string{"__type": e.code, "message": e.message, "Message": e.message})
		body = string(text)
	}
	call.Code = e.code
	header.Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(e.status)
	if r.Method != http.MethodHead {
		w.Write([]byte(body))
	}
}
