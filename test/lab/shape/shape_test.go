package shape

import (
	"io"
	"math"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// serve accepts connections that receive all that is sent and answer with one byte at its end, or send all they can.
func serve(t *testing.T, shaper *Shaper, handle func(net.Conn)) string {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shaped := shaper.Listener(inner)
	t.Cleanup(func() { shaped.Close() })
	go func() {
		for {
			c, err := shaped.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return inner.Addr().String()
}

func send(length int64) func(net.Conn) {
	return func(c net.Conn) {
		buffer := make([]byte, 256<<10)
		for left := length; left > 0; {
			n, err := c.Write(buffer[:min(left, int64(len(buffer)))])
			if err != nil {
				return
			}
			left -= int64(n)
		}
	}
}

func fetch(t *testing.T, address string) int64 {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer c.Close()
	n, _ := io.Copy(io.Discard, c)
	return n
}

func wantRate(t *testing.T, bytes int64, took time.Duration, rate float64) {
	t.Helper()
	if got := float64(bytes) / took.Seconds(); math.Abs(got/rate-1) > 0.02 {
		t.Fatalf("%.2f MB/s instead of %.2f", got/1e6, rate/1e6)
	}
}

func cpu() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func TestConnectionsShareTheRateOfDownloads(t *testing.T) {
	const rate, each = 125_000_000, 100_000_000
	address := serve(t, New(rate), send(each))
	start, before := time.Now(), cpu()
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() { fetch(t, address) })
	}
	wait.Wait()
	took := time.Since(start)
	wantRate(t, 2*each, took, rate)
	t.Logf("CPU %.1f %% of a core, sender and receiver", 100*(cpu()-before).Seconds()/took.Seconds())
}

func TestSmallReadsShareTheRateOfUploads(t *testing.T) {
	const rate, length = 50_000_000, 60_000_000
	address := serve(t, New(rate), func(c net.Conn) {
		buffer := make([]byte, 4096)
		for left := length; left > 0; {
			n, err := c.Read(buffer)
			if err != nil {
				return
			}
			left -= n
		}
		c.Write([]byte{1})
	})
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	send(length)(c)
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	wantRate(t, length, time.Since(start), rate)
}

func TestRateChangesWhileBytesFlow(t *testing.T) {
	shaper := New(1000)
	address := serve(t, shaper, send(50_000_000))
	finished := make(chan int64)
	go func() { finished <- fetch(t, address) }()
	select {
	case <-finished:
		t.Fatal("50 MB passed at 1 kB/s")
	case <-time.After(100 * time.Millisecond):
	}
	shaper.SetRate(0)
	select {
	case n := <-finished:
		if n != 50_000_000 {
			t.Fatalf("%d bytes", n)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("still waiting at the old rate")
	}
}

func TestIdleLinkSavesNothingUp(t *testing.T) {
	const rate, length = 20_000_000, 10_000_000
	shaper := New(rate)
	address := serve(t, shaper, send(length))
	fetch(t, address)
	time.Sleep(300 * time.Millisecond)
	start := time.Now()
	fetch(t, address)
	wantRate(t, length, time.Since(start), rate)
}

func TestWriterAndReaderShareTheShapersRates(t *testing.T) {
	const rate, length = 40_000_000, 20_000_000
	shaper := New(rate)
	start := time.Now()
	if _, err := shaper.Writer(io.Discard, nil).Write(make([]byte, length)); err != nil {
		t.Fatal(err)
	}
	wantRate(t, length, time.Since(start), rate)
	start = time.Now()
	n, _ := io.Copy(io.Discard, shaper.Reader(io.LimitReader(zero{}, length), nil))
	wantRate(t, n, time.Since(start), rate)
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { return len(p), nil }

func TestClosedConnectionWaitsNoLonger(t *testing.T) {
	inner, peer := net.Pipe()
	defer peer.Close()
	c := &conn{Conn: inner, shaper: New(100), closed: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		c.Write(make([]byte, 10_000))
		close(ended)
	}()
	time.Sleep(20 * time.Millisecond)
	c.Close()
	select {
	case <-ended:
	case <-time.After(time.Second):
		t.Fatal("the write still waits")
	}
}
