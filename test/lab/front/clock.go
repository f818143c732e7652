// The lab's time, which a test may set ahead or back.
package main

import (
	"sync/atomic"
	"time"
)

type clock struct{ skewMs atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Now().Add(time.Duration(c.skewMs.Load()) * time.Millisecond).UTC()
}
