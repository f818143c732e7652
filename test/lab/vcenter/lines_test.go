package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	vimfault "github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// dial opens a TLS connection of its own.
func (f *fixture) dial(address string) (*tls.Conn, error) {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return tls.DialWithDialer(dialer, "tcp", address, &tls.Config{InsecureSkipVerify: true})
}

// answers tells whether vCenter answers a property read of a living session.
func (f *fixture) answers() error {
	_, err := methods.GetCurrentTime(f.ctx, f.client)
	return err
}

// transfer begins a download and gives the body after its first byte.
func (f *fixture) transfer(target string) io.ReadCloser {
	f.t.Helper()
	request, _ := http.NewRequest("GET", target, nil)
	for _, cookie := range f.client.Client.Client.Jar.Cookies(f.client.URL()) {
		request.AddCookie(cookie)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	response, err := client.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { response.Body.Close() })
	if _, err := io.ReadFull(response.Body, make([]byte, 1)); err != nil {
		f.t.Fatal(err)
	}
	return response.Body
}

// slowConfig has a disk that lasts some seconds on a slow link.
var slowConfig = strings.NewReplacer(`"leaseTimeoutSeconds":1`, `"leaseTimeoutSeconds":30`, `"sessionTimeoutSeconds":2`, `"sessionTimeoutSeconds":60`,
	`"sizeBytes":4194816,"kind":"data"`, `"sizeBytes":4194304,"kind":"noise"`).Replace(testConfig)

func TestVCenterThatIsAwayRefusesAndComesBackAtTheSameAddress(t *testing.T) {
	f := start(t, slowConfig)
	_, info := f.lease("web01", f.snapshot("web01"))
	f.control("POST", "/shape", map[string]any{"bytesPerSecond": 1_000_000})
	body := f.transfer(info.Items[0].URL.String())
	id := f.order(map[string]any{"kind": "away"})
	if _, err := f.dial(f.printed.Host); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("%v", err)
	}
	if _, err := io.Copy(io.Discard, body); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("a transfer that went on: %v", err)
	}
	f.control("DELETE", "/faults/"+id, nil)
	if err := f.answers(); err != nil {
		t.Fatalf("after it came back, with the session that it had: %v", err)
	}
	f.control("POST", "/faults", map[string]any{"kind": "away", "seconds": 0.2})
	if f.answers() == nil {
		t.Fatal("not away again")
	}
	time.Sleep(400 * time.Millisecond)
	if err := f.answers(); err != nil {
		t.Fatalf("it does not come back by itself: %v", err)
	}
}

func TestVCenterThatIsAwayResetsWhoeverCalls(t *testing.T) {
	f := start(t, testConfig)
	f.order(map[string]any{"kind": "away", "how": "reset"})
	if _, err := f.dial(f.printed.Host); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("%v", err)
	}
	f.control("DELETE", "/faults", nil)
	if err := f.answers(); err != nil {
		t.Fatal(err)
	}
}

func TestSOAPAndTransfersGoAwayEachByItself(t *testing.T) {
	f := start(t, slowConfig)
	_, info := f.lease("web01", f.snapshot("web01"))
	target := info.Items[0].URL.String()
	id := f.order(map[string]any{"kind": "away", "target": "nfc"})
	if err := f.answers(); err != nil {
		t.Fatal(err)
	}
	request, _ := http.NewRequest("GET", target, nil)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	if _, err := client.Do(request); err == nil {
		t.Fatal("a transfer began")
	}
	f.control("DELETE", "/faults/"+id, nil)
	f.control("POST", "/shape", map[string]any{"bytesPerSecond": 2_000_000})
	body := f.transfer(target)
	f.order(map[string]any{"kind": "away", "target": "soap"})
	if f.answers() == nil {
		t.Fatal("SOAP is not away")
	}
	if n, err := io.Copy(io.Discard, body); err != nil || n < 3_000_000 {
		t.Fatalf("%d bytes, %v", n, err)
	}
}

func TestHostsOwnAddressGoesAwayWithTheTransfers(t *testing.T) {
	f := start(t, strings.Replace(slowConfig, `"seed":3`, `"seed":3,"nfc":{"hostUrls":true}`, 1))
	_, info := f.lease("web01", f.snapshot("web01"))
	address := info.Items[0].URL.Host
	if address == f.printed.Host {
		t.Fatal("the host has no address of its own")
	}
	id := f.order(map[string]any{"kind": "away", "target": "nfc"})
	if _, err := f.dial(address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("%v", err)
	}
	if err := f.answers(); err != nil {
		t.Fatal(err)
	}
	f.control("DELETE", "/faults/"+id, nil)
	f.transfer(info.Items[0].URL.String())
}

func TestBlackHoleFreezesWhatIsOpenAndAcceptsWithoutAnAnswer(t *testing.T) {
	f := start(t, slowConfig)
	_, info := f.lease("web01", f.snapshot("web01"))
	f.control("POST", "/shape", map[string]any{"bytesPerSecond": 4_000_000})
	body := f.transfer(info.Items[0].URL.String())
	const hole = 1500 * time.Millisecond
	began := time.Now()
	f.order(map[string]any{"kind": "blackHole", "seconds": hole.Seconds()})
	dialer := &net.Dialer{Timeout: 300 * time.Millisecond}
	raw, err := dialer.Dial("tcp", f.printed.Host)
	if err != nil {
		t.Fatalf("not accepted: %v", err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(300 * time.Millisecond))
	if err := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}).Handshake(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a new connection: %v", err)
	}
	answered := make(chan time.Duration, 2)
	go func() {
		if n, err := io.Copy(io.Discard, body); err != nil || n < 3_000_000 {
			t.Errorf("%d bytes, %v", n, err)
		}
		answered <- time.Since(began)
	}()
	go func() {
		if err := f.answers(); err != nil {
			t.Error(err)
		}
		answered <- time.Since(began)
	}()
	for range 2 {
		if after := <-answered; after < hole {
			t.Errorf("something came through after %s", after)
		}
	}
}

func TestBlackHoleOfTransfersLeavesSOAPAlone(t *testing.T) {
	f := start(t, slowConfig)
	_, info := f.lease("web01", f.snapshot("web01"))
	id := f.order(map[string]any{"kind": "blackHole", "target": "nfc"})
	ctx, cancel := context.WithTimeout(f.ctx, 300*time.Millisecond)
	defer cancel()
	request, _ := http.NewRequestWithContext(ctx, "GET", info.Items[0].URL.String(), nil)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	if _, err := client.Do(request); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
	if err := f.answers(); err != nil {
		t.Fatal(err)
	}
	f.control("DELETE", "/faults/"+id, nil)
	f.transfer(info.Items[0].URL.String())
}

func TestLeaseOfAClientThatCrashedIsHeldUntilItsTimeOut(t *testing.T) {
	f := start(t, strings.Replace(slowConfig, `"leaseTimeoutSeconds":30`, `"leaseTimeoutSeconds":1`, 1))
	snapshot := f.snapshot("web01")
	f.lease("web01", snapshot)
	f.client.Client.Client.CloseIdleConnections() // and never a word again
	other := f.login()
	blocks := f.order(map[string]any{"kind": "leaseBlocks"})
	remove := func() error {
		answer, err := methods.RemoveSnapshot_Task(f.ctx, other, &types.RemoveSnapshot_Task{This: snapshot})
		if err != nil {
			return err
		}
		return f.wait(answer.Returnval)
	}
	if err := remove(); err == nil || !strings.Contains(err.Error(), "in progress") {
		t.Fatalf("a lease that is held: %v", err)
	}
	if leases := f.control("GET", "/state", nil)["leases"].([]any); len(leases) != 1 {
		t.Fatalf("%v", leases)
	}
	for len(f.control("GET", "/state", nil)["leases"].([]any)) > 0 {
		time.Sleep(50 * time.Millisecond)
	}
	if err := remove(); err != nil {
		t.Fatalf("after the time-out: %v", err)
	}
	f.control("DELETE", "/faults/"+blocks, nil)
}

func (f *fixture) wait(task types.ManagedObjectReference) error {
	var seen mo.Task
	for {
		if err := property.DefaultCollector(f.client.Client).RetrieveOne(f.ctx, task, []string{"info"}, &seen); err != nil {
			return err
		}
		switch seen.Info.State {
		case types.TaskInfoStateSuccess:
			return nil
		case types.TaskInfoStateError:
			return errors.New(seen.Info.Error.LocalizedMessage)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestLeasesAreLostAtOnceAllOrThoseOfOneVM(t *testing.T) {
	f := start(t, slowConfig)
	snapshot := f.snapshot("web01")
	lease, info := f.lease("web01", snapshot)
	f.control("POST", "/shape", map[string]any{"bytesPerSecond": 1_000_000})
	body := f.transfer(info.Items[0].URL.String())
	if struck := f.control("POST", "/faults", map[string]any{"kind": "leaseLost", "vm": "off01"})["struck"]; struck != 0.0 {
		t.Fatalf("%v leases of another VM", struck)
	}
	if struck := f.control("POST", "/faults", map[string]any{"kind": "leaseLost"})["struck"]; struck != 1.0 {
		t.Fatalf("%v leases", struck)
	}
	if _, err := io.Copy(io.Discard, body); err == nil {
		t.Fatal("the transfer ended well")
	}
	var seen mo.HttpNfcLease
	if err := property.DefaultCollector(f.client.Client).RetrieveOne(f.ctx, lease.Reference(), []string{"state", "error"}, &seen); err != nil {
		t.Fatal(err)
	}
	if _, ok := seen.Error.Fault.(*types.HostCommunication); !ok || seen.State != types.HttpNfcLeaseStateError {
		t.Fatalf("%s %+v", seen.State, seen.Error)
	}
	if again, _ := f.lease("web01", snapshot); again.Complete(f.ctx) != nil {
		t.Fatal("the next lease does not work")
	}
}

func TestFreeSpaceShowsWhenVCenterAsksTheHosts(t *testing.T) {
	f := start(t, testConfig)
	ref := f.lab.datastores["vmfs1"]
	free := func() int64 {
		var ds mo.Datastore
		if err := property.DefaultCollector(f.client.Client).RetrieveOne(f.ctx, ref, []string{"summary.freeSpace"}, &ds); err != nil {
			t.Fatal(err)
		}
		return ds.Summary.FreeSpace
	}
	if free() != 10*tebibyte {
		t.Fatalf("%d bytes are free at first", free())
	}
	f.control("POST", "/datastores/vmfs1/free", map[string]any{"freeBytes": 4096})
	if free() != 10*tebibyte {
		t.Fatal("vCenter knows without asking")
	}
	if _, err := methods.RefreshDatastore(f.ctx, f.client, &types.RefreshDatastore{This: ref}); err != nil {
		t.Fatal(err)
	}
	if free() != 4096 {
		t.Fatalf("%d bytes are free", free())
	}
	if _, err := methods.RefreshDatastore(f.ctx, f.client, &types.RefreshDatastore{This: types.ManagedObjectReference{Type: "Datastore", Value: "datastore-0"}}); !vimfault.Is(err, &types.ManagedObjectNotFound{}) {
		t.Fatalf("%v", err)
	}
}

func TestTaskThatIsHeldStandsAmongTheRecentTasksOfItsVM(t *testing.T) {
	f := start(t, testConfig)
	for _, state := range []types.TaskInfoState{types.TaskInfoStateRunning, types.TaskInfoStateQueued} {
		id := f.order(map[string]any{"kind": "taskHold", "method": "CreateSnapshot_Task", "state": string(state)})
		task, err := f.vm("web01").CreateSnapshot(f.ctx, "s", "", false, false)
		if err != nil {
			t.Fatal(err)
		}
		var vm mo.VirtualMachine
		var seen mo.Task
		for seen.Info.State != state { // it is running for an instant before it is queued
			if err := f.vm("web01").Properties(f.ctx, f.vm("web01").Reference(), []string{"recentTask"}, &vm); err != nil {
				t.Fatal(err)
			}
			newest := vm.RecentTask[len(vm.RecentTask)-1]
			if newest != task.Reference() {
				t.Fatalf("%v lacks %v", vm.RecentTask, task.Reference())
			}
			if err := property.DefaultCollector(f.client.Client).RetrieveOne(f.ctx, newest, []string{"info"}, &seen); err != nil {
				t.Fatal(err)
			}
		}
		if seen.Info.DescriptionId != "VirtualMachine.createSnapshot" {
			t.Fatal(seen.Info.DescriptionId)
		}
		f.control("DELETE", "/faults/"+id, nil)
		if err := task.Wait(f.ctx); err != nil {
			t.Fatal(err)
		}
	}
}
