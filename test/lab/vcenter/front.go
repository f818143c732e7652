package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// endpoints is the "vcenter" object that the lab prints.
type endpoints struct {
	Host             string       `json:"host"`
	URL              string       `json:"url"`
	Admin            credentials  `json:"admin"`
	Connector        credentials  `json:"connector"`
	ThumbprintSHA256 string       `json:"thumbprintSha256"`
	ThumbprintSHA1   string       `json:"thumbprintSha1"`
	CertificatePEM   string       `json:"certificatePem"`
	WSDL             string       `json:"wsdl"`
	Control          string       `json:"control"`
	Hosts            []hostOnWire `json:"hosts"`
}

type credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

type hostOnWire struct {
	Name             string `json:"name"`
	Address          string `json:"address,omitempty"`
	ThumbprintSHA256 string `json:"thumbprintSha256"`
}

// serve opens the lab's listeners, all on the loopback.
func (l *lab) serve() (*endpoints, error) {
	if l.config.NFC.HostURLs {
		for _, h := range l.hosts {
			if err := l.serveHost(h); err != nil {
				return nil, err
			}
		}
	}
	l.install()
	l.service.Listen = &url.URL{Host: "127.0.0.1:0", User: url.UserPassword(l.admin.username, l.admin.password)}
	l.service.TLS = &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{l.identity.certificate}, NextProtos: []string{"http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			if l.faults.take("certificate", nil) == nil {
				return nil, nil // the certificate above
			}
			return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{l.other.certificate}, NextProtos: []string{"http/1.1"}}, nil
		},
	}
	l.server = l.service.NewServer()
	l.server.Config.ErrorLog = log.New(os.Stderr, "https: ", 0)
	mux := http.NewServeMux()
	mux.HandleFunc("/nfc/", l.serveNFC(true))
	mux.HandleFunc("POST /nfc/", l.serveUpload)
	mux.HandleFunc("PUT /nfc/", l.serveUpload)
	mux.HandleFunc("/folder/", l.serveFolder)
	soap := l.frontSOAP(l.server.Config.Handler)
	mux.HandleFunc("/sdk/vimService.wsdl", l.serveWSDL(soap))
	mux.Handle("/", soap)
	l.server.Listener.Close() // the simulator's own: ours can be away, or swallow everything
	line, err := l.newLine("")
	if err != nil {
		return nil, err
	}
	l.announceUploads(line.address)
	go l.serveLine(line, mux, l.server.TLS, l.server.Config.ErrorLog)
	control, err := l.serveControl()
	if err != nil {
		return nil, err
	}
	host := line.address
	e := &endpoints{
		Host: host, URL: "https://" + host + "/sdk",
		Admin:            credentials{l.admin.username, l.admin.password},
		Connector:        credentials{l.agent.username, l.agent.password},
		ThumbprintSHA256: l.identity.sha256(), ThumbprintSHA1: l.identity.sha1(), CertificatePEM: l.identity.pem,
		WSDL: "https://" + host + "/sdk/vimService.wsdl", Control: control,
	}
	for _, config := range l.config.Hosts {
		if h, ok := l.hostNamed(config.Name); ok {
			e.Hosts = append(e.Hosts, hostOnWire{h.name, h.address, h.identity.sha256()})
		}
	}
	return e, nil
}

// serveHost gives an ESXi host its own address and certificate, for NFC.
func (l *lab) serveHost(h *host) error {
	line, err := l.newLine("nfc")
	if err != nil {
		return err
	}
	h.address = line.address
	mux := http.NewServeMux()
	mux.HandleFunc("/nfc/", l.serveNFC(false))
	go l.serveLine(line, mux, &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{h.identity.certificate}, NextProtos: []string{"http/1.1"},
	}, log.New(os.Stderr, "host: ", 0))
	return nil
}

// frontSOAP stands before the simulator's SOAP service: idle sessions end on time, cookies look like vCenter's, and
// refusals carry vCenter's words.
func (l *lab) frontSOAP(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.endIdle()
		if _, known := l.session(sessionKey(r)); !known && len(l.sessionList()) >= l.config.MaxSessions {
			http.Error(w, fmt.Sprintf("Out of HTTP sessions: Limited to %d", l.config.MaxSessions), http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(&soapWriter{ResponseWriter: w}, r)
	})
}

// soapWriter mends the simulator's answers.
type soapWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter; vCenter quotes the session cookie.
func (s *soapWriter) WriteHeader(status int) {
	s.status = status
	header := s.Header()
	for i, cookie := range header["Set-Cookie"] {
		if value, ok := strings.CutPrefix(cookie, "vmware_soap_session="); ok {
			value, _, _ = strings.Cut(value, ";")
			header["Set-Cookie"][i] = `vmware_soap_session="` + value + `"; Path=/; HttpOnly; Secure; SameSite=Lax`
		}
	}
	header.Set("Content-Type", "text/xml; charset=utf-8")
	s.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter. The simulator writes an answer at once, and gives no text to the faults that
// its dispatch is told to answer.
func (s *soapWriter) Write(p []byte) (int, error) {
	if s.status == http.StatusInternalServerError {
		empty := []byte("<faultstring></faultstring>")
		if at := bytes.Index(p, empty); at >= 0 {
			text := faultMessage(faultTypeIn(p))
			fixed := bytes.Replace(p, empty, []byte("<faultstring>"+text+"</faultstring>"), 1)
			if _, err := s.ResponseWriter.Write(fixed); err != nil {
				return 0, err
			}
			return len(p), nil
		}
	}
	return s.ResponseWriter.Write(p)
}

// faultTypeIn finds the name of the fault in a SOAP fault's detail, e.g. NoPermission of <NoPermissionFault ...>.
func faultTypeIn(body []byte) string {
	_, detail, _ := bytes.Cut(body, []byte("<detail><"))
	name, _, _ := bytes.Cut(detail, []byte(" "))
	return strings.TrimSuffix(string(name), "Fault")
}

// run serves until the context ends.
func run(ctx context.Context, configFile, state string) error {
	config, err := loadConfig(configFile)
	if err != nil {
		return err
	}
	if state, err = filepath.Abs(state); err != nil {
		return err
	}
	l, err := newLab(config, state)
	if err != nil {
		return err
	}
	defer l.model.Remove()
	printed, err := l.serve()
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(printed); err != nil {
		return err
	}
	<-ctx.Done()
	l.faults.remove()
	for _, one := range l.leases.list() {
		one.end("done")
	}
	return nil
}
