package main

import (
	"errors"
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func typeName(value any) string { return fmt.Sprintf("%T", value) }

// gone is the fault for a VM or snapshot that does not exist (any more).
func gone(ref types.ManagedObjectReference) *soap.Fault {
	return methodFault(&types.ManagedObjectNotFound{Obj: ref})
}

// CreateSnapshotTask takes a snapshot.
func (o *overlay) CreateSnapshotTask(ctx *simulator.Context, req *types.CreateSnapshot_Task) soap.HasFault {
	body := &methods.CreateSnapshot_TaskBody{}
	m := o.lab.machineOf(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	request := snapshotRequest{name: req.Name, description: req.Description, memory: req.Memory, quiesce: req.Quiesce}
	body.Res = &types.CreateSnapshot_TaskResponse{Returnval: o.lab.runTask(ctx, req.This, "CreateSnapshot_Task", func() (types.AnyType, *taskFault) {
		return o.lab.takeSnapshot(o.lab.context(), m, request)
	})}
	return body
}

// CreateSnapshotExTask takes a snapshot, in the newer form.
func (o *overlay) CreateSnapshotExTask(ctx *simulator.Context, req *types.CreateSnapshotEx_Task) soap.HasFault {
	body := &methods.CreateSnapshotEx_TaskBody{}
	m := o.lab.machineOf(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	request := snapshotRequest{name: req.Name, description: req.Description, memory: req.Memory, quiesce: req.QuiesceSpec != nil}
	body.Res = &types.CreateSnapshotEx_TaskResponse{Returnval: o.lab.runTask(ctx, req.This, "CreateSnapshotEx_Task", func() (types.AnyType, *taskFault) {
		return o.lab.takeSnapshot(o.lab.context(), m, request)
	})}
	return body
}

// snapshotOwner finds the VM of a snapshot.
func (l *lab) snapshotOwner(ref types.ManagedObjectReference) *machine {
	snapshot, ok := l.service.Context.Map.Get(ref).(*simulator.VirtualMachineSnapshot)
	if !ok {
		return nil
	}
	return l.machineOf(snapshot.Vm)
}

// RemoveSnapshotTask removes one snapshot, with its children if asked.
func (o *overlay) RemoveSnapshotTask(ctx *simulator.Context, req *types.RemoveSnapshot_Task) soap.HasFault {
	body := &methods.RemoveSnapshot_TaskBody{}
	m := o.lab.snapshotOwner(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	body.Res = &types.RemoveSnapshot_TaskResponse{Returnval: o.lab.runTask(ctx, m.ref, "RemoveSnapshot_Task", func() (types.AnyType, *taskFault) {
		return nil, o.lab.removeSnapshot(o.lab.context(), m, req.This, req.RemoveChildren)
	})}
	return body
}

// RemoveAllSnapshotsTask removes them all.
func (o *overlay) RemoveAllSnapshotsTask(ctx *simulator.Context, req *types.RemoveAllSnapshots_Task) soap.HasFault {
	body := &methods.RemoveAllSnapshots_TaskBody{}
	m := o.lab.machineOf(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	body.Res = &types.RemoveAllSnapshots_TaskResponse{Returnval: o.lab.runTask(ctx, m.ref, "RemoveAllSnapshots_Task", func() (types.AnyType, *taskFault) {
		return nil, o.lab.removeAllSnapshots(o.lab.context(), m)
	})}
	return body
}

// RevertToSnapshotTask takes the VM back to a snapshot.
func (o *overlay) RevertToSnapshotTask(ctx *simulator.Context, req *types.RevertToSnapshot_Task) soap.HasFault {
	body := &methods.RevertToSnapshot_TaskBody{}
	m := o.lab.snapshotOwner(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	body.Res = &types.RevertToSnapshot_TaskResponse{Returnval: o.lab.runTask(ctx, m.ref, "RevertToSnapshot_Task", func() (types.AnyType, *taskFault) {
		return nil, o.lab.revert(o.lab.context(), m, req.This)
	})}
	return body
}

// RevertToCurrentSnapshotTask takes the VM back to its newest snapshot.
func (o *overlay) RevertToCurrentSnapshotTask(ctx *simulator.Context, req *types.RevertToCurrentSnapshot_Task) soap.HasFault {
	body := &methods.RevertToCurrentSnapshot_TaskBody{}
	m := o.lab.machineOf(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	vm := o.lab.vm(m)
	if vm.Snapshot == nil || vm.Snapshot.CurrentSnapshot == nil {
		body.Fault_ = methodFault(&types.NotFound{})
		return body
	}
	current := *vm.Snapshot.CurrentSnapshot
	body.Res = &types.RevertToCurrentSnapshot_TaskResponse{Returnval: o.lab.runTask(ctx, m.ref, "RevertToCurrentSnapshot_Task", func() (types.AnyType, *taskFault) {
		return nil, o.lab.revert(o.lab.context(), m, current)
	})}
	return body
}

// ConsolidateVMDisksTask merges what a failed removal left.
func (o *overlay) ConsolidateVMDisksTask(ctx *simulator.Context, req *types.ConsolidateVMDisks_Task) soap.HasFault {
	body := &methods.ConsolidateVMDisks_TaskBody{}
	m := o.lab.machineOf(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	body.Res = &types.ConsolidateVMDisks_TaskResponse{Returnval: o.lab.runTask(ctx, m.ref, "ConsolidateVMDisks_Task", func() (types.AnyType, *taskFault) {
		m.mu.Lock()
		stays := m.consolidationStays
		m.mu.Unlock()
		o.lab.setConsolidationNeeded(m, stays)
		return nil, nil
	})}
	return body
}

func (l *lab) setConsolidationNeeded(m *machine, needed bool) {
	ctx := l.context()
	if vm := l.vm(m); vm != nil {
		ctx.WithLock(vm, func() {
			ctx.Update(vm, []types.PropertyChange{{Name: "runtime.consolidationNeeded", Val: needed}})
		})
	}
}

// QueryChangedDiskAreas answers a page of at most changedAreasPerPage areas.
func (o *overlay) QueryChangedDiskAreas(ctx *simulator.Context, req *types.QueryChangedDiskAreas) soap.HasFault {
	body := &methods.QueryChangedDiskAreasBody{}
	m := o.lab.machineOf(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.disk(req.DeviceKey)
	if d == nil {
		body.Fault_ = methodFault(&types.InvalidArgument{InvalidProperty: "deviceKey"})
		return body
	}
	snapshot := ""
	if req.Snapshot != nil {
		snapshot = req.Snapshot.Value
		if o.lab.snapshotOwner(*req.Snapshot) != m {
			body.Fault_ = gone(*req.Snapshot)
			return body
		}
	} else if o.lab.vm(m).Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
		body.Fault_ = methodFault(&types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: types.VirtualMachinePowerStatePoweredOn,
		})
		return body
	}
	if req.StartOffset < 0 || req.StartOffset >= d.sizeBytes {
		body.Fault_ = methodFault(&types.InvalidArgument{InvalidProperty: "startOffset"})
		return body
	}
	areas, err := o.lab.changedAreas(d, req.ChangeId, snapshot)
	switch {
	case errors.Is(err, errBadChangeID):
		body.Fault_ = methodFault(&types.InvalidArgument{InvalidProperty: "changeId"})
	case err != nil:
		file := "/vmfs/volumes/" + d.config.Datastore + "/" + m.config.Name
		body.Fault_ = simulator.Fault("Error caused by file "+file, &types.FileFault{File: file})
	default:
		body.Res = &types.QueryChangedDiskAreasResponse{Returnval: page(areas, req.StartOffset, d.sizeBytes, o.lab.config.ChangedAreasPerPage)}
	}
	return body
}

// changedAreas answers for a changeId, or for "*": what is in use, which only VMFS knows.
func (l *lab) changedAreas(d *disk, changeID, snapshot string) ([]extent, error) {
	if changeID != "*" {
		return d.changedSince(changeID, snapshot)
	}
	if !d.tracked() || d.cbt.hadSnapshots {
		return nil, errUnknownChange
	}
	if l.datastoreType(d.config.Datastore) != "VMFS" {
		return []extent{{0, d.sizeBytes}}, nil
	}
	return d.areasInUse(snapshot)
}

// page cuts the areas to those from offset on, and to so many; its length says how far the answer goes.
func page(areas []extent, offset, sizeBytes int64, limit int) types.DiskChangeInfo {
	info := types.DiskChangeInfo{StartOffset: offset, Length: sizeBytes - offset}
	for _, area := range areas {
		end := area.offset + area.length
		if end <= offset {
			continue
		}
		if len(info.ChangedArea) == limit {
			info.Length = area.offset - offset
			break
		}
		start := max(area.offset, offset)
		info.ChangedArea = append(info.ChangedArea, types.DiskChangeExtent{Start: start, Length: end - start})
	}
	return info
}
