// Which service a request is for, and its way through log, faults and handlers.
package main

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bodies of the query and JSON protocols are read to see the operation; AWS takes no larger ones.
const peekBytes = 1 << 20

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	c := &call{Time: f.clock.now(), Method: r.Method, Path: r.URL.Path, Query: withoutSecrets(r.URL.RawQuery)}
	r = withCall(r, c)
	out := &meter{ResponseWriter: w}
	body := &countedBody{ReadCloser: r.Body}
	if r.Body != http.NoBody {
		r.Body = body
	}
	defer func() {
		c.Status, c.BytesIn, c.BytesOut = out.status, body.bytes, out.bytes
		c.DurationMs = time.Since(started).Milliseconds()
		f.requests.add(*c)
	}()

	s, problem := parseSignature(r)
	if s != nil {
		c.Service, c.AccessKey = s.service, s.accessKeyID
	} else {
		c.Service = guessService(r)
	}
	if c.Service == "s3" {
		c.Operation = s3OperationOf(r).name
	} else {
		c.Operation = operationOf(r)
	}
	if fault := f.faults.take(c); fault != nil {
		if done := f.strike(fault, out, r); done {
			return
		}
	}
	switch {
	case c.Service != "s3":
		f.forward(out, r, f.backend, "", nil, nil)
	case problem != nil:
		f.refuse(out, r, problem)
	default:
		f.serveS3(out, r, s)
	}
}

// guessService serves requests without a signature: S3 has GETs and PUTs of paths, the query services POST to "/".
func guessService(r *http.Request) string {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case strings.HasPrefix(r.URL.Path, "/snapshots"):
		return "ebs"
	case r.Method == http.MethodPost && (kind == "application/x-www-form-urlencoded" || r.Header.Get("X-Amz-Target") != ""):
		return "sts"
	}
	return "s3"
}

// operationOf names the operation of a service other than S3: by target header, Action, or EBS direct's method and path.
func operationOf(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndex(target, ".")+1:]
	}
	if action := r.URL.Query().Get("Action"); action != "" {
		return action
	}
	if parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/"); parts[0] == "snapshots" {
		switch {
		case len(parts) == 1:
			return "StartSnapshot"
		case parts[1] == "completion":
			return "CompleteSnapshot"
		case len(parts) == 4 && r.Method == http.MethodPut:
			return "PutSnapshotBlock"
		case len(parts) == 4:
			return "GetSnapshotBlock"
		case parts[len(parts)-1] == "blocks":
			return "ListSnapshotBlocks"
		case parts[len(parts)-1] == "changedblocks":
			return "ListChangedBlocks"
		}
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/x-www-form-urlencoded" || r.ContentLength > peekBytes {
		return ""
	}
	head, err := io.ReadAll(io.LimitReader(r.Body, peekBytes))
	r.Body = &joinedBody{io.MultiReader(bytes.NewReader(head), r.Body), r.Body}
	if err != nil {
		return ""
	}
	form, err := url.ParseQuery(string(head))
	if err != nil {
		return ""
	}
	return form.Get("Action")
}

// joinedBody puts bytes that were looked at back before the rest.
type joinedBody struct {
	io.Reader
	io.Closer
}

// withoutSecrets keeps presigned signatures and tokens out of the log.
func withoutSecrets(raw string) string {
	var kept []string
	for _, pair := range strings.Split(raw, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if name == "X-Amz-Signature" || name == "X-Amz-Security-Token" {
			pair = name + "=..."
		}
		kept = append(kept, pair)
	}
	return strings.Join(kept, "&")
}
