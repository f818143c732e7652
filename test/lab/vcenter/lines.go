package main

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// lines are the addresses that vCenter and its hosts are reached at, with their connections: what the faults "away" and
// "blackHole" strike.
type lines struct {
	mu   sync.Mutex
	all  []*line
	open map[*lineConn]bool
}

// line is a listener that can go away and come back at the same port.
type line struct {
	lab      *lab
	part     string // "nfc" for a host's; empty for vCenter's address, which serves both
	address  string
	inner    net.Listener // nil while it is away; under lines.mu
	accepted chan net.Conn
}

// newLine opens a listener on the loopback. A second socket that is bound to the port but never listens keeps it for us
// while the line is away.
func (l *lab) newLine(part string) (*line, error) {
	reserve, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.SetsockoptInt(reserve, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return nil, err
	}
	if err := syscall.Bind(reserve, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, err
	}
	name, err := syscall.Getsockname(reserve)
	if err != nil {
		return nil, err
	}
	address := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}
	ln := &line{lab: l, part: part, address: address.String(), accepted: make(chan net.Conn)}
	l.lines.mu.Lock()
	l.lines.all = append(l.lines.all, ln)
	l.lines.mu.Unlock()
	return ln, l.lines.listen()
}

// listen opens the lines that are closed and not refused by a fault.
func (ls *lines) listen() error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, ln := range ls.all {
		if ln.inner != nil || ln.lab.refuses(ln.part) {
			continue
		}
		inner, err := net.Listen("tcp", ln.address)
		if err != nil {
			return err
		}
		ln.inner = inner
		go ln.accept(inner)
	}
	return nil
}

func (l *lab) refuses(part string) bool {
	return l.faults.peek("away", func(f *fault) bool { return f.hits(part) && f.How != "reset" }) != nil
}

// hits tells whether a fault of a whole line strikes this part; an empty part may yet turn out to be either.
func (o *fault) hits(part string) bool {
	return o.Target == "" || o.Target == "all" || o.Target == part
}

// strike begins an "away": listeners close if it refuses, and connections are reset.
func (ls *lines) strike(order *fault) {
	ls.mu.Lock()
	var broken []*lineConn
	for conn := range ls.open {
		if order.hits(conn.partNow()) {
			broken = append(broken, conn)
		}
	}
	for _, ln := range ls.all {
		if ln.inner != nil && order.How != "reset" && order.hits(ln.part) {
			ln.inner.Close()
			ln.inner = nil
		}
	}
	ls.mu.Unlock()
	for _, conn := range broken {
		conn.reset()
	}
}

func (ln *line) accept(inner net.Listener) {
	for {
		raw, err := inner.Accept()
		if err != nil {
			return // closed by strike
		}
		conn := &lineConn{TCPConn: raw.(*net.TCPConn), line: ln, closed: make(chan struct{})}
		conn.part.Store(ln.part)
		ls := &ln.lab.lines
		ls.mu.Lock()
		ls.open[conn] = true
		ls.mu.Unlock()
		if ln.lab.faults.peek("away", func(f *fault) bool { return f.hits(ln.part) }) != nil {
			conn.reset()
			continue
		}
		ln.accepted <- conn
	}
}

// Accept implements net.Listener; it outlives the socket that listens.
func (ln *line) Accept() (net.Conn, error) { return <-ln.accepted, nil }

// Close implements net.Listener. A line ends with the process.
func (ln *line) Close() error { return nil }

// Addr implements net.Listener.
func (ln *line) Addr() net.Addr {
	address, _ := net.ResolveTCPAddr("tcp", ln.address) // our own notation
	return address
}

// lineConn is a connection that a black hole can freeze: it stays open, and nothing goes through in either direction.
type lineConn struct {
	*net.TCPConn
	line   *line
	part   atomic.Value // string: soap, nfc, or empty as long as nobody has asked for anything
	once   sync.Once
	closed chan struct{}
}

func (c *lineConn) partNow() string { return c.part.Load().(string) }

// gate waits while a black hole swallows what goes over this connection.
func (c *lineConn) gate() {
	for {
		hole := c.line.lab.faults.peek("blackHole", func(f *fault) bool { return f.hits(c.partNow()) })
		if hole == nil {
			return
		}
		select {
		case <-hole.released:
		case <-c.closed:
			return
		}
	}
}

// Read implements net.Conn. What came in during a black hole arrives after it, as by TCP's retransmission.
func (c *lineConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.gate()
	return n, err
}

// Write implements net.Conn.
func (c *lineConn) Write(p []byte) (int, error) {
	c.gate()
	return c.TCPConn.Write(p)
}

// Close implements net.Conn.
func (c *lineConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		ls := &c.line.lab.lines
		ls.mu.Lock()
		delete(ls.open, c)
		ls.mu.Unlock()
	})
	return c.TCPConn.Close()
}

func (c *lineConn) reset() {
	c.SetLinger(0)
	c.Close()
}

type connectionKey struct{}

// serveLine serves HTTPS on a line. Which part a request is for shows only now where both share an address.
func (l *lab) serveLine(ln *line, next http.Handler, config *tls.Config, errors *log.Logger) {
	server := &http.Server{
		ErrorLog: errors,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connectionKey{}, c.(*tls.Conn).NetConn())
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			part := "soap"
			if strings.HasPrefix(r.URL.Path, "/nfc/") || strings.HasPrefix(r.URL.Path, "/folder/") {
				part = "nfc"
			}
			conn := r.Context().Value(connectionKey{}).(*lineConn)
			conn.part.Store(part)
			conn.gate()
			if l.faults.peek("away", func(f *fault) bool { return f.hits(part) }) != nil {
				resetConnection(w)
				return
			}
			next.ServeHTTP(w, r)
		}),
	}
	server.Serve(tls.NewListener(ln, config)) // until the process ends
}
