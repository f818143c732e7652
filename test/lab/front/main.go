// Command front is the lab's single AWS endpoint: it checks S3 requests itself and lets versitygw (objects) and moto
// (settings that versitygw lacks) answer them; every other service goes to the lab's own AWS server.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"hoist/lab/shape"
)

// Config is the JSON that the front reads from --config FILE, or as the first value on stdin.
type Config struct {
	AwsBackend    string `json:"awsBackend"`    // http://127.0.0.1:PORT
	InternalToken string `json:"internalToken"` // sent to the backend as X-Lab-Internal
	Versitygw     struct {
		URL           string `json:"url"` // http://127.0.0.1:PORT or unix:///path
		RootAccessKey string `json:"rootAccessKey"`
		RootSecretKey string `json:"rootSecretKey"`
	} `json:"versitygw"`
	Moto struct {
		URL string `json:"url"`
	} `json:"moto"`
	Region         string `json:"region"`
	AccountID      string `json:"accountId"`
	StateDir       string `json:"stateDir"`
	Listen         string `json:"listen"` // default 127.0.0.1:0
	BytesPerSecond int64  `json:"bytesPerSecond"`
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("front: ")
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	file := flag.String("config", "", "JSON file; without it the config is read from stdin")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	var config Config
	input := io.Reader(os.Stdin)
	if *file != "" {
		opened, err := os.Open(*file)
		if err != nil {
			return err
		}
		defer opened.Close()
		input = opened
	}
	decoder := json.NewDecoder(input)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	f, err := newFront(config)
	if err != nil {
		return err
	}

	address := config.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	service, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	servers := []*http.Server{serve(f, f.shaper.Listener(service), stop), serve(f.controlHandler(), control, stop)}
	ready, err := json.Marshal(map[string]string{
		"endpoint": "http://" + service.Addr().String(),
		"control":  "http://" + control.Addr().String(),
	})
	if err != nil {
		return err
	}
	fmt.Println(string(ready))

	// The parent holds our stdin open as long as it lives.
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	<-ctx.Done()
	for _, server := range servers {
		server.Close()
	}
	return nil
}

func serve(handler http.Handler, listener net.Listener, stop func()) *http.Server {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, IdleTimeout: 5 * time.Minute}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Print(err)
			stop()
		}
	}()
	return server
}

// front is the state that the handlers share.
type front struct {
	config    Config
	shaper    *shape.Shaper
	requests  requestLog
	faults    faultList
	turns     writeTurns
	buckets   *bucketList
	clock     clock
	backend   *upstream
	versitygw *upstream
	moto      *upstream
}

func newFront(config Config) (*front, error) {
	f := &front{config: config, shaper: shape.New(config.BytesPerSecond), turns: writeTurns{held: map[string]chan struct{}{}}}
	var err error
	if f.buckets, err = loadBuckets(config.StateDir); err != nil {
		return nil, err
	}
	if f.backend, err = newUpstream(config.AwsBackend, nil); err != nil {
		return nil, err
	}
	root := &credentials{config.Versitygw.RootAccessKey, config.Versitygw.RootSecretKey}
	if f.versitygw, err = newUpstream(config.Versitygw.URL, root); err != nil {
		return nil, err
	}
	// moto checks no signature, but reads the Region from it.
	if f.moto, err = newUpstream(config.Moto.URL, &credentials{"moto", "moto"}); err != nil {
		return nil, err
	}
	return f, nil
}
