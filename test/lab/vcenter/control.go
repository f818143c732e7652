package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"

	"github.com/vmware/govmomi/vim25/types"
)

// serveControl opens the control port: plain HTTP and JSON, for tests.
func (l *lab) serveControl() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	route := func(pattern string, handler func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			result, err := handler(r)
			w.Header().Set("Content-Type", "application/json")
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				result = map[string]string{"error": err.Error()}
			}
			json.NewEncoder(w).Encode(result)
		})
	}
	route("GET /vms", func(*http.Request) (any, error) { return l.listVMs(), nil })
	route("POST /vms", l.postVM)
	route("DELETE /vms/{name}", l.onVM(func(m *machine, _ *http.Request) (any, error) {
		l.removeVM(m)
		return struct{}{}, nil
	}))
	route("GET /vms/{name}/disks/{key}/frozen", l.onVM(l.getFrozen))
	route("POST /vms/{name}/disks/{key}/write", l.onVM(l.postWrite))
	route("POST /vms/{name}/power", l.onVM(l.postPower))
	route("POST /vms/{name}/revert", l.onVM(l.postRevert))
	route("POST /vms/{name}/resize", l.onVM(l.postResize))
	route("POST /vms/{name}/consolidation", l.onVM(l.postConsolidation))
	route("POST /datastores/{name}/free", l.postFree)
	route("GET /faults", func(*http.Request) (any, error) { return l.faults.list(), nil })
	route("POST /faults", l.postFault)
	route("DELETE /faults", func(*http.Request) (any, error) { return struct{}{}, l.endFaults(l.faults.remove()) })
	route("DELETE /faults/{id}", func(r *http.Request) (any, error) {
		id, err := strconv.Atoi(r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		return struct{}{}, l.endFaults(l.faults.remove(id))
	})
	route("POST /shape", func(r *http.Request) (any, error) {
		var body struct {
			BytesPerSecond int64 `json:"bytesPerSecond"`
		}
		err := readJSON(r, &body)
		l.shaper.SetRate(body.BytesPerSecond)
		return body, err
	})
	route("GET /requests", func(r *http.Request) (any, error) {
		since, _ := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64) // absent: from the first
		return l.requests.since(since), nil
	})
	route("GET /state", func(*http.Request) (any, error) { return l.currentState(), nil })
	go http.Serve(listener, mux)
	return "http://" + listener.Addr().String(), nil
}

func readJSON(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// onVM finds the VM of the path, by name or moref.
func (l *lab) onVM(handler func(*machine, *http.Request) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		m := l.machineNamed(r.PathValue("name"))
		if m == nil {
			m = l.machineOf(types.ManagedObjectReference{Type: "VirtualMachine", Value: r.PathValue("name")})
		}
		if m == nil {
			return nil, fmt.Errorf("no VM %q", r.PathValue("name"))
		}
		return handler(m, r)
	}
}

func (m *machine) diskOf(r *http.Request) (*disk, error) {
	key, err := strconv.ParseInt(r.PathValue("key"), 10, 32)
	if err != nil {
		return nil, err
	}
	d := m.disk(int32(key))
	if d == nil {
		return nil, fmt.Errorf("VM %s has no disk %d", m.config.Name, key)
	}
	return d, d.materialize()
}

type shownDisk struct {
	Key       int32  `json:"key"`
	Label     string `json:"label"`
	File      string `json:"file"`
	SizeBytes int64  `json:"sizeBytes"`
	ChangeID  string `json:"changeId,omitempty"`
}

type shownVM struct {
	Name       string      `json:"name"`
	Moref      string      `json:"moref"`
	PowerState string      `json:"powerState"`
	Disks      []shownDisk `json:"disks"`
	Snapshots  []shownSnap `json:"snapshots"`
}

type shownSnap struct {
	Moref string `json:"moref"`
	Name  string `json:"name"`
}

func (l *lab) machines() (all []*machine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.vms {
		all = append(all, m)
	}
	return all
}

func (l *lab) listVMs() []shownVM {
	shown := []shownVM{}
	for _, m := range l.machines() {
		shown = append(shown, l.showVM(m))
	}
	return shown
}

func (l *lab) showVM(m *machine) shownVM {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := shownVM{Name: m.config.Name, Moref: m.ref.Value, Disks: []shownDisk{}, Snapshots: []shownSnap{}}
	if vm := l.vm(m); vm != nil {
		ctx := l.context()
		ctx.WithLock(vm, func() {
			one.PowerState = string(vm.Runtime.PowerState)
			if vm.Snapshot != nil {
				one.Snapshots = flatSnapshots(vm.Snapshot.RootSnapshotList, one.Snapshots)
			}
		})
	}
	for _, d := range m.disks {
		one.Disks = append(one.Disks, shownDisk{d.key, d.label, d.layers[0].path, d.sizeBytes, d.changeID()})
	}
	return one
}

func flatSnapshots(nodes []types.VirtualMachineSnapshotTree, into []shownSnap) []shownSnap {
	for _, node := range nodes {
		into = flatSnapshots(node.ChildSnapshotList, append(into, shownSnap{node.Snapshot.Value, node.Name}))
	}
	return into
}

func (l *lab) postVM(r *http.Request) (any, error) {
	var config VMConfig
	if err := readJSON(r, &config); err != nil {
		return nil, err
	}
	if err := l.config.completeVM(&config, uint64(len(l.machines()))); err != nil {
		return nil, err
	}
	m, err := l.addVM(config)
	if err != nil {
		return nil, err
	}
	return l.showVM(m), nil
}

func (l *lab) getFrozen(m *machine, r *http.Request) (any, error) {
	d, err := m.diskOf(r)
	if err != nil {
		return nil, err
	}
	snapshot := r.URL.Query().Get("snapshot")
	if snapshot == "" {
		if snapshot = d.lastFrozen(); snapshot == "" {
			return nil, fmt.Errorf("no snapshot froze disk %d yet", d.key)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	file, err := d.frozenFile(snapshot)
	return map[string]string{"file": file, "snapshot": snapshot}, err
}

func (l *lab) postWrite(m *machine, r *http.Request) (any, error) {
	d, err := m.diskOf(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Offset int64  `json:"offset"`
		Base64 string `json:"base64"`
		Seed   uint64 `json:"seed"`
		Length int    `json:"length"`
		Zero   bool   `json:"zero"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(body.Base64)
	if err != nil {
		return nil, err
	}
	if body.Base64 == "" {
		data = make([]byte, body.Length)
		if !body.Zero {
			fillChunk(data, rand.New(rand.NewPCG(body.Seed, 1)), true)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return map[string]int{"written": len(data)}, d.write(body.Offset, data)
}

func (l *lab) postPower(m *machine, r *http.Request) (any, error) {
	var body struct {
		State string `json:"state"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	if body.State != "poweredOn" && body.State != "poweredOff" {
		return nil, fmt.Errorf("state is poweredOn or poweredOff")
	}
	return struct{}{}, asError(l.power(m, types.VirtualMachinePowerState(body.State)))
}

func asError(failed *taskFault) error {
	if failed == nil {
		return nil
	}
	return fmt.Errorf("%s: %s", faultName(failed.fault), failed.message)
}

func (l *lab) postRevert(m *machine, r *http.Request) (any, error) {
	var body struct {
		Snapshot string `json:"snapshot"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	for _, one := range l.showVM(m).Snapshots {
		if one.Name == body.Snapshot || one.Moref == body.Snapshot {
			ref := types.ManagedObjectReference{Type: "VirtualMachineSnapshot", Value: one.Moref}
			return one, asError(l.revert(l.context(), m, ref))
		}
	}
	return nil, fmt.Errorf("no snapshot %q", body.Snapshot)
}

func (l *lab) postResize(m *machine, r *http.Request) (any, error) {
	var body struct {
		Key       int32 `json:"key"`
		SizeBytes int64 `json:"sizeBytes"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	d := m.disk(body.Key)
	if d == nil {
		return nil, fmt.Errorf("no disk %d", body.Key)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := d.materialize(); err != nil {
		return nil, err
	}
	if err := d.resize(body.SizeBytes); err != nil {
		return nil, err
	}
	l.showDisks(l.context(), m)
	return struct{}{}, nil
}

// postConsolidation sets runtime.consolidationNeeded, as a removal that failed half-way does.
func (l *lab) postConsolidation(m *machine, r *http.Request) (any, error) {
	var body struct {
		Needed bool `json:"needed"`
		Stays  bool `json:"stays"` // also after ConsolidateVMDisks, as while another host locks a file
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.consolidationStays = body.Stays
	m.mu.Unlock()
	l.setConsolidationNeeded(m, body.Needed)
	return body, nil
}

type shownLease struct {
	Lease    string `json:"lease"`
	VM       string `json:"vm"`
	User     string `json:"user"`
	State    string `json:"state"`
	Snapshot string `json:"snapshot,omitempty"`
	Percent  int32  `json:"percent"`
}

type shownSession struct {
	Key        string `json:"key"`
	User       string `json:"user"`
	LastActive string `json:"lastActive"`
}

func (l *lab) currentState() any {
	l.endIdle()
	leases, sessions, snapshots := []shownLease{}, []shownSession{}, map[string][]shownSnap{}
	for _, one := range l.leases.list() {
		one.mu.Lock()
		leases = append(leases, shownLease{
			one.object.Self.Value, one.machine.config.Name, one.user, string(one.state), one.snapshot, one.percent,
		})
		one.mu.Unlock()
	}
	for _, session := range l.sessionList() {
		sessions = append(sessions, shownSession{session.Key, session.UserName, session.LastActiveTime.Format("2006-01-02T15:04:05.000Z07:00")})
	}
	for _, vm := range l.listVMs() {
		if len(vm.Snapshots) > 0 {
			snapshots[vm.Name] = vm.Snapshots
		}
	}
	extensions := []string{}
	for _, extension := range l.service.Context.Map.ExtensionManager().ExtensionList {
		extensions = append(extensions, extension.Key)
	}
	return map[string]any{"leases": leases, "sessions": sessions, "snapshots": snapshots, "extensions": extensions}
}
