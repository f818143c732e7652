package main

import (
	"fmt"

	"github.com/vmware/govmomi/vim25/types"
)

// Keys of virtual devices, as vSphere gives them.
const (
	ideKey      = 200
	scsiKey     = 1000
	firstDisk   = 2000
	cdromKey    = 3000
	firstNic    = 4000
	tpmKey      = 11000
	disksPerBus = 15 // unit 7 is the controller itself
)

func diskKey(index int) int32 { return int32(firstDisk + index/disksPerBus*16 + diskUnit(index)) }

func diskUnit(index int) int {
	unit := index % disksPerBus
	if unit >= 7 {
		unit++
	}
	return unit
}

func nicKey(index int) int32 { return int32(firstNic + index) }

func nicNetwork(nic NicConfig) string {
	if nic.Network != "" {
		return nic.Network
	}
	return networkName
}

func nicMAC(c *VMConfig, index int) string {
	if mac := c.Nics[index].MAC; mac != "" {
		return mac
	}
	sum := uint32(2166136261)
	for _, b := range []byte(c.Name) {
		sum = (sum ^ uint32(b)) * 16777619
	}
	return fmt.Sprintf("00:50:56:%02x:%02x:%02x", 0x80|byte(sum>>16)&0x3f, byte(sum>>8), byte(sum)+byte(index))
}

// devices gives the VM's hardware: the simulator's standard devices, then controllers, disks, CD, cards, TPM.
func (l *lab) devices(m *machine, standard []types.BaseVirtualDevice) []types.BaseVirtualDevice {
	c := &m.config
	devices := append([]types.BaseVirtualDevice{}, standard...)
	for bus := 0; bus == 0 || bus*disksPerBus < len(m.disks); bus++ {
		key := int32(scsiKey + bus)
		unit := int32(7)
		controller := &types.ParaVirtualSCSIController{VirtualSCSIController: types.VirtualSCSIController{
			VirtualController: types.VirtualController{
				VirtualDevice: types.VirtualDevice{
					Key: key, ControllerKey: 100, UnitNumber: &[]int32{int32(3 + bus)}[0],
					DeviceInfo: &types.Description{Label: fmt.Sprintf("SCSI controller %d", bus), Summary: "VMware paravirtual SCSI"},
				},
				BusNumber: int32(bus),
			},
			HotAddRemove: types.NewBool(true), SharedBus: types.VirtualSCSISharingNoSharing, ScsiCtlrUnitNumber: unit,
		}}
		for i := range m.disks {
			if i/disksPerBus == bus {
				controller.Device = append(controller.Device, m.disks[i].key)
				if m.disks[i].config.Sharing == "physicalBus" {
					controller.SharedBus = types.VirtualSCSISharingPhysicalSharing
				}
			}
		}
		devices = append(devices, controller)
	}
	for i, d := range m.disks {
		devices = append(devices, l.diskDevice(m, i, d, d.top))
	}
	if c.ISO != "" {
		unit := int32(0)
		devices = append(devices, &types.VirtualCdrom{VirtualDevice: types.VirtualDevice{
			Key: cdromKey, ControllerKey: ideKey, UnitNumber: &unit,
			DeviceInfo: &types.Description{Label: "CD/DVD drive 1", Summary: "ISO " + c.ISO},
			Backing:    &types.VirtualCdromIsoBackingInfo{VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: c.ISO}},
			Connectable: &types.VirtualDeviceConnectInfo{
				StartConnected: true, Connected: c.PowerState == "poweredOn", AllowGuestControl: true,
			},
		}})
	}
	for i, nic := range c.Nics {
		unit := int32(7 + i)
		card := &types.VirtualVmxnet3{}
		card.Key, card.ControllerKey, card.UnitNumber = nicKey(i), 100, &unit
		card.DeviceInfo = &types.Description{Label: fmt.Sprintf("Network adapter %d", i+1), Summary: nicNetwork(nic)}
		card.Backing = &types.VirtualEthernetCardNetworkBackingInfo{
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: nicNetwork(nic)},
		}
		card.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: true, Connected: true, AllowGuestControl: true}
		card.MacAddress = nicMAC(c, i)
		card.AddressType = string(types.VirtualEthernetCardMacTypeAssigned)
		devices = append(devices, card)
	}
	if c.VTpm {
		devices = append(devices, &types.VirtualTPM{VirtualDevice: types.VirtualDevice{
			Key: tpmKey, DeviceInfo: &types.Description{Label: "Virtual TPM", Summary: "Trusted Platform Module"},
		}})
	}
	return devices
}

// diskDevice describes a disk whose newest layer is top: the VM's own, or what a snapshot froze.
func (l *lab) diskDevice(m *machine, index int, d *disk, top *layer) *types.VirtualDisk {
	unit := int32(diskUnit(index))
	return &types.VirtualDisk{
		VirtualDevice: types.VirtualDevice{
			Key: d.key, ControllerKey: int32(scsiKey + index/disksPerBus), UnitNumber: &unit,
			DeviceInfo: &types.Description{Label: d.label, Summary: fmt.Sprintf("%d KB", d.sizeBytes/1024)},
			Backing:    l.backing(m, index, d, top),
		},
		CapacityInKB: d.sizeBytes / 1024, CapacityInBytes: d.sizeBytes, DiskObjectId: fmt.Sprintf("%s-%d", m.ref.Value, d.key),
		Shares:              &types.SharesInfo{Shares: 1000, Level: types.SharesLevelNormal},
		StorageIOAllocation: &types.StorageIOAllocationInfo{Limit: types.NewInt64(-1)},
	}
}

// fileName is the name of a layer's descriptor on its datastore, e.g. "[vmfs1] web01/web01_1-000002.vmdk".
func (m *machine) fileName(index int, d *disk, on *layer, suffix string) string {
	name := m.config.Name
	if index > 0 {
		name += fmt.Sprintf("_%d", index)
	}
	if on.number > 0 {
		name += fmt.Sprintf("-%06d", on.number)
	}
	return fmt.Sprintf("[%s] %s/%s%s.vmdk", d.config.Datastore, m.config.Name, name, suffix)
}

func (l *lab) backing(m *machine, index int, d *disk, on *layer) types.BaseVirtualDeviceBackingInfo {
	ref := l.datastores[d.config.Datastore]
	file := types.VirtualDeviceFileBackingInfo{FileName: m.fileName(index, d, on, ""), Datastore: &ref}
	if l.datastoreType(d.config.Datastore) == "vsan" {
		file.BackingObjectId = &d.uuid
	}
	var keyID *types.CryptoKeyId
	if d.config.Encrypted || m.config.Encrypted {
		keyID = &types.CryptoKeyId{KeyId: "lab-key-1", ProviderId: &types.KeyProviderId{Id: "lab-kms"}}
	}
	sharing := "sharingNone"
	if d.config.Sharing == "multiWriter" {
		sharing = "sharingMultiWriter"
	}
	if d.config.RDM != "" {
		return &types.VirtualDiskRawDiskMappingVer1BackingInfo{
			VirtualDeviceFileBackingInfo: file, LunUuid: "0200000000600508b1001c" + d.uuid[:8], DeviceName: "vml.0200000000" + d.uuid[:8],
			CompatibilityMode: d.config.RDM + "Mode", DiskMode: d.config.Mode, Uuid: d.uuid, Sharing: sharing,
		}
	}
	backing := &types.VirtualDiskFlatVer2BackingInfo{
		VirtualDeviceFileBackingInfo: file, DiskMode: d.config.Mode, Split: types.NewBool(false),
		WriteThrough: types.NewBool(false), ThinProvisioned: types.NewBool(!d.config.Thick), EagerlyScrub: types.NewBool(false),
		Uuid: d.uuid, ContentId: fmt.Sprintf("%08x%08x", uint32(d.key)*2654435761, on.number), DigestEnabled: types.NewBool(false),
		Sharing: sharing, KeyId: keyID,
	}
	if on.parent != nil {
		backing.Parent, _ = l.backing(m, index, d, on.parent).(*types.VirtualDiskFlatVer2BackingInfo)
	}
	return backing
}

func (l *lab) datastoreType(name string) string {
	for _, d := range l.config.Datastores {
		if d.Name == name {
			return d.Type
		}
	}
	return ""
}
