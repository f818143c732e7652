package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"

	"hoist/lab/shape"
)

// lab is the whole of the simulated vCenter: the simulator underneath, and what the overlay adds to it.
type lab struct {
	config   *Config
	state    string
	cacheDir string
	model    *simulator.Model
	service  *simulator.Service
	server   *simulator.Server
	client   *vim25.Client // in the process, with every privilege
	accounts map[string]*account
	admin    *account
	agent    *account // the connector's account
	identity *identity
	other    *identity // what the "certificate" fault serves
	hosts    map[types.ManagedObjectReference]*host
	shaper   *shape.Shaper
	faults   *faults
	requests requestLog
	sessions *sessions
	leases   leases
	lines    lines

	datacenter    types.ManagedObjectReference
	vmFolder      types.ManagedObjectReference
	pool          types.ManagedObjectReference
	datastores    map[string]types.ManagedObjectReference
	datastoreSize map[string]DatastoreConfig
	datastoreFree map[string]int64 // what its hosts see, which vCenter need not know yet

	mu     sync.Mutex
	vms    map[types.ManagedObjectReference]*machine
	taskID int64
}

// machine is what the overlay knows of a VM.
type machine struct {
	mu          sync.Mutex // one operation on a VM at a time, as vCenter queues them
	ref         types.ManagedObjectReference
	config      VMConfig
	dir         string
	disks       []*disk
	snapshotIDs int32
	exports     int  // open leases of the VM itself: it can't be powered on meanwhile
	tracking    bool // asked for; it begins at the next stun

	consolidationStays bool // ConsolidateVMDisks ends well and changes nothing
}

func newLab(config *Config, state string) (*lab, error) {
	l := &lab{
		config: config, state: state, cacheDir: config.NFC.CacheDir,
		hosts: map[types.ManagedObjectReference]*host{}, shaper: shape.New(0),
		datastores: map[string]types.ManagedObjectReference{}, datastoreSize: map[string]DatastoreConfig{},
		datastoreFree: map[string]int64{},
		vms:           map[types.ManagedObjectReference]*machine{}, taskID: 100_000,
	}
	if l.cacheDir == "" {
		l.cacheDir = filepath.Join(state, "nfc-cache")
	}
	l.faults = newFaults()
	l.sessions = newSessions(time.Duration(config.SessionTimeoutSeconds * float64(time.Second)))
	l.leases.byToken = map[string]*lease{}
	l.lines.open = map[*lineConn]bool{}
	var err error
	if l.identity, err = newIdentity("vcenter.lab"); err != nil {
		return nil, err
	}
	if l.other, err = newIdentity("vcenter.lab"); err != nil {
		return nil, err
	}
	if err := l.makeAccounts(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	if err := l.buildInventory(); err != nil {
		return nil, err
	}
	return l, nil
}

// context gives a fresh context of the simulator's, for one operation inside the process: locks belong to contexts.
func (l *lab) context() *simulator.Context {
	ctx := *l.service.Context
	ctx.Context = context.Background()
	return &ctx
}

// machineOf finds the overlay's part of a VM.
func (l *lab) machineOf(ref types.ManagedObjectReference) *machine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.vms[ref]
}

func (l *lab) machineNamed(name string) *machine {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.vms {
		if m.config.Name == name {
			return m
		}
	}
	return nil
}

func (m *machine) disk(key int32) *disk {
	for _, d := range m.disks {
		if d.key == key {
			return d
		}
	}
	return nil
}

// vm is the simulator's part of a machine.
func (l *lab) vm(m *machine) *simulator.VirtualMachine {
	vm, _ := l.service.Context.Map.Get(m.ref).(*simulator.VirtualMachine)
	return vm
}

func (l *lab) nextTask() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taskID++
	return fmt.Sprintf("task-%d", l.taskID)
}
