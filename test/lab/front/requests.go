// The log of requests: what came, from whom, and what was answered.
package main

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// Older entries go first beyond this many: about 60 MB.
const keptRequests = 200_000

// call is what is known about a request while it is served; then it is its log entry.
type call struct {
	ID         int64     `json:"id"`
	Time       time.Time `json:"time"`
	Service    string    `json:"service"`
	Operation  string    `json:"operation"`
	Method     string    `json:"method"`
	Path       string    `json:"path"`
	Query      string    `json:"query,omitempty"`
	AccessKey  string    `json:"accessKey,omitempty"`
	Status     int       `json:"status"` // 0: the connection was cut
	Code       string    `json:"code,omitempty"`
	BytesIn    int64     `json:"bytesIn"`
	BytesOut   int64     `json:"bytesOut"`
	DurationMs int64     `json:"durationMs"`
}

type callKey struct{}

// callOf gives the request's entry. Every request has one from the front's ServeHTTP on.
func callOf(r *http.Request) *call {
	return r.Context().Value(callKey{}).(*call)
}

func withCall(r *http.Request, c *call) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callKey{}, c))
}

type requestLog struct {
	mutex   sync.Mutex
	next    int64
	entries []call
}

func (l *requestLog) add(c call) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.next++
	c.ID = l.next
	if len(l.entries) >= keptRequests {
		l.entries = append(l.entries[:0], l.entries[keptRequests/10:]...)
	}
	l.entries = append(l.entries, c)
}

func (l *requestLog) since(id int64) []call {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	found := []call{}
	for _, c := range l.entries {
		if c.ID > id {
			found = append(found, c)
		}
	}
	return found
}

func (l *requestLog) clear() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.entries = nil
}

// meter counts what is answered. Unwrap lets http.ResponseController reach the connection.
type meter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (m *meter) Unwrap() http.ResponseWriter { return m.ResponseWriter }

func (m *meter) WriteHeader(status int) {
	if status >= 200 {
		m.status = status
	}
	m.ResponseWriter.WriteHeader(status)
}

func (m *meter) Write(p []byte) (int, error) {
	if m.status == 0 {
		m.status = http.StatusOK
	}
	n, err := m.ResponseWriter.Write(p)
	m.bytes += int64(n)
	return n, err
}

type countedBody struct {
	io.ReadCloser
	bytes int64
}

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes += int64(n)
	return n, err
}
