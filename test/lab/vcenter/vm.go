package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// startVM begins to create a bare VM inside the simulator; finishVM waits for it.
func (l *lab) startVM(config *VMConfig) (*simulator.Task, error) {
	host, ok := l.hostNamed(config.Host)
	if !ok {
		return nil, fmt.Errorf("no host %q", config.Host)
	}
	if l.datastores[config.Datastore].Value == "" {
		return nil, fmt.Errorf("no datastore %q", config.Datastore)
	}
	for _, disk := range config.Disks {
		if l.datastores[disk.Datastore].Value == "" {
			return nil, fmt.Errorf("disk %q: no datastore %q", disk.Label, disk.Datastore)
		}
	}
	folder, err := l.folder(config.Folder)
	if err != nil {
		return nil, err
	}
	ctx := l.context()
	body := ctx.Map.Get(folder).(*simulator.Folder).CreateVMTask(ctx, &types.CreateVM_Task{
		This: folder, Pool: l.pool, Host: &host.ref,
		Config: types.VirtualMachineConfigSpec{
			Name: config.Name, GuestId: config.GuestID, NumCPUs: config.CPUs, MemoryMB: config.MemoryMiB,
			Version: fmt.Sprintf("vmx-%02d", config.HardwareVersion), Firmware: config.Firmware, Annotation: config.Annotation,
			Files: &types.VirtualMachineFileInfo{VmPathName: "[" + config.Datastore + "]"},
		},
	}).(*methods.CreateVM_TaskBody)
	if body.Fault_ != nil {
		return nil, fmt.Errorf("%s", body.Fault_.String)
	}
	return ctx.Map.Get(body.Res.Returnval).(*simulator.Task), nil
}

// folder finds or makes the folder of a path such as "production/web" under the datacenter's VM folder.
func (l *lab) folder(path string) (types.ManagedObjectReference, error) {
	at := l.vmFolder
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' }) {
		parent := l.service.Context.Map.Get(at).(*simulator.Folder)
		if child := l.service.Context.Map.FindByName(name, parent.ChildEntity); child != nil {
			at = child.Reference()
			continue
		}
		created, err := object.NewFolder(l.client, at).CreateFolder(context.Background(), name)
		if err != nil {
			return at, fmt.Errorf("folder %s: %w", path, err)
		}
		at = created.Reference()
	}
	return at, nil
}

func (l *lab) finishVM(task *simulator.Task) (*simulator.VirtualMachine, error) {
	task.Wait()
	if task.Info.Error != nil {
		return nil, fmt.Errorf("%T", task.Info.Error.Fault)
	}
	return l.service.Context.Map.Get(task.Info.Result.(types.ManagedObjectReference)).(*simulator.VirtualMachine), nil
}

func (l *lab) hostNamed(name string) (*host, bool) {
	for _, h := range l.hosts {
		if h.name == name {
			return h, true
		}
	}
	return nil, false
}

// addVM creates one VM of the configuration, its disks and snapshots.
func (l *lab) addVM(config VMConfig) (*machine, error) {
	if l.machineNamed(config.Name) != nil {
		return nil, fmt.Errorf("there is a VM of this name")
	}
	task, err := l.startVM(&config)
	if err != nil {
		return nil, err
	}
	vm, err := l.finishVM(task)
	if err != nil {
		return nil, err
	}
	m := &machine{ref: vm.Self, config: config, dir: filepath.Join(l.state, "vms", vm.Self.Value)}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return nil, err
	}
	for i, disk := range config.Disks {
		d, err := m.addDisk(i, disk)
		if err != nil {
			return nil, fmt.Errorf("disk %q: %w", disk.Label, err)
		}
		m.disks = append(m.disks, d)
	}
	l.dressVM(m, vm)
	l.mu.Lock()
	l.vms[m.ref] = m
	l.mu.Unlock()
	l.removeTask(task.Self, vm)
	if config.ChangeTracking {
		for _, d := range m.disks {
			d.startTracking()
		}
	}
	for _, name := range config.Snapshots {
		if _, failed := l.takeSnapshot(l.context(), m, snapshotRequest{name: name}); failed != nil {
			return nil, fmt.Errorf("snapshot %s: %s", name, failed.message)
		}
	}
	l.showDisks(l.context(), m)
	return m, nil
}

// addDisk finds or generates the raw file of the VM's index-th disk.
func (m *machine) addDisk(index int, config DiskConfig) (*disk, error) {
	path, size := config.File, config.SizeBytes
	if path == "" {
		path = filepath.Join(m.dir, fmt.Sprintf("disk-%d-flat.raw", index))
		if err := writePattern(path, size, *config.Seed, *config.Fill, config.Kind); err != nil {
			return nil, err
		}
	} else {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(absolute)
		if err != nil {
			return nil, err
		}
		path, size = absolute, info.Size()
		if size == 0 || size%512 != 0 {
			return nil, fmt.Errorf("%s: %d bytes are no whole number of sectors", path, size)
		}
	}
	return newDisk(diskKey(index), config, path, m.dir, size, m.diskUUID(index)), nil
}

func (m *machine) diskUUID(index int) string {
	id := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s/%d", m.config.Name, index)).String()
	return "6000C29" + id[7:]
}

// dressVM fills in what the simulator's bare VM lacks: hardware, guest, boot options. The VM is not yet known to anyone.
func (l *lab) dressVM(m *machine, vm *simulator.VirtualMachine) {
	c := &m.config
	ctx := l.context()
	ctx.WithLock(vm, func() {
		config, summary := vm.Config, &vm.Summary
		config.Hardware.Device = l.devices(m, config.Hardware.Device)
		config.Hardware.NumCPU, config.Hardware.MemoryMB = c.CPUs, int32(c.MemoryMiB)
		config.Hardware.NumCoresPerSocket = types.NewInt32(1)
		config.GuestFullName = guestFullName(c.GuestID)
		config.BootOptions = &types.VirtualMachineBootOptions{EfiSecureBootEnabled: types.NewBool(c.SecureBoot)}
		config.ChangeTrackingEnabled = types.NewBool(c.ChangeTracking)
		config.Template = c.Template
		config.Flags.VbsEnabled = types.NewBool(false)
		if c.Encrypted || c.VTpm {
			config.KeyId = &types.CryptoKeyId{KeyId: "lab-key-1", ProviderId: &types.KeyProviderId{Id: "lab-kms"}}
		}
		vm.Capability.ChangeTrackingSupported = c.HardwareVersion >= trackingHardwareVersion
		vm.Capability.SnapshotOperationsSupported = true
		vm.Capability.DiskOnlySnapshotOnSuspendedVMSupported = types.NewBool(true)
		if c.FaultTolerance {
			config.FtInfo = &types.FaultToleranceConfigInfo{Role: 1, InstanceUuids: []string{config.InstanceUuid}}
			vm.Runtime.FaultToleranceState = types.VirtualMachineFaultToleranceStateRunning
		}
		vm.Runtime.ConsolidationNeeded = false
		for _, d := range m.disks {
			if ref := l.datastores[d.config.Datastore]; ref.Value != "" && !containsRef(vm.Datastore, ref) {
				vm.Datastore = append(vm.Datastore, ref)
			}
		}
		summary.Config.NumCpu, summary.Config.MemorySizeMB = c.CPUs, int32(c.MemoryMiB)
		summary.Config.NumVirtualDisks, summary.Config.NumEthernetCards = int32(len(m.disks)), int32(len(c.Nics))
		summary.Config.GuestFullName, summary.Config.Annotation = config.GuestFullName, c.Annotation
		summary.Config.Template = c.Template
		summary.Config.TpmPresent = types.NewBool(c.VTpm)
		l.setPower(vm, c, types.VirtualMachinePowerState(c.PowerState))
	})
}

func containsRef(refs []types.ManagedObjectReference, ref types.ManagedObjectReference) bool {
	for _, r := range refs {
		if r == ref {
			return true
		}
	}
	return false
}

// setPower sets the power state and everything of the guest that hangs on it. The caller holds the VM's lock.
func (l *lab) setPower(vm *simulator.VirtualMachine, c *VMConfig, state types.VirtualMachinePowerState) {
	vm.Runtime.PowerState = state
	vm.Runtime.BootTime = nil
	on := state == types.VirtualMachinePowerStatePoweredOn
	guest := &types.GuestInfo{
		GuestId: c.GuestID, GuestFullName: guestFullName(c.GuestID), GuestFamily: guestFamily(c.GuestID),
		GuestState:         string(types.VirtualMachineGuestStateNotRunning),
		ToolsStatus:        types.VirtualMachineToolsStatusToolsNotRunning,
		ToolsRunningStatus: string(types.VirtualMachineToolsRunningStatusGuestToolsNotRunning),
		ToolsVersionStatus: string(types.VirtualMachineToolsVersionStatusGuestToolsUnmanaged), ToolsVersion: "12352",
		ToolsVersionStatus2: string(types.VirtualMachineToolsVersionStatusGuestToolsUnmanaged),
	}
	if c.Tools == "notInstalled" {
		guest.ToolsStatus, guest.ToolsVersion = types.VirtualMachineToolsStatusToolsNotInstalled, "0"
		guest.ToolsVersionStatus = string(types.VirtualMachineToolsVersionStatusGuestToolsNotInstalled)
		guest.ToolsVersionStatus2 = guest.ToolsVersionStatus
	}
	if on {
		vm.Runtime.BootTime = types.NewTime(time.Now())
		if c.Tools != "notInstalled" && c.Tools != "notRunning" {
			guest.GuestState = string(types.VirtualMachineGuestStateRunning)
			guest.ToolsStatus = types.VirtualMachineToolsStatusToolsOk
			guest.ToolsRunningStatus = string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
			guest.HostName = strings.ToLower(c.Name)
			guest.Net = guestNics(c)
			for _, nic := range c.Nics {
				if len(nic.Addresses) > 0 && guest.IpAddress == "" {
					guest.IpAddress = nic.Addresses[0]
				}
			}
		}
	}
	vm.Guest = guest
	vm.Summary.Runtime = vm.Runtime
	vm.Summary.Guest = &types.VirtualMachineGuestSummary{
		GuestId: guest.GuestId, GuestFullName: guest.GuestFullName, ToolsStatus: guest.ToolsStatus, HostName: guest.HostName,
		ToolsVersionStatus: guest.ToolsVersionStatus, ToolsVersionStatus2: guest.ToolsVersionStatus2,
		ToolsRunningStatus: guest.ToolsRunningStatus, IpAddress: guest.IpAddress,
	}
	vm.GuestHeartbeatStatus = types.ManagedEntityStatusGray
	if on {
		vm.GuestHeartbeatStatus = types.ManagedEntityStatusGreen
	}
}

func guestNics(c *VMConfig) []types.GuestNicInfo {
	var out []types.GuestNicInfo
	for i, nic := range c.Nics {
		info := types.GuestNicInfo{
			Network: nicNetwork(nic), MacAddress: nicMAC(c, i), Connected: true, DeviceConfigId: nicKey(i), IpAddress: nic.Addresses,
			IpConfig: &types.NetIpConfigInfo{},
		}
		for _, address := range nic.Addresses {
			prefix := int32(24)
			if strings.Contains(address, ":") {
				prefix = 64
			}
			info.IpConfig.IpAddress = append(info.IpConfig.IpAddress, types.NetIpConfigInfoIpAddress{
				IpAddress: address, PrefixLength: prefix, State: string(types.NetIpConfigInfoIpAddressStatusPreferred),
			})
		}
		out = append(out, info)
	}
	return out
}
