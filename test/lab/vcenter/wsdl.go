package main

import (
	_ "embed"
	"net/http"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
)

// smallWSDL describes the handful of operations that the independent witness (node-vsphere-soap) calls.
//
//go:embed vimService.wsdl
var smallWSDL string

// serveWSDL gives the description; a POST to the same address is a SOAP call, for that is where that client sends them.
func (l *lab) serveWSDL(soap http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			r.URL.Path = "/sdk"
			soap.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		w.Write([]byte(strings.ReplaceAll(smallWSDL, "@ENDPOINT@", "https://"+r.Host+"/sdk")))
	}
}

// byValue finds an object by its id alone: vCenter takes a reference without its type attribute.
func (l *lab) byValue(value string) mo.Reference {
	for _, object := range l.service.Context.Map.AllReference("") {
		if object.Reference().Value == value {
			return object
		}
	}
	return nil
}
