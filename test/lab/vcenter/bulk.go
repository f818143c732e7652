package main

import (
	"fmt"
	"path/filepath"

	"github.com/vmware/govmomi/simulator"
)

// bulkGuests vary the generated inventory.
var bulkGuests = []string{
	"debian12_64Guest", "ubuntu64Guest", "rhel8_64Guest", "rhel9_64Guest", "windows2019srv_64Guest", "windows2019srvNext_64Guest", "sles15_64Guest",
}

// generateVMs creates VMs for catalogs of thousands: they have properties, but no bytes until someone asks for them.
func (l *lab) generateVMs(count int) error {
	type pending struct {
		task   *simulator.Task
		config VMConfig
	}
	const batch = 500
	for start := 0; start < count; start += batch {
		var started []pending
		for i := start; i < min(start+batch, count); i++ {
			config := l.generatedVM(i)
			task, err := l.startVM(&config)
			if err != nil {
				return err
			}
			started = append(started, pending{task, config})
		}
		for _, p := range started {
			vm, err := l.finishVM(p.task)
			if err != nil {
				return err
			}
			m := &machine{ref: vm.Self, config: p.config, dir: filepath.Join(l.state, "vms", vm.Self.Value)}
			for i, disk := range p.config.Disks {
				m.disks = append(m.disks, newDisk(diskKey(i), disk, filepath.Join(m.dir, fmt.Sprintf("disk-%d-flat.raw", i)), m.dir, disk.SizeBytes, m.diskUUID(i)))
			}
			l.dressVM(m, vm)
			l.mu.Lock()
			l.vms[m.ref] = m
			l.mu.Unlock()
			l.showDisks(l.context(), m)
		}
		l.clearTasks()
	}
	return nil
}

func (l *lab) generatedVM(i int) VMConfig {
	h := l.config.Hosts[i%len(l.config.Hosts)]
	config := VMConfig{
		Name: fmt.Sprintf("vm-%05d", i), GuestID: bulkGuests[i%len(bulkGuests)], Firmware: []string{"bios", "efi"}[i%2],
		SecureBoot: i%4 == 1, VTpm: i%20 == 1, HardwareVersion: 13 + i%8, PowerState: []string{"poweredOn", "poweredOn", "poweredOff"}[i%3],
		MemoryMiB: int64(1024 << (i % 5)), CPUs: int32(1 << (i % 4)), Host: h.Name, Datastore: h.Datastores[i%len(h.Datastores)],
		Annotation: fmt.Sprintf("generated server %d", i), Folder: fmt.Sprintf("generated/group-%02d", i%16),
		Nics: []NicConfig{{Addresses: []string{fmt.Sprintf("10.%d.%d.%d", 1+i/65536, i/256%256, i%256), fmt.Sprintf("fe80::%x", i+1)}}},
	}
	for n := 0; n <= i%3; n++ {
		seed, fill := l.config.Seed+uint64(i*8+n), 0.0
		config.Disks = append(config.Disks, DiskConfig{
			Label: fmt.Sprintf("Hard disk %d", n+1), SizeBytes: int64(16+16*(i%10)) << 30, Seed: &seed, Fill: &fill, Kind: "zero",
			Mode: "persistent", Datastore: config.Datastore,
		})
	}
	return config
}

// materialize makes the files of a generated VM's disks, which are all zero.
func (m *machine) materialize() error {
	for _, d := range m.disks {
		if err := d.materialize(); err != nil {
			return err
		}
	}
	return nil
}
