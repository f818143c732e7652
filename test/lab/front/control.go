// The control port: what tests read and set. What the front does not know goes to the AWS server's /control.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
)

func (f *front) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, r *http.Request) {
		since, _ := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64) // absent: from the start
		answer(w, http.StatusOK, f.requests.since(since))
	})
	mux.HandleFunc("DELETE /requests", func(w http.ResponseWriter, _ *http.Request) {
		f.requests.clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, f.faults.list()) })
	mux.HandleFunc("POST /faults", f.addFault)
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		f.faults.remove(0)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /faults/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
		if err != nil || id == 0 {
			answer(w, http.StatusBadRequest, map[string]string{"message": "id is a number"})
			return
		}
		f.faults.remove(id)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /shape", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ BytesPerSecond int64 }
		if take(w, r, &body) {
			f.shaper.SetRate(body.BytesPerSecond)
			answer(w, http.StatusOK, map[string]int64{"bytesPerSecond": f.shaper.Rate()})
		}
	})
	mux.HandleFunc("POST /clock", f.setClock)
	mux.HandleFunc("POST /accounts/{id}/buckets", f.addBucket)
	mux.HandleFunc("GET /buckets", func(w http.ResponseWriter, _ *http.Request) {
		owners := map[string]string{}
		f.buckets.mutex.Lock()
		for name, b := range f.buckets.buckets {
			owners[name] = b.Owner
		}
		f.buckets.mutex.Unlock()
		answer(w, http.StatusOK, owners)
	})
	mux.HandleFunc("/", f.passControl)
	return mux
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// take reads a JSON body; false if it was answered with an error. Unknown keys are refused.
func take(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"message": err.Error()})
		return false
	}
	return true
}

func (f *front) addFault(w http.ResponseWriter, r *http.Request) {
	var body fault
	if !take(w, r, &body) {
		return
	}
	if !faultKinds[body.Kind] || body.Kind == "error" && (body.Code == "" || body.StatusCode < 300) {
		answer(w, http.StatusBadRequest, map[string]string{"message": "kind is error (with code and statusCode), expiredToken, reset, loseAnswer, delay, hold or corruptBody"})
		return
	}
	answer(w, http.StatusOK, map[string]int64{"id": f.faults.add(&body)})
}

func (f *front) addBucket(w http.ResponseWriter, r *http.Request) {
	var body struct{ Name string }
	if r.ContentLength != 0 && !take(w, r, &body) {
		return
	}
	if body.Name == "" {
		body.Name = "not-yours-" + strings.ToLower(newRequestID())
	}
	if err := f.giveBucket(r.Context(), body.Name, r.PathValue("id")); err != nil {
		answer(w, http.StatusConflict, map[string]string{"message": err.Error()})
		return
	}
	// VM Import reads buckets behind the front's back: the backend has to know whose they are.
	if err := f.tellBackend(r.Context(), "/control/buckets", map[string]string{"name": body.Name, "owner": r.PathValue("id")}); err != nil {
		answer(w, http.StatusBadGateway, map[string]string{"message": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]string{"name": body.Name, "accountId": r.PathValue("id")})
}

// setClock moves the front's time and, as S3 and the other services are one AWS, the backend's.
func (f *front) setClock(w http.ResponseWriter, r *http.Request) {
	var body struct{ SkewMs int64 }
	if !take(w, r, &body) {
		return
	}
	f.clock.skewMs.Store(body.SkewMs)
	text, err := json.Marshal(map[string]int64{"skewMs": body.SkewMs})
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"message": err.Error()})
		return
	}
	setBody(r, text)
	r.Header.Set("Content-Length", fmt.Sprint(len(text)))
	f.passControl(w, r)
}

// tellBackend posts to the AWS server's control routes.
func (f *front) tellBackend(ctx context.Context, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.backend.base.String()+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Lab-Internal", f.config.InternalToken)
	response, err := f.backend.transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		told, err := io.ReadAll(response.Body)
		return errors.Join(err, fmt.Errorf("the AWS server answered %d to %s: %s", response.StatusCode, path, told))
	}
	return nil
}

func (f *front) passControl(w http.ResponseWriter, r *http.Request) {
	proxy := &httputil.ReverseProxy{
		Transport: f.backend.transport,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = f.backend.base.Scheme, f.backend.base.Host
			p.Out.URL.Path, p.Out.URL.RawPath = "/control"+p.In.URL.Path, ""
			p.Out.Header.Set("X-Lab-Internal", f.config.InternalToken)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			answer(w, http.StatusBadGateway, map[string]string{"message": err.Error()})
		},
	}
	proxy.ServeHTTP(w, r)
}
