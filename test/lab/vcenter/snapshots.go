package main

import (
	"bytes"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

type snapshotRequest struct {
	name, description string
	memory, quiesce   bool
}

// takeSnapshot freezes the disks and puts the snapshot into the VM's tree. It is the run of a task.
func (l *lab) takeSnapshot(ctx *simulator.Context, m *machine, request snapshotRequest) (types.AnyType, *taskFault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	vm := l.vm(m)
	if vm == nil {
		return nil, &taskFault{&types.ManagedObjectNotFound{Obj: m.ref}, "The object has already been deleted"}
	}
	ctx.WithLock(vm, func() {
		// "If the virtual machine is powered off or VMware Tools are not available, the quiesce flag is ignored."
		request.quiesce = request.quiesce && vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn &&
			vm.Guest.ToolsRunningStatus == string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
	})
	if failed := l.snapshotRefusal(m, request); failed != nil {
		return nil, failed
	}
	if err := m.materialize(); err != nil {
		return nil, systemFault(err)
	}
	snapshot := &simulator.VirtualMachineSnapshot{}
	snapshot.Vm = m.ref
	var power types.VirtualMachinePowerState
	ctx.WithLock(vm, func() {
		snapshot.Config = copyConfig(vm.Config)
		power = vm.Runtime.PowerState
	})
	ctx.Map.Put(snapshot)
	id := snapshot.Self.Value
	l.beginTracking(m) // creating a snapshot stuns the VM
	for i, d := range m.disks {
		frozen := d.top
		d.freeze(id)
		device := l.diskDevice(m, i, d, frozen)
		if changeID := d.endEpoch(id); changeID != "" {
			setChangeID(device, changeID)
		}
		replaceDevice(snapshot.Config.Hardware.Device, device)
	}
	state := types.VirtualMachinePowerStatePoweredOff
	if request.memory {
		state = power
	}
	m.snapshotIDs++
	node := types.VirtualMachineSnapshotTree{
		Snapshot: snapshot.Self, Vm: m.ref, Name: request.name, Description: request.description, Id: m.snapshotIDs,
		CreateTime: time.Now(), State: state, Quiesced: request.quiesce,
		ReplaySupported: types.NewBool(false),
	}
	ctx.WithLock(vm, func() {
		var roots []types.VirtualMachineSnapshotTree
		var current *types.ManagedObjectReference
		if vm.Snapshot != nil {
			roots, current = vm.Snapshot.RootSnapshotList, vm.Snapshot.CurrentSnapshot
		}
		if current == nil {
			roots = append(copyTree(roots), node)
		} else {
			roots = insertSnapshot(roots, *current, node)
			if parent, ok := ctx.Map.Get(*current).(*simulator.VirtualMachineSnapshot); ok {
				parent.ChildSnapshot = append(parent.ChildSnapshot, snapshot.Self)
			}
		}
		showSnapshots(ctx, vm, roots, &snapshot.Self)
	})
	l.showDisks(ctx, m)
	return snapshot.Self, nil
}

// snapshotRefusal is what keeps vCenter from taking a snapshot.
func (l *lab) snapshotRefusal(m *machine, request snapshotRequest) *taskFault {
	if request.quiesce && l.faults.take("quiesceFail", nil) != nil {
		return &taskFault{&types.ApplicationQuiesceFault{},
			"An error occurred while quiescing the virtual machine. See the virtual machine's event log for details."}
	}
	for _, d := range m.disks {
		if f := l.faults.peek("datastoreFull", func(f *fault) bool { return f.Datastore == d.config.Datastore }); f != nil {
			return &taskFault{&types.NoDiskSpace{Datastore: d.config.Datastore},
				"There is not enough space on the file system for the selected operation."}
		}
		if d.config.Sharing == "multiWriter" || d.config.Sharing == "physicalBus" {
			return &taskFault{&types.SnapshotFault{}, "An error occurred while taking a snapshot: The operation is not supported on the shared disk."}
		}
	}
	return nil
}

// removeSnapshot takes snapshots out of the tree and merges their deltas. It is the run of a task.
func (l *lab) removeSnapshot(ctx *simulator.Context, m *machine, ref types.ManagedObjectReference, children bool) *taskFault {
	m.mu.Lock()
	defer m.mu.Unlock()
	vm := l.vm(m)
	var gone []types.ManagedObjectReference
	ctx.WithLock(vm, func() {
		if vm.Snapshot == nil {
			return
		}
		roots, removed, parent := pruneSnapshot(vm.Snapshot.RootSnapshotList, ref, nil, children)
		gone = removed
		current := vm.Snapshot.CurrentSnapshot
		if current != nil && containsRef(removed, *current) {
			current = parent
		}
		showSnapshots(ctx, vm, roots, current)
	})
	if gone == nil {
		return &taskFault{&types.ManagedObjectNotFound{Obj: ref}, "The object has already been deleted or has not been completely created"}
	}
	return l.forgetSnapshots(ctx, m, gone)
}

func (l *lab) removeAllSnapshots(ctx *simulator.Context, m *machine) *taskFault {
	m.mu.Lock()
	defer m.mu.Unlock()
	vm := l.vm(m)
	var gone []types.ManagedObjectReference
	ctx.WithLock(vm, func() {
		if vm.Snapshot != nil {
			gone = listSnapshots(vm.Snapshot.RootSnapshotList)
			showSnapshots(ctx, vm, nil, nil)
		}
	})
	return l.forgetSnapshots(ctx, m, gone)
}

// forgetSnapshots merges the disks of snapshots that the tree has lost already, newest first.
func (l *lab) forgetSnapshots(ctx *simulator.Context, m *machine, gone []types.ManagedObjectReference) *taskFault {
	l.beginTracking(m) // removing a snapshot stuns the VM
	for i := len(gone) - 1; i >= 0; i-- {
		for _, d := range m.disks {
			if err := d.thaw(gone[i].Value); err != nil {
				return systemFault(err)
			}
		}
		ctx.Map.Remove(ctx, gone[i])
	}
	l.showDisks(ctx, m)
	return nil
}

// revert takes the VM back. Tracking begins anew: no older changeId is worth anything after it.
func (l *lab) revert(ctx *simulator.Context, m *machine, ref types.ManagedObjectReference) *taskFault {
	m.mu.Lock()
	defer m.mu.Unlock()
	vm := l.vm(m)
	snapshot, ok := ctx.Map.Get(ref).(*simulator.VirtualMachineSnapshot)
	if !ok || vm == nil || snapshot.Vm != m.ref {
		return &taskFault{&types.ManagedObjectNotFound{Obj: ref}, "The object has already been deleted or has not been completely created"}
	}
	for _, d := range m.disks {
		if err := d.revert(ref.Value); err != nil {
			return systemFault(err)
		}
		if d.tracked() {
			d.startTracking()
		}
	}
	ctx.WithLock(vm, func() { showSnapshots(ctx, vm, vm.Snapshot.RootSnapshotList, &ref) })
	l.showDisks(ctx, m)
	return nil
}

// beginTracking starts changed block tracking that was asked for: the VM is being stunned, or is off.
func (l *lab) beginTracking(m *machine) {
	if !m.tracking {
		return
	}
	m.tracking = false
	for _, d := range m.disks {
		if !d.tracked() {
			d.startTracking()
		}
	}
}

// showSnapshots puts the tree into the VM's properties. The caller holds the VM's lock.
func showSnapshots(ctx *simulator.Context, vm *simulator.VirtualMachine, roots []types.VirtualMachineSnapshotTree, current *types.ManagedObjectReference) {
	if len(roots) == 0 {
		ctx.Update(vm, []types.PropertyChange{{Name: "snapshot", Val: nil}, {Name: "rootSnapshot", Val: nil}})
		return
	}
	refs := make([]types.ManagedObjectReference, len(roots))
	for i := range roots {
		refs[i] = roots[i].Snapshot
	}
	ctx.Update(vm, []types.PropertyChange{
		{Name: "snapshot", Val: types.VirtualMachineSnapshotInfo{CurrentSnapshot: current, RootSnapshotList: roots}},
		{Name: "rootSnapshot", Val: refs},
	})
}

// showDisks puts the disks' present files, sizes and changeIds into the VM's configuration.
func (l *lab) showDisks(ctx *simulator.Context, m *machine) {
	vm := l.vm(m)
	if vm == nil {
		return
	}
	ctx.WithLock(vm, func() {
		devices := append([]types.BaseVirtualDevice{}, vm.Config.Hardware.Device...)
		layout := &types.VirtualMachineFileLayoutEx{Timestamp: time.Now()}
		usage := map[types.ManagedObjectReference]*types.VirtualMachineUsageOnDatastore{}
		for i, d := range m.disks {
			device := l.diskDevice(m, i, d, d.top)
			if changeID := d.changeID(); changeID != "" {
				setChangeID(device, changeID)
			}
			replaceDevice(devices, device)
			l.addLayout(layout, m, i, d)
			ref := l.datastores[d.config.Datastore]
			if usage[ref] == nil {
				usage[ref] = &types.VirtualMachineUsageOnDatastore{Datastore: ref}
			}
			committed := d.allocatedBytes()
			usage[ref].Committed += committed
			usage[ref].Unshared += committed
			usage[ref].Uncommitted += d.sizeBytes - committed
		}
		storage := types.VirtualMachineStorageSummary{Timestamp: time.Now()}
		info := &types.VirtualMachineStorageInfo{Timestamp: time.Now()}
		for _, u := range usage {
			info.PerDatastoreUsage = append(info.PerDatastoreUsage, *u)
			storage.Committed += u.Committed
			storage.Uncommitted += u.Uncommitted
			storage.Unshared += u.Unshared
		}
		ctx.Update(vm, []types.PropertyChange{
			{Name: "config.hardware.device", Val: devices},
			{Name: "layoutEx", Val: layout},
			{Name: "storage", Val: info},
			{Name: "summary.storage", Val: storage},
		})
	})
}

// addLayout lists a disk's files, as clients look for the flat file there.
func (l *lab) addLayout(layout *types.VirtualMachineFileLayoutEx, m *machine, index int, d *disk) {
	chain := types.VirtualMachineFileLayoutExDiskLayout{Key: d.key}
	add := func(name, kind string, size int64) int32 {
		key := int32(len(layout.File))
		layout.File = append(layout.File, types.VirtualMachineFileLayoutExFileInfo{
			Key: key, Name: name, Type: kind, Size: size, Accessible: types.NewBool(true),
		})
		return key
	}
	for _, on := range d.top.chain() {
		descriptor := add(m.fileName(index, d, on, ""), "diskDescriptor", 512)
		suffix, size := "-flat", d.sizeBytes
		if on.parent != nil {
			suffix, size = "-sesparse", int64(len(on.blocks))*blockBytes
		}
		extent := add(m.fileName(index, d, on, suffix), "diskExtent", size)
		chain.Chain = append(chain.Chain, types.VirtualMachineFileLayoutExDiskUnit{FileKey: []int32{descriptor, extent}})
	}
	layout.Disk = append(layout.Disk, chain)
}

func setChangeID(device *types.VirtualDisk, changeID string) {
	switch backing := device.Backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		backing.ChangeId = changeID
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
		backing.ChangeId = changeID
	}
}

func replaceDevice(devices []types.BaseVirtualDevice, device *types.VirtualDisk) {
	for i := range devices {
		if devices[i].GetVirtualDevice().Key == device.Key {
			devices[i] = device
		}
	}
}

// copyConfig copies deeply, through XML, as the simulator itself does.
func copyConfig(source *types.VirtualMachineConfigInfo) (copied types.VirtualMachineConfigInfo) {
	data, err := xml.Marshal(source)
	if err != nil {
		panic(err) // a type of the simulator's that its own encoder can't write
	}
	decoder := xml.NewDecoder(bytes.NewReader(data))
	decoder.TypeFunc = types.TypeFunc()
	if err := decoder.Decode(&copied); err != nil {
		panic(err)
	}
	return copied
}
