// The servers behind the front, and passing requests on to them without holding their bodies.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

const copyBytes = 256 << 10

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

type upstream struct {
	base      *url.URL
	root      *credentials // signs what goes there; nil passes the client's signature on
	transport *http.Transport
}

// newUpstream takes http://HOST:PORT or unix:///path/of/socket.
func newUpstream(address string, root *credentials) (*upstream, error) {
	base, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		MaxIdleConnsPerHost: 128,
		IdleConnTimeout:     30 * time.Second,
		DisableCompression:  true, // it would add a header and change bodies
		WriteBufferSize:     copyBytes,
		ReadBufferSize:      copyBytes,
	}
	socket := ""
	if base.Scheme == "unix" {
		socket = base.Path
		base = &url.URL{Scheme: "http", Host: "localhost"}
	}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if socket != "" {
			network, address = "unix", socket
		}
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return wideConn{conn}, nil
	}
	return &upstream{base, root, transport}, nil
}

// wideConn sends bodies in large pieces: net/http would take 32 KiB at a time.
type wideConn struct{ net.Conn }

func (c wideConn) ReadFrom(r io.Reader) (int64, error) {
	buffer := buffers.Get()
	defer buffers.Put(buffer)
	return io.CopyBuffer(struct{ io.Writer }{c.Conn}, r, buffer)
}

type bufferPool struct{ sync.Pool }

func (p *bufferPool) Get() []byte  { return *p.Pool.Get().(*[]byte) }
func (p *bufferPool) Put(b []byte) { p.Pool.Put(&b) }

var buffers = &bufferPool{sync.Pool{New: func() any { b := make([]byte, copyBytes); return &b }}}

// forward passes the request on. change edits the outgoing request before it is signed, answer the response; either may be nil.
func (f *front) forward(w http.ResponseWriter, r *http.Request, to *upstream, payloadHash string, change func(*http.Request), answer func(*http.Response) error) {
	proxy := &httputil.ReverseProxy{
		Transport:  to.transport,
		BufferPool: buffers,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = to.base.Scheme, to.base.Host
			p.Out.Host = p.In.Host
			p.Out.URL.RawQuery = p.In.URL.RawQuery
			if change != nil {
				change(p.Out)
			}
			if to.root != nil {
				sign(p.Out, *to.root, f.config.Region, payloadHash)
			}
		},
		ModifyResponse: answer,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				log.Printf("%s %s: %v", r.Method, r.URL.Path, err)
			}
			f.refuse(w, r, &apiError{503, "ServiceUnavailable", "The server behind the lab's endpoint did not answer"})
		},
		ErrorLog: log.Default(),
	}
	proxy.ServeHTTP(w, r)
}

// send makes a request of the front's own to versitygw or moto.
func (f *front) send(ctx context.Context, to *upstream, method, path, body string, headers map[string]string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, to.base.String()+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Host = r.URL.Host
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	sign(r, *to.root, f.config.Region, hashOf([]byte(body)))
	response, err := to.transport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// readBody takes a body of bounded size, and checks it against the hash that was signed.
func readBody(r *http.Request, limit int64, payloadHash string) ([]byte, *apiError) {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, &apiError{400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header"}
	}
	if int64(len(body)) > limit {
		return nil, &apiError{400, "MaxMessageLengthExceeded", "Your request was too large."}
	}
	if len(payloadHash) == 64 && payloadHash != hashOf(body) {
		return nil, &apiError{400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."}
	}
	setBody(r, body)
	return body, nil
}

func setBody(r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
}
