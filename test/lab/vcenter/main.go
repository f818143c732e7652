// Command vcenter is the lab's vCenter: VMware's simulator (govmomi) with what it lacks laid over it, and strict where
// it is lenient. See README.md for each behaviour. It prints one JSON line when it is ready, and ends when its standard
// input closes or on SIGTERM.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	configFile := flag.String("config", "", "the lab's configuration file (JSON)")
	state := flag.String("state", "", "folder for disks and caches (default: a new one that is removed at the end)")
	flag.Parse()
	log.SetOutput(os.Stderr)
	log.SetFlags(log.Ltime | log.Lmicroseconds)

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if err := runIn(ctx, *configFile, *state); err != nil {
		fmt.Fprintln(os.Stderr, "vcenter:", err)
		os.Exit(1)
	}
}

func runIn(ctx context.Context, configFile, state string) error {
	if state == "" {
		temporary, err := os.MkdirTemp("", "lab-vcenter-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		state = temporary
	}
	return run(ctx, configFile, state)
}
