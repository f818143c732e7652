package main

import (
	"os"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// power switches a VM on or off. It is the run of a task.
func (l *lab) power(m *machine, state types.VirtualMachinePowerState) *taskFault {
	m.mu.Lock()
	defer m.mu.Unlock()
	vm := l.vm(m)
	if vm == nil {
		return &taskFault{&types.ManagedObjectNotFound{Obj: m.ref}, faultMessage("ManagedObjectNotFound")}
	}
	if vm.Runtime.PowerState == state {
		return &taskFault{&types.InvalidPowerState{RequestedState: state, ExistingState: state}, faultMessage("InvalidPowerState")}
	}
	if m.exports > 0 && state == types.VirtualMachinePowerStatePoweredOn {
		return &taskFault{&types.TaskInProgress{}, faultMessage("TaskInProgress")}
	}
	ctx := l.context()
	old := ctx.Checkpoint(vm)
	ctx.WithLock(vm, func() { l.setPower(vm, &m.config, state) })
	ctx.UpdateDiff(old, vm)
	l.beginTracking(m)
	l.showDisks(ctx, m)
	return nil
}

// PowerOnVMTask switches the VM on; tracking that was asked for begins.
func (o *overlay) PowerOnVMTask(ctx *simulator.Context, req *types.PowerOnVM_Task) soap.HasFault {
	body := &methods.PowerOnVM_TaskBody{}
	m := o.lab.machineOf(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	body.Res = &types.PowerOnVM_TaskResponse{Returnval: o.lab.runTask(ctx, m.ref, "PowerOnVM_Task", func() (types.AnyType, *taskFault) {
		return nil, o.lab.power(m, types.VirtualMachinePowerStatePoweredOn)
	})}
	return body
}

// PowerOffVMTask switches the VM off, as pulling the plug.
func (o *overlay) PowerOffVMTask(ctx *simulator.Context, req *types.PowerOffVM_Task) soap.HasFault {
	body := &methods.PowerOffVM_TaskBody{}
	m := o.lab.machineOf(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	body.Res = &types.PowerOffVM_TaskResponse{Returnval: o.lab.runTask(ctx, m.ref, "PowerOffVM_Task", func() (types.AnyType, *taskFault) {
		return nil, o.lab.power(m, types.VirtualMachinePowerStatePoweredOff)
	})}
	return body
}

// ShutdownGuest asks the guest to shut down; it does so at once.
func (o *overlay) ShutdownGuest(ctx *simulator.Context, req *types.ShutdownGuest) soap.HasFault {
	body := &methods.ShutdownGuestBody{}
	m := o.lab.machineOf(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	if guest := o.lab.vm(m).Guest; guest == nil || guest.ToolsRunningStatus != string(types.VirtualMachineToolsRunningStatusGuestToolsRunning) {
		body.Fault_ = methodFault(&types.ToolsUnavailable{})
		return body
	}
	if failed := o.lab.power(m, types.VirtualMachinePowerStatePoweredOff); failed != nil {
		body.Fault_ = simulator.Fault(failed.message, failed.fault)
		return body
	}
	body.Res = &types.ShutdownGuestResponse{}
	return body
}

// ReconfigVMTask carries out a change of tracking; all else is the simulator's, except disks.
func (o *overlay) ReconfigVMTask(ctx *simulator.Context, req *types.ReconfigVM_Task) soap.HasFault {
	body := &methods.ReconfigVM_TaskBody{}
	m := o.lab.machineOf(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	spec := req.Spec
	if spec.ChangeTrackingEnabled == nil {
		return o.lab.vm(m).ReconfigVMTask(ctx, req)
	}
	body.Res = &types.ReconfigVM_TaskResponse{Returnval: o.lab.runTask(ctx, m.ref, "ReconfigVM_Task", func() (types.AnyType, *taskFault) {
		return nil, o.lab.setTracking(m, *spec.ChangeTrackingEnabled)
	})}
	return body
}

// setTracking switches changed block tracking: at once on a VM that is off, at the next stun on one that runs.
func (l *lab) setTracking(m *machine, on bool) *taskFault {
	m.mu.Lock()
	defer m.mu.Unlock()
	vm := l.vm(m)
	if !vm.Capability.ChangeTrackingSupported {
		return &taskFault{&types.NotSupported{}, faultMessage("NotSupported")}
	}
	m.config.ChangeTracking = on
	m.tracking = on
	if !on {
		for _, d := range m.disks {
			d.stopTracking()
		}
	} else if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOff {
		l.beginTracking(m)
	}
	ctx := l.context()
	ctx.WithLock(vm, func() {
		ctx.Update(vm, []types.PropertyChange{{Name: "config.changeTrackingEnabled", Val: on}})
	})
	l.showDisks(ctx, m)
	return nil
}

// DestroyTask deletes a VM that is off.
func (o *overlay) DestroyTask(ctx *simulator.Context, req *types.Destroy_Task) soap.HasFault {
	body := &methods.Destroy_TaskBody{}
	m := o.lab.machineOf(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	body.Res = &types.Destroy_TaskResponse{Returnval: o.lab.runTask(ctx, m.ref, "Destroy_Task", func() (types.AnyType, *taskFault) {
		if vm := o.lab.vm(m); vm != nil && vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
			return nil, &taskFault{&types.InvalidPowerState{
				RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: types.VirtualMachinePowerStatePoweredOn,
			}, faultMessage("InvalidPowerState")}
		}
		o.lab.removeVM(m)
		return nil, nil
	})}
	return body
}

// removeVM takes a VM out of the inventory, with its snapshots and the files that the lab made for it.
func (l *lab) removeVM(m *machine) {
	m.mu.Lock()
	defer m.mu.Unlock()
	vm := l.vm(m)
	if vm == nil {
		return
	}
	ctx := l.context()
	if vm.Snapshot != nil {
		for _, ref := range listSnapshots(vm.Snapshot.RootSnapshotList) {
			ctx.Map.Remove(ctx, ref)
		}
	}
	ctx.WithLock(vm, func() {
		vm.Runtime.PowerState = types.VirtualMachinePowerStatePoweredOff
		vm.UnregisterVM(ctx, &types.UnregisterVM{This: m.ref})
	})
	l.mu.Lock()
	delete(l.vms, m.ref)
	l.mu.Unlock()
	os.RemoveAll(m.dir)
}
