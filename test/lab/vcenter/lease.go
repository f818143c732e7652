package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hoist/lab/streamvmdk"
)

// initializing is how long a lease takes at least to become ready.
const initializing = 150 * time.Millisecond

// HttpNfcLease is an export lease. The simulator names managed objects after their Go type, hence the name.
type HttpNfcLease struct {
	mo.HttpNfcLease
	lab *lab
	own *lease
}

// lease is the state behind it.
type lease struct {
	lab      *lab
	object   *HttpNfcLease
	session  string
	user     string
	token    string
	machine  *machine
	snapshot string // moref value; empty for a VM that is off
	seed     uint64

	mu       sync.Mutex
	state    types.HttpNfcLeaseState
	progress time.Time
	percent  int32
	devices  []*leaseDevice
	ended    chan struct{} // closed when the lease is over, however
}

// leaseDevice is one file of a lease.
type leaseDevice struct {
	disk         *disk // nil for an ISO
	iso          string
	key          string
	targetID     string
	file         string
	source       *streamvmdk.Source
	checksumType string
	entry        *types.HttpNfcLeaseManifestEntry // once it was transferred whole
}

// leases are the open ones, by the token in their URLs.
type leases struct {
	mu      sync.Mutex
	byToken map[string]*lease
}

func (ls *leases) find(token string) *lease {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.byToken[token]
}

func (ls *leases) list() (all []*lease) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, one := range ls.byToken {
		all = append(all, one)
	}
	return all
}

// endSession aborts the leases of a session that is over.
func (ls *leases) endSession(key string) {
	for _, one := range ls.list() {
		if one.session == key {
			one.fail(&types.NotAuthenticated{}, faultMessage("NotAuthenticated"))
		}
	}
}

// openLease begins an export; the lease gets ready in the background.
func (l *lab) openLease(ctx *simulator.Context, m *machine, snapshot string) types.ManagedObjectReference {
	object := &HttpNfcLease{lab: l}
	object.State = types.HttpNfcLeaseStateInitializing
	object.Mode = string(types.HttpNfcLeaseModePushOrGet)
	object.Capabilities = types.HttpNfcLeaseCapabilities{PullModeSupported: true, CorsSupported: true}
	ctx.Session.Put(object)
	one := &lease{
		lab: l, object: object, session: ctx.Session.Key, user: ctx.Session.UserName, machine: m, snapshot: snapshot,
		token: strings.ReplaceAll(uuid.NewString(), "-", ""), state: object.State, progress: time.Now(), ended: make(chan struct{}),
	}
	if !l.config.NFC.PinEncoding {
		one.seed = rand.Uint64() | 1
	}
	object.own = one
	l.leases.mu.Lock()
	l.leases.byToken[one.token] = one
	l.leases.mu.Unlock()
	if snapshot == "" {
		m.mu.Lock()
		m.exports++
		m.mu.Unlock()
	}
	go one.prepare()
	return object.Self
}

// prepare makes the lease ready: every disk's frozen bytes are found and encoded.
func (one *lease) prepare() {
	began := time.Now()
	if order := one.lab.faults.take("leaseError", nil); order != nil {
		if order.Fault == "" {
			order.Fault = "HostCommunication"
		}
		failed := order.asTaskFault()
		one.fail(failed.fault, failed.message)
		return
	}
	devices, err := one.makeDevices()
	if err != nil {
		one.fail(&types.SystemError{Reason: err.Error()}, "A general system error occurred: "+err.Error())
		return
	}
	if rest := initializing - time.Since(began); rest > 0 {
		time.Sleep(rest)
	}
	info := one.describe(devices)
	one.mu.Lock()
	if one.state != types.HttpNfcLeaseStateInitializing {
		one.mu.Unlock()
		return
	}
	one.state, one.devices, one.progress = types.HttpNfcLeaseStateReady, devices, time.Now()
	one.mu.Unlock()
	one.show(
		types.PropertyChange{Name: "initializeProgress", Val: int32(100)},
		types.PropertyChange{Name: "info", Val: info},
		types.PropertyChange{Name: "state", Val: types.HttpNfcLeaseStateReady},
	)
	one.watch()
}

// watch ends the lease when no progress was told for the time-out, or when a test says so.
func (one *lease) watch() {
	timeout := time.Duration(one.lab.config.LeaseTimeoutSeconds * float64(time.Second))
	tick := time.NewTicker(min(time.Second, timeout/4))
	defer tick.Stop()
	for {
		select {
		case <-one.ended:
			return
		case <-tick.C:
		}
		one.mu.Lock()
		late := time.Since(one.progress) > timeout
		one.mu.Unlock()
		if late {
			one.fail(&types.Timedout{}, "The lease has timed out: no progress was reported.")
			return
		}
	}
}

// fail puts the lease into the state "error"; transfers break off.
func (one *lease) fail(fault types.BaseMethodFault, message string) {
	one.failIn(one.lab.context(), fault, message)
}

// failIn is fail for a caller whose context holds the lease object's lock already.
func (one *lease) failIn(ctx *simulator.Context, fault types.BaseMethodFault, message string) {
	if !one.end(types.HttpNfcLeaseStateError) {
		return
	}
	ctx.Map.AtomicUpdate(ctx, one.object, []types.PropertyChange{
		{Name: "error", Val: types.LocalizedMethodFault{Fault: fault, LocalizedMessage: message}},
		{Name: "state", Val: types.HttpNfcLeaseStateError},
	})
}

// end takes the lease out of service once; false if that happened before.
func (one *lease) end(state types.HttpNfcLeaseState) bool {
	one.mu.Lock()
	if one.state == types.HttpNfcLeaseStateDone || one.state == types.HttpNfcLeaseStateError {
		one.mu.Unlock()
		return false
	}
	one.state = state
	close(one.ended)
	one.mu.Unlock()
	ls := &one.lab.leases
	ls.mu.Lock()
	delete(ls.byToken, one.token)
	ls.mu.Unlock()
	if one.snapshot == "" {
		one.machine.mu.Lock()
		one.machine.exports--
		one.machine.mu.Unlock()
	}
	return true
}

// show changes the lease's properties, and wakes those who wait for them.
func (one *lease) show(changes ...types.PropertyChange) {
	ctx := one.lab.context()
	ctx.WithLock(one.object, func() { ctx.Update(one.object, changes) })
}

// makeDevices finds what the lease exports: the disks that snapshots include, and an attached ISO.
func (one *lease) makeDevices() ([]*leaseDevice, error) {
	var devices []*leaseDevice
	m := one.machine
	if err := m.materialize(); err != nil {
		return nil, err
	}
	for i, d := range m.disks {
		if !d.snapshotted() && one.snapshot != "" {
			continue // an independent disk or physical RDM is not in the snapshot
		}
		if d.config.RDM == "physical" {
			continue
		}
		file, err := d.frozenFile(one.snapshot)
		if err != nil {
			return nil, err
		}
		source, err := one.lab.encode(file)
		if err != nil {
			return nil, err
		}
		devices = append(devices, &leaseDevice{
			disk: d, source: source, file: file, checksumType: "sha1",
			key:      fmt.Sprintf("/%s/ParaVirtualSCSIController%d:%d", m.ref.Value, i/disksPerBus, diskUnit(i)),
			targetID: fmt.Sprintf("disk-%d.vmdk", i),
		})
	}
	if m.config.ISO != "" {
		devices = append(devices, &leaseDevice{
			iso: m.config.ISO, key: fmt.Sprintf("/%s/VirtualIDEController0:0", m.ref.Value), targetID: "file-0.iso", checksumType: "sha1",
		})
	}
	return devices, nil
}

// describe gives the lease's info: URLs, time-out, sizes.
func (one *lease) describe(devices []*leaseDevice) *types.HttpNfcLeaseInfo {
	info := &types.HttpNfcLeaseInfo{
		Lease: one.object.Self, Entity: one.machine.ref, LeaseTimeout: int32(max(1, one.lab.config.LeaseTimeoutSeconds)),
	}
	h, thumbprint := one.lab.hostOf(one.machine), ""
	address := "*"
	if h != nil && h.address != "" {
		address, thumbprint = h.address, h.identity.sha1()
	}
	for _, device := range devices {
		var size int64
		if device.disk != nil {
			size = device.source.DataBytes
			info.TotalDiskCapacityInKB += device.disk.sizeBytes / 1024
		}
		info.DeviceUrl = append(info.DeviceUrl, types.HttpNfcLeaseDeviceUrl{
			Key: device.key, ImportKey: strings.Replace(device.key, one.machine.ref.Value, one.machine.config.Name, 1),
			Url:           fmt.Sprintf("https://%s/nfc/%s/%s", address, one.token, device.targetID),
			SslThumbprint: thumbprint, Disk: types.NewBool(device.disk != nil), TargetId: device.targetID, FileSize: size,
			DatastoreKey: fmt.Sprintf("https://%s/nfc/%s/", address, one.token),
		})
	}
	return info
}

// hostOf is the host that a VM runs on.
func (l *lab) hostOf(m *machine) *host {
	vm := l.vm(m)
	if vm == nil || vm.Runtime.Host == nil {
		return nil
	}
	return l.hosts[*vm.Runtime.Host]
}
