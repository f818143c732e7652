// Faults that tests inject, in front of every service.
package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// fault is what POST /faults takes. Kinds: error, expiredToken, reset, loseAnswer, delay, hold, corruptBody.
type fault struct {
	ID         int64  `json:"id"`
	Service    string `json:"service"`   // s3, ec2, ebs, sts, iam, kms, sns, sqs; empty: any
	Operation  string `json:"operation"` // UploadPart, ImportSnapshot...; empty: any
	AccessKey  string `json:"accessKey"` // who signed; empty: anybody
	Kind       string `json:"kind"`
	Code       string `json:"code"`
	Message    string `json:"message"`
	StatusCode int    `json:"statusCode"`
	Times      int    `json:"times"`      // default 1; -1: until deleted
	AfterBytes int64  `json:"afterBytes"` // reset, corruptBody: of the request's body (reset: of the answer's if it has none)
	DelayMs    int64  `json:"delayMs"`
	RetryAfter string `json:"retryAfter"`
	Skip       int    `json:"skip"` // let so many matching requests pass first

	gone chan struct{} // closed when the fault is deleted
}

type faultList struct {
	mutex  sync.Mutex
	next   int64
	faults []*fault
}

var faultKinds = map[string]bool{"error": true, "expiredToken": true, "reset": true, "loseAnswer": true, "delay": true, "hold": true, "corruptBody": true}

func (l *faultList) add(f *fault) int64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.next++
	f.ID = l.next
	f.gone = make(chan struct{})
	if f.Times == 0 {
		f.Times = 1
	}
	l.faults = append(l.faults, f)
	return f.ID
}

// remove deletes one fault, or all for id 0.
func (l *faultList) remove(id int64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var kept []*fault
	for _, f := range l.faults {
		if id != 0 && f.ID != id {
			kept = append(kept, f)
		} else {
			close(f.gone)
		}
	}
	l.faults = kept
}

func (l *faultList) list() []fault {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	found := []fault{}
	for _, f := range l.faults {
		found = append(found, *f)
	}
	return found
}

// take finds the oldest fault that strikes this request, and uses it up by one.
func (l *faultList) take(c *call) *fault {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, f := range l.faults {
		if f.Times == 0 || f.Service != "" && !strings.EqualFold(f.Service, c.Service) ||
			f.Operation != "" && !strings.EqualFold(f.Operation, c.Operation) || f.AccessKey != "" && f.AccessKey != c.AccessKey {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		return f
	}
	return nil
}

// strike acts out the fault; true if the request is answered (or cut) by it.
func (f *front) strike(fault *fault, w *meter, r *http.Request) bool {
	if fault.DelayMs > 0 {
		select {
		case <-time.After(time.Duration(fault.DelayMs) * time.Millisecond):
		case <-fault.gone:
		case <-r.Context().Done():
			return true
		}
	}
	switch fault.Kind {
	case "delay":
		return false
	case "hold":
		select {
		case <-fault.gone:
			return false
		case <-r.Context().Done():
			return true
		}
	case "corruptBody":
		r.Body = &corruptedBody{r.Body, fault.AfterBytes}
		return false
	case "loseAnswer":
		w.ResponseWriter = &lostWriter{ResponseWriter: w.ResponseWriter}
		return false
	case "reset":
		if fault.AfterBytes > 0 && r.ContentLength == 0 {
			w.ResponseWriter = &cutWriter{w.ResponseWriter, fault.AfterBytes}
			return false
		}
		io.CopyN(io.Discard, r.Body, fault.AfterBytes)
		reset(w.ResponseWriter)
		return true
	}
	e := &apiError{fault.StatusCode, fault.Code, fault.Message}
	if fault.Kind == "expiredToken" {
		e = expiredToken(callOf(r).Service)
	}
	if fault.RetryAfter != "" {
		w.Header().Set("Retry-After", fault.RetryAfter)
	}
	f.refuse(w, r, e)
	return true
}

// expiredToken is how each service says that the credentials' session is over.
func expiredToken(service string) *apiError {
	switch service {
	case "ec2":
		return &apiError{400, "RequestExpired", "Request has expired."}
	case "s3":
		return &apiError{400, "ExpiredToken", "The provided token has expired."}
	case "ebs", "kms", "sqs":
		return &apiError{403, "ExpiredTokenException", "The security token included in the request is expired"}
	}
	return &apiError{403, "ExpiredToken", "The security token included in the request is expired"}
}

// reset cuts the client's connection with a RST.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // cuts it too, without the RST
	}
	inner := conn
	if shaped, ok := conn.(interface{ NetConn() net.Conn }); ok {
		inner = shaped.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		tcp.SetLinger(0) // closing then sends a RST; without it, a FIN
	}
	conn.Close()
}

// cutWriter cuts the connection in the middle of the answer.
type cutWriter struct {
	http.ResponseWriter
	left int64
}

func (c *cutWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *cutWriter) Write(p []byte) (int, error) {
	if int64(len(p)) < c.left {
		c.left -= int64(len(p))
		return c.ResponseWriter.Write(p)
	}
	n, _ := c.ResponseWriter.Write(p[:c.left])
	http.NewResponseController(c.ResponseWriter).Flush()
	reset(c.ResponseWriter)
	return n, net.ErrClosed
}

// lostWriter cuts the connection where the answer would begin: the request has been carried out.
type lostWriter struct {
	http.ResponseWriter
	cut bool
}

func (l *lostWriter) WriteHeader(status int) {
	if informational := status >= 100 && status < 200; !informational && !l.cut {
		l.cut = true
		reset(l.ResponseWriter)
	}
}

func (l *lostWriter) Write([]byte) (int, error) {
	l.WriteHeader(http.StatusOK)
	return 0, net.ErrClosed
}

// corruptedBody flips a bit of the byte at an offset.
type corruptedBody struct {
	io.ReadCloser
	left int64
}

func (c *corruptedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if c.left >= 0 && c.left < int64(n) {
		p[c.left] ^= 1
	}
	c.left -= int64(n)
	return n, err
}
