// DeleteObjects: the one S3 request whose permissions stand in its body. Keys that may not be deleted are answered
// one by one, and the others deleted.
package main

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
)

type deletion struct {
	XMLName xml.Name `xml:"Delete"`
	Quiet   string   `xml:"Quiet,omitempty"`
	Objects []struct {
		Key       string `xml:"Key"`
		VersionID string `xml:"VersionId,omitempty"`
	} `xml:"Object"`
}

func (f *front) deleteObjects(w *meter, r *http.Request, who *caller, operation s3Operation) {
	body, e := readBody(r, 4<<20, who.signature.payloadHash)
	if e != nil {
		f.refuse(w, r, e)
		return
	}
	var asked deletion
	if err := xml.Unmarshal(body, &asked); err != nil || len(asked.Objects) == 0 || len(asked.Objects) > 1000 {
		f.refuse(w, r, &apiError{400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"})
		return
	}
	allowed := asked
	allowed.XMLName = xml.Name{Local: "Delete"}
	allowed.Objects = nil
	var refused strings.Builder
	found, _ := f.buckets.get(operation.bucket)
	for _, object := range asked.Objects {
		action := "s3:DeleteObject"
		if object.VersionID != "" {
			action = "s3:DeleteObjectVersion"
		}
		asked := permission{action, objectARN(operation.bucket, object.Key)}
		e := f.may(r.Context(), who, asked)
		if e == nil {
			e = policyDenies(found.Policy, []permission{asked}, who.conditions)
		}
		if e != nil {
			fmt.Fprintf(&refused, "<Error><Key>%s</Key><Code>%s</Code><Message>%s</Message></Error>", xmlText(object.Key), e.code, xmlText(e.message))
			continue
		}
		allowed.Objects = append(allowed.Objects, object)
	}
	hash := who.signature.payloadHash
	switch {
	case refused.Len() == 0:
	case len(allowed.Objects) == 0:
		writeXML(w, `<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`+refused.String()+"</DeleteResult>")
		return
	default:
		if body, e = rewrite(r, allowed); e != nil {
			f.refuse(w, r, e)
			return
		}
		hash = hashOf(body)
	}
	f.forward(w, r, f.versitygw, hash, nil, func(response *http.Response) error {
		f.stamp(response)
		if refused.Len() == 0 || response.StatusCode != http.StatusOK {
			return nil
		}
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		response.Body.Close()
		text = bytes.Replace(text, []byte("</DeleteResult>"), []byte(refused.String()+"</DeleteResult>"), 1)
		response.Body, response.ContentLength = readCloser(text), int64(len(text))
		response.Header.Set("Content-Length", fmt.Sprint(len(text)))
		return nil
	})
}

// rewrite puts another deletion in the request, with the checksum that S3 demands of it.
func rewrite(r *http.Request, d deletion) ([]byte, *apiError) {
	body, err := xml.Marshal(d)
	if err != nil {
		return nil, &apiError{500, "InternalError", "We encountered an internal error. Please try again."}
	}
	for name := range r.Header {
		if strings.HasPrefix(strings.ToLower(name), "x-amz-checksum-") || name == "X-Amz-Sdk-Checksum-Algorithm" {
			r.Header.Del(name)
		}
	}
	sum := md5.Sum(body)
	r.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
	r.Header.Set("Content-Length", fmt.Sprint(len(body)))
	setBody(r, body)
	return body, nil
}
