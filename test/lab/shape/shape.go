// Package shape limits the rate of bytes over a listener, as a site's link does: all its connections share one
// rate in each direction. The rate can be set at any time; 0 takes the limit away.
package shape

import (
	"io"
	"net"
	"sync"
	"time"
)

const (
	// Waits shorter than this are left to add up: at 125 MB/s a sleep per 32 KiB would cost more than the copying.
	minimumWait = 2 * time.Millisecond
	// A bucket that was served late (a busy machine, a timer) catches up on so much, no more: so a rate holds over
	// time without a burst after a pause.
	catchUp = 50 * time.Millisecond
	// The largest piece is what the rate allows in this time, so that connections share fairly.
	quantumTime  = 5 * time.Millisecond
	quantumBytes = 4096
)

// Shaper holds the rate of one link: a bucket for each direction.
type Shaper struct{ up, down bucket }

// New gives a shaper; bytesPerSecond 0 means no limit.
func New(bytesPerSecond int64) *Shaper {
	s := &Shaper{}
	s.up.changed, s.down.changed = make(chan struct{}), make(chan struct{})
	s.SetRate(bytesPerSecond)
	return s
}

// SetRate sets the rate of each direction; connections that wait go on at the new rate at once.
func (s *Shaper) SetRate(bytesPerSecond int64) {
	s.up.setRate(bytesPerSecond)
	s.down.setRate(bytesPerSecond)
}

// Rate is the rate in bytes per second; 0 is no limit.
func (s *Shaper) Rate() int64 {
	s.up.mutex.Lock()
	defer s.up.mutex.Unlock()
	return s.up.rate
}

// Listener shapes every connection that it accepts: reads as uploads, writes as downloads.
func (s *Shaper) Listener(inner net.Listener) net.Listener { return &listener{inner, s} }

// Writer shapes what is written to w, as a download. It stops waiting when done is closed (nil: never).
func (s *Shaper) Writer(w io.Writer, done <-chan struct{}) io.Writer {
	return writerFunc(func(p []byte) (int, error) { return s.down.write(w, p, done) })
}

// Reader shapes what is read from r, as an upload. It stops waiting when done is closed (nil: never).
func (s *Shaper) Reader(r io.Reader, done <-chan struct{}) io.Reader {
	return readerFunc(func(p []byte) (int, error) { return s.up.read(r, p, done) })
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type bucket struct {
	mutex   sync.Mutex
	rate    int64
	paid    time.Time // until when the bytes that passed have used up the link
	changed chan struct{}
}

func (b *bucket) setRate(rate int64) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.rate = max(rate, 0)
	b.paid = time.Now()
	close(b.changed)
	b.changed = make(chan struct{})
}

// piece is how many of n bytes to move before waiting.
func (b *bucket) piece(n int) int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.rate == 0 {
		return n
	}
	return min(n, max(int(b.rate/int64(time.Second/quantumTime)), quantumBytes))
}

// pay waits until the link has carried n bytes more.
func (b *bucket) pay(n int, done <-chan struct{}) {
	b.mutex.Lock()
	if b.rate == 0 || n == 0 {
		b.mutex.Unlock()
		return
	}
	now := time.Now()
	if b.paid.Before(now.Add(-catchUp)) {
		b.paid = now
	}
	b.paid = b.paid.Add(time.Duration(float64(n) / float64(b.rate) * float64(time.Second)))
	wait, changed := b.paid.Sub(now), b.changed
	b.mutex.Unlock()
	if wait < minimumWait {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-done:
	}
}

func (b *bucket) write(w io.Writer, p []byte, done <-chan struct{}) (int, error) {
	written := 0
	for {
		piece := p[written : written+b.piece(len(p)-written)]
		b.pay(len(piece), done)
		n, err := w.Write(piece)
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

func (b *bucket) read(r io.Reader, p []byte, done <-chan struct{}) (int, error) {
	n, err := r.Read(p[:b.piece(len(p))])
	b.pay(n, done)
	return n, err
}

type listener struct {
	net.Listener
	shaper *Shaper
}

func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: inner, shaper: l.shaper, closed: make(chan struct{})}, nil
}

type conn struct {
	net.Conn
	shaper *Shaper
	once   sync.Once
	closed chan struct{}
}

func (c *conn) Read(p []byte) (int, error)  { return c.shaper.up.read(c.Conn, p, c.closed) }
func (c *conn) Write(p []byte) (int, error) { return c.shaper.down.write(c.Conn, p, c.closed) }

func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// NetConn is the connection below, for callers that must reset it.
func (c *conn) NetConn() net.Conn { return c.Conn }
