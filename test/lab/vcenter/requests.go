package main

import (
	"sync"
	"time"
)

// requestEntry is one SOAP method or HTTP transfer that was received.
type requestEntry struct {
	Number int64     `json:"number"`
	Time   time.Time `json:"time"`
	Method string    `json:"method"` // SOAP method, or HTTP's
	This   string    `json:"this,omitempty"`
	User   string    `json:"user"`
	Path   string    `json:"path,omitempty"`
	Range  string    `json:"range,omitempty"`
	Status int       `json:"status,omitempty"`
	Cookie bool      `json:"cookie,omitempty"` // an HTTP transfer carried vCenter's session cookie
	Bytes  int64     `json:"bytes,omitempty"`  // of an upload
	SHA256 string    `json:"sha256,omitempty"`
}

const requestLogLimit = 100_000

// requestLog keeps the newest requests.
type requestLog struct {
	mu      sync.Mutex
	next    int64
	entries []requestEntry
}

func (r *requestLog) add(entry requestEntry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	entry.Number, entry.Time = r.next, time.Now()
	if len(r.entries) == requestLogLimit {
		r.entries = append(r.entries[:0], r.entries[requestLogLimit/2:]...)
	}
	r.entries = append(r.entries, entry)
}

// since gives the entries with a number above the one given.
func (r *requestLog) since(number int64) []requestEntry {
	r.mu.Lock()
	defer r.mu.Unlock()
	entries := []requestEntry{}
	for _, entry := range r.entries {
		if entry.Number > number {
			entries = append(entries, entry)
		}
	}
	return entries
}
