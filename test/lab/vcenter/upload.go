package main

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// serveUpload takes a disk of ImportVApp's lease, as `govc import.ova` sends it. The lease is the simulator's, which keeps
// no bytes: the log of requests holds their number and SHA-256.
func (l *lab) serveUpload(w http.ResponseWriter, r *http.Request) {
	l.endIdle()
	key := sessionKey(r)
	session, live := l.session(key)
	entry := requestEntry{Method: r.Method, Path: r.URL.Path, User: session.UserName, Cookie: key != ""}
	if !live {
		entry.Status = http.StatusUnauthorized
		l.requests.add(entry)
		http.Error(w, http.StatusText(entry.Status), entry.Status)
		return
	}
	body := &hashedBody{ReadCloser: r.Body, hash: sha256.New()}
	r.Body = body
	answer := &statusWriter{ResponseWriter: w}
	simulator.ServeNFC(answer, r)
	entry.Status, entry.Bytes, entry.SHA256 = answer.status, body.bytes, hex.EncodeToString(body.hash.Sum(nil))
	l.requests.add(entry)
}

type hashedBody struct {
	io.ReadCloser
	hash  hash.Hash
	bytes int64
}

// Read implements io.Reader.
func (b *hashedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.hash.Write(p[:n])
	b.bytes += int64(n)
	return n, err
}

// announceUploads tells the simulator the address that the URLs of its leases have.
func (l *lab) announceUploads(host string) {
	l.service.Context.Map.OptionManager().UpdateOptions(&types.UpdateOptions{
		ChangedValue: []types.BaseOptionValue{&types.OptionValue{Key: "vcsim.server.url", Value: "https://" + host + "/sdk"}},
	})
}
