package main

import (
	"context"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hoist/lab/streamvmdk"
)

// encode has qemu-img encode a raw file, or finds that done. The lease is "initializing" meanwhile.
func (l *lab) encode(file string) (*streamvmdk.Source, error) {
	return streamvmdk.Prepare(context.Background(), file, l.cacheDir)
}

// exportRefusal is what keeps a VM from being exported.
func (l *lab) exportRefusal(m *machine) types.BaseMethodFault {
	if m.config.Encrypted {
		return &types.NotSupported{}
	}
	for _, d := range m.disks {
		if d.config.Encrypted {
			return &types.NotSupported{}
		}
	}
	return nil
}

// ExportSnapshot opens a lease on what a snapshot froze.
func (o *overlay) ExportSnapshot(ctx *simulator.Context, req *types.ExportSnapshot) soap.HasFault {
	body := &methods.ExportSnapshotBody{}
	m := o.lab.snapshotOwner(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	if fault := o.lab.exportRefusal(m); fault != nil {
		body.Fault_ = methodFault(fault)
		return body
	}
	body.Res = &types.ExportSnapshotResponse{Returnval: o.lab.openLease(ctx, m, req.This.Value)}
	return body
}

// ExportVm opens a lease on a VM that is off.
func (o *overlay) ExportVm(ctx *simulator.Context, req *types.ExportVm) soap.HasFault {
	body := &methods.ExportVmBody{}
	m := o.lab.machineOf(req.This)
	if m == nil {
		body.Fault_ = gone(req.This)
		return body
	}
	if state := o.lab.vm(m).Runtime.PowerState; state != types.VirtualMachinePowerStatePoweredOff {
		body.Fault_ = methodFault(&types.InvalidPowerState{RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: state})
		return body
	}
	if fault := o.lab.exportRefusal(m); fault != nil {
		body.Fault_ = methodFault(fault)
		return body
	}
	body.Res = &types.ExportVmResponse{Returnval: o.lab.openLease(ctx, m, "")}
	return body
}

// HttpNfcLeaseProgress keeps the lease alive.
func (object *HttpNfcLease) HttpNfcLeaseProgress(ctx *simulator.Context, req *types.HttpNfcLeaseProgress) soap.HasFault {
	body := &methods.HttpNfcLeaseProgressBody{}
	one := object.own
	if object.lab.faults.take("leaseExpire", nil) != nil {
		one.failIn(ctx, &types.Timedout{}, "The lease has timed out: no progress was reported.")
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	switch one.state {
	case types.HttpNfcLeaseStateReady, types.HttpNfcLeaseStateInitializing:
		one.progress, one.percent = time.Now(), req.Percent
		object.TransferProgress = req.Percent
		body.Res = &types.HttpNfcLeaseProgressResponse{}
	case types.HttpNfcLeaseStateError:
		body.Fault_ = methodFault(&types.Timedout{})
	default:
		body.Fault_ = methodFault(&types.InvalidState{})
	}
	return body
}

// HttpNfcLeaseComplete ends the lease well.
func (object *HttpNfcLease) HttpNfcLeaseComplete(ctx *simulator.Context, req *types.HttpNfcLeaseComplete) soap.HasFault {
	body := &methods.HttpNfcLeaseCompleteBody{}
	one := object.own
	one.mu.Lock()
	state := one.state
	one.mu.Unlock()
	if state != types.HttpNfcLeaseStateReady {
		body.Fault_ = methodFault(&types.InvalidState{})
		return body
	}
	object.done(ctx)
	body.Res = &types.HttpNfcLeaseCompleteResponse{}
	return body
}

// HttpNfcLeaseAbort gives the lease up.
func (object *HttpNfcLease) HttpNfcLeaseAbort(ctx *simulator.Context, req *types.HttpNfcLeaseAbort) soap.HasFault {
	body := &methods.HttpNfcLeaseAbortBody{}
	one := object.own
	one.mu.Lock()
	state := one.state
	one.mu.Unlock()
	if state == types.HttpNfcLeaseStateDone {
		body.Fault_ = methodFault(&types.InvalidState{})
		return body
	}
	object.done(ctx)
	body.Res = &types.HttpNfcLeaseAbortResponse{}
	return body
}

// done ends the lease; the simulator already holds this object's lock for ctx.
func (object *HttpNfcLease) done(ctx *simulator.Context) {
	if object.own.end(types.HttpNfcLeaseStateDone) {
		ctx.Update(object, []types.PropertyChange{{Name: "state", Val: types.HttpNfcLeaseStateDone}})
	}
}

// HttpNfcLeaseGetManifest lists the checksums of the files that were transferred whole.
func (object *HttpNfcLease) HttpNfcLeaseGetManifest(ctx *simulator.Context, req *types.HttpNfcLeaseGetManifest) soap.HasFault {
	body := &methods.HttpNfcLeaseGetManifestBody{}
	one := object.own
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.state != types.HttpNfcLeaseStateReady {
		body.Fault_ = methodFault(&types.InvalidState{})
		return body
	}
	body.Res = &types.HttpNfcLeaseGetManifestResponse{}
	lie := object.lab.faults.take("nfcManifestLie", nil) != nil
	for _, device := range one.devices {
		if device.entry == nil {
			continue
		}
		entry := *device.entry
		if lie {
			entry.Sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
			entry.Checksum = entry.Sha1
			if entry.ChecksumType == "sha256" {
				entry.Checksum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
			}
		}
		body.Res.Returnval = append(body.Res.Returnval, entry)
	}
	return body
}

// HttpNfcLeaseSetManifestChecksumType chooses the checksum of devices that are still to be transferred.
func (object *HttpNfcLease) HttpNfcLeaseSetManifestChecksumType(ctx *simulator.Context, req *types.HttpNfcLeaseSetManifestChecksumType) soap.HasFault {
	body := &methods.HttpNfcLeaseSetManifestChecksumTypeBody{}
	one := object.own
	one.mu.Lock()
	defer one.mu.Unlock()
	for _, pair := range req.DeviceUrlsToChecksumTypes {
		if pair.Value != "sha1" && pair.Value != "sha256" {
			body.Fault_ = methodFault(&types.InvalidArgument{InvalidProperty: "deviceUrlsToChecksumTypes"})
			return body
		}
		for _, device := range one.devices {
			if device.key == pair.Key || device.targetID == pair.Key {
				device.checksumType = pair.Value
			}
		}
	}
	body.Res = &types.HttpNfcLeaseSetManifestChecksumTypeResponse{}
	return body
}
