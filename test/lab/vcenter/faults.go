package main

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"sort"
	"sync"

	"github.com/vmware/govmomi/vim25/types"
)

// fault is one thing that a test ordered to go wrong.
type fault struct {
	ID         int     `json:"id"`
	Kind       string  `json:"kind"`
	Method     string  `json:"method,omitempty"`    // soap, task, hold, sessionEnd: only this SOAP method
	Fault      string  `json:"fault,omitempty"`     // soap, task, leaseError: name of the vSphere fault type
	Message    string  `json:"message,omitempty"`   // soap, task, leaseError: its text
	Datastore  string  `json:"datastore,omitempty"` // datastoreFull
	FreeBytes  int64   `json:"freeBytes,omitempty"` // datastoreFull: what is left
	Disk       string  `json:"disk,omitempty"`      // nfc*, folder*: only URLs that end so
	AfterBytes int64   `json:"afterBytes,omitempty"`
	Grain      int     `json:"grain,omitempty"` // nfcCorruptGrain: 1 is the first that is sent
	Status     int     `json:"status,omitempty"`
	Target     string  `json:"target,omitempty"`  // away, blackHole: soap, nfc or all (the default)
	How        string  `json:"how,omitempty"`     // away: refused (the default) or reset
	State      string  `json:"state,omitempty"`   // taskHold: running (the default) or queued
	VM         string  `json:"vm,omitempty"`      // leaseLost: only leases of this VM, by name
	Seconds    float64 `json:"seconds,omitempty"` // ends by itself after so long, used up or not
	Times      int     `json:"times,omitempty"`   // 0 is 1; -1 for ever
	released   chan struct{}
}

var faultKinds = map[string]bool{
	"soap": true, "task": true, "nfcTruncate": true, "nfcReset": true, "nfcCorruptGrain": true, "nfcStatus": true,
	"nfcManifestLie": true, "leaseExpire": true, "leaseError": true, "folderStatus": true, "folderReset": true, "sessionEnd": true,
	"hold": true, "quiesceFail": true, "datastoreFull": true, "certificate": true, "away": true, "blackHole": true, "taskHold": true,
	"leaseBlocks": true, "leaseLost": true,
}

// lasting are the kinds that hold until they are deleted or their seconds are over, not for a number of times.
var lasting = map[string]bool{"hold": true, "datastoreFull": true, "away": true, "blackHole": true, "taskHold": true, "leaseBlocks": true}

// faults are those in force.
type faults struct {
	mu     sync.Mutex
	byID   map[int]*fault
	nextID int
}

func newFaults() *faults { return &faults{byID: map[int]*fault{}} }

func (f *faults) add(order *fault) error {
	if !faultKinds[order.Kind] {
		return fmt.Errorf("unknown kind of fault %q", order.Kind)
	}
	if (order.Kind == "soap" || order.Kind == "task") && newMethodFault(order.Fault) == nil {
		return fmt.Errorf("unknown vSphere fault %q", order.Fault)
	}
	if !slices.Contains([]string{"", "all", "soap", "nfc"}, order.Target) || !slices.Contains([]string{"", "refused", "reset"}, order.How) ||
		!slices.Contains([]string{"", "running", "queued"}, order.State) || order.Seconds < 0 {
		return fmt.Errorf("target is soap, nfc or all; how is refused or reset; state is running or queued; seconds are not negative")
	}
	if lasting[order.Kind] {
		order.Times = -1
	}
	if order.Times == 0 {
		order.Times = 1
	}
	if order.Status == 0 {
		order.Status = http.StatusServiceUnavailable
	}
	order.released = make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nextID++
	order.ID = f.nextID
	f.byID[order.ID] = order
	return nil
}

// remove ends the faults given, or all; it returns those that it ended.
func (f *faults) remove(ids ...int) (removed []*fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(ids) == 0 {
		for id := range f.byID {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if order := f.byID[id]; order != nil {
			removed = append(removed, order)
			close(order.released)
			delete(f.byID, id)
		}
	}
	return removed
}

func (f *faults) list() []*fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	orders := []*fault{}
	for _, order := range f.byID {
		orders = append(orders, order)
	}
	sort.Slice(orders, func(i, j int) bool { return orders[i].ID < orders[j].ID })
	return orders
}

// peek finds the oldest fault of the kind that matches, and leaves its count alone.
func (f *faults) peek(kind string, match func(*fault) bool) *fault {
	for _, order := range f.list() {
		if order.Kind == kind && (match == nil || match(order)) {
			return order
		}
	}
	return nil
}

// take finds one and counts it.
func (f *faults) take(kind string, match func(*fault) bool) *fault {
	order := f.peek(kind, match)
	if order == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byID[order.ID] == nil {
		return nil // another request took it meanwhile
	}
	if order.Times > 0 {
		if order.Times--; order.Times == 0 {
			close(order.released)
			delete(f.byID, order.ID)
		}
	}
	return order
}

// task is the fault that a task of the method is to end with.
func (f *faults) task(method string) *taskFault {
	order := f.take("task", func(o *fault) bool { return o.Method == method || o.Method == "" })
	if order == nil {
		return nil
	}
	return order.asTaskFault()
}

func (o *fault) asTaskFault() *taskFault {
	made := newMethodFault(o.Fault)
	message := o.Message
	if message == "" {
		message = faultMessage(o.Fault)
	}
	return &taskFault{made, message}
}

// newMethodFault makes a vSphere fault by the name of its type; nil if there is none.
func newMethodFault(name string) types.BaseMethodFault {
	kind, ok := types.TypeFunc()(name)
	if !ok {
		return nil
	}
	made, _ := reflect.New(kind).Interface().(types.BaseMethodFault)
	return made
}

var faultMessages = map[string]string{
	"NotAuthenticated":           "The session is not authenticated.",
	"NoPermission":               "Permission to perform this operation was denied.",
	"InvalidLogin":               "Cannot complete login due to an incorrect user name or password.",
	"ManagedObjectNotFound":      "The object has already been deleted or has not been completely created",
	"InvalidArgument":            "A specified parameter was not correct.",
	"InvalidPowerState":          "The attempted operation cannot be performed in the current state (Powered on).",
	"InvalidState":               "The operation is not allowed in the current state.",
	"TaskInProgress":             "Another task is already in progress.",
	"NotSupported":               "The operation is not supported on the object.",
	"FileFault":                  "Error caused by file",
	"FileLocked":                 "Unable to access file since it is locked",
	"NoDiskSpace":                "There is not enough space on the file system for the selected operation.",
	"ApplicationQuiesceFault":    "An error occurred while quiescing the virtual machine. See the virtual machine's event log for details.",
	"Timedout":                   "Operation timed out.",
	"HostCommunication":          "Unable to communicate with the remote host, since it is disconnected.",
	"InsufficientResourcesFault": "The operation cannot be performed due to insufficient resources.",
	"SystemError":                "A general system error occurred.",
}

func faultMessage(name string) string {
	if message, ok := faultMessages[name]; ok {
		return message
	}
	return "The operation failed: " + name
}
