// Conditional writes: S3 decides them together with the write itself; versitygw looks first and writes later, so that
// of two at once both would win. Here writes of one key take turns.
package main

import (
	"context"
	"net/http"
	"sync"
)

// writeTurns holds the keys that are being written.
type writeTurns struct {
	mutex sync.Mutex
	held  map[string]chan struct{} // closed when the write has ended
}

// take waits for the key, or, if it must not wait, gives false when the key is being written.
func (t *writeTurns) take(ctx context.Context, key string, wait bool) (release func(), taken bool) {
	for {
		t.mutex.Lock()
		ended, busy := t.held[key]
		if !busy {
			mine := make(chan struct{})
			t.held[key] = mine
			t.mutex.Unlock()
			return func() {
				t.mutex.Lock()
				delete(t.held, key)
				t.mutex.Unlock()
				close(mine)
			}, true
		}
		t.mutex.Unlock()
		if !wait {
			return nil, false
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// takeTurn gives the request its turn if it writes an object. A conditional write that meets another is refused, as
// "How to prevent object overwrites with conditional writes", Amazon S3 User Guide, has it.
func (f *front) takeTurn(r *http.Request, operation s3Operation) (*http.Request, func(), *apiError) {
	switch operation.name {
	case "PutObject", "CopyObject", "CompleteMultipartUpload", "DeleteObject":
	default:
		return r, func() {}, nil
	}
	conditional := isConditional(r)
	release, taken := f.turns.take(r.Context(), operation.bucket+"/"+operation.key, !conditional)
	if !taken {
		return r, nil, &apiError{409, "ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource."}
	}
	if conditional {
		// A client that goes away does not take its write back, and must not end its turn before it.
		r = r.WithContext(context.WithoutCancel(r.Context()))
	}
	return r, release, nil
}

func isConditional(r *http.Request) bool {
	return r.Header.Get("If-Match") != "" || r.Header.Get("If-None-Match") != ""
}
