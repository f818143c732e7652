package main

import (
	"errors"
	"hash"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hoist/lab/streamvmdk"
)

// nfcConnectionLimit is about what one vCenter and its hosts have buffers for.
const nfcConnectionLimit = 52

var nfcConnections atomic.Int32

var (
	errLeaseOver = errors.New("the lease is over")
	errCut       = errors.New("cut off by order of a test")
)

// serveNFC streams one device of a lease, start to end. A host's own listener asks for no cookie: the token is the key.
func (l *lab) serveNFC(needsCookie bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		l.endIdle()
		key := sessionKey(r)
		session, live := l.session(key)
		token, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/nfc/"), "/")
		one := l.leases.find(token)
		user := session.UserName
		if !needsCookie && one != nil {
			user = one.user
		}
		refuse := func(status int) {
			l.requests.add(requestEntry{Method: r.Method, Path: r.URL.Path, User: user, Status: status, Cookie: key != ""})
			http.Error(w, http.StatusText(status), status)
		}
		matches := func(f *fault) bool { return strings.HasSuffix(r.URL.Path, f.Disk) }
		switch {
		case needsCookie && !live:
			refuse(http.StatusUnauthorized)
			return
		case r.Method != http.MethodGet:
			refuse(http.StatusMethodNotAllowed)
			return
		case one == nil || (needsCookie && one.session != key):
			refuse(http.StatusNotFound)
			return
		}
		if order := l.faults.take("nfcStatus", matches); order != nil {
			refuse(order.Status)
			return
		}
		var device *leaseDevice
		one.mu.Lock()
		for _, d := range one.devices {
			if d.targetID == name {
				device = d
			}
		}
		one.mu.Unlock()
		if device == nil {
			refuse(http.StatusNotFound)
			return
		}
		if nfcConnections.Add(1) > nfcConnectionLimit {
			nfcConnections.Add(-1)
			refuse(http.StatusServiceUnavailable)
			return
		}
		defer nfcConnections.Add(-1)
		l.requests.add(requestEntry{Method: r.Method, Path: r.URL.Path, User: user, Status: http.StatusOK, Cookie: key != ""})
		l.streamDevice(w, r, one, device, matches)
	}
}

// streamDevice sends the file in chunks, notes its checksum, and does to it what a test ordered.
func (l *lab) streamDevice(w http.ResponseWriter, r *http.Request, one *lease, device *leaseDevice, matches func(*fault) bool) {
	w.Header().Set("Content-Type", "application/x-vnd.vmware-streamVmdk")
	w.WriteHeader(http.StatusOK)
	http.NewResponseController(w).Flush() // before the first byte, so that no Content-Length is made up
	out := &guardedWriter{to: l.shaper.Writer(w, one.ended), ended: one.ended, left: -1}
	truncate := l.faults.take("nfcTruncate", matches)
	reset := l.faults.take("nfcReset", matches)
	if truncate != nil {
		out.left = truncate.AfterBytes
	}
	if reset != nil {
		out.left = reset.AfterBytes
	}
	var corrupt *fault
	if device.disk != nil {
		corrupt = l.faults.take("nfcCorruptGrain", matches)
	}
	sums := newChecksums(device, one.seed == 0 && corrupt == nil)
	var size int64
	var err error
	if device.disk == nil {
		size, err = l.streamISO(out, device.iso, sums.running())
	} else {
		encoding := streamvmdk.Encoding{Seed: one.seed, Hashes: sums.running()}
		if corrupt != nil {
			encoding.CorruptGrain = max(1, corrupt.Grain)
		}
		size, err = device.source.Write(out, encoding)
	}
	switch {
	case errors.Is(err, errCut) && truncate != nil:
		return // the stream ends as if it were whole
	case err != nil:
		resetConnection(w)
		return
	}
	entry := &types.HttpNfcLeaseManifestEntry{
		Key: device.key, Sha1: sums.end("sha1"), Size: size, Disk: device.disk != nil,
		ChecksumType: device.checksumType, Checksum: sums.end(device.checksumType),
	}
	if device.disk != nil {
		entry.Capacity, entry.PopulatedSize = device.source.CapacityBytes, device.source.DataBytes
	}
	one.mu.Lock()
	device.entry = entry
	one.mu.Unlock()
}

// streamISO sends what stands for an ISO image: a little text, as no test looks inside.
func (l *lab) streamISO(w io.Writer, name string, sums []hash.Hash) (int64, error) {
	content := make([]byte, 64<<10)
	copy(content[32769:], "CD001 "+name)
	for _, sum := range sums {
		sum.Write(content)
	}
	n, err := w.Write(content)
	return int64(n), err
}

// guardedWriter stops when the lease ends, and after so many bytes if left is not negative.
type guardedWriter struct {
	to    io.Writer
	ended <-chan struct{}
	left  int64
}

// Write implements io.Writer.
func (g *guardedWriter) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		select {
		case <-g.ended:
			return written, errLeaseOver
		default:
		}
		part := p[written:min(len(p), written+256<<10)]
		if g.left >= 0 && int64(len(part)) > g.left {
			part = part[:g.left]
		}
		n, err := g.to.Write(part)
		written += n
		if g.left >= 0 {
			if g.left -= int64(n); g.left == 0 && err == nil {
				return written, errCut
			}
		}
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// resetConnection breaks the connection off with a TCP reset.
func resetConnection(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // what remains for ending a response that has begun
	}
	type inner interface{ NetConn() net.Conn }
	raw := connection
	if tls, ok := connection.(inner); ok {
		raw = tls.NetConn()
	}
	if tcp, ok := raw.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0)
	}
	raw.Close()
}

// sessionKey is the session cookie's value; vCenter puts it in quotes.
func sessionKey(r *http.Request) string {
	cookie, err := r.Cookie(soap.SessionCookieName)
	if err != nil {
		return ""
	}
	return strings.Trim(cookie.Value, `"`)
}
