package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	datacenterName = "Datacenter1"
	clusterName    = "Cluster1"
	networkName    = "VM Network"
)

// host is an ESXi host: its certificate, and its own listener if the configuration asks for one.
type host struct {
	ref      types.ManagedObjectReference
	name     string
	identity *identity
	address  string // of its own listener; empty: NFC goes through vCenter's address
}

// buildInventory creates what the configuration describes, inside the simulator.
func (l *lab) buildInventory() error {
	ctx := context.Background()
	model := simulator.VPX()
	model.Datacenter, model.Cluster, model.ClusterHost, model.Host = 0, 0, 0, 0
	model.Machine, model.Datastore, model.Portgroup, model.Pool = 0, 0, 0, 0
	about := &model.ServiceContent.About
	about.Name, about.FullName = "VMware vCenter Server", "VMware vCenter Server 8.0.2 build-22617221"
	about.Version, about.ApiVersion, about.Build = "8.0.2", "8.0.2.0", "22617221"
	about.LicenseProductVersion = "8.0"
	about.InstanceUuid = uuid.NewString()
	if err := model.Create(); err != nil {
		return err
	}
	l.model, l.service = model, model.Service
	client, err := vim25.NewClient(ctx, l.service)
	if err != nil {
		return err
	}
	l.client = client

	datacenter, err := object.NewRootFolder(client).CreateDatacenter(ctx, datacenterName)
	if err != nil {
		return err
	}
	folders, err := datacenter.Folders(ctx)
	if err != nil {
		return err
	}
	l.datacenter, l.vmFolder = datacenter.Reference(), folders.VmFolder.Reference()
	cluster, err := folders.HostFolder.CreateCluster(ctx, clusterName, types.ClusterConfigSpecEx{})
	if err != nil {
		return err
	}
	for _, h := range l.config.Hosts {
		if err := l.addHost(ctx, cluster, h); err != nil {
			return fmt.Errorf("host %s: %w", h.Name, err)
		}
	}
	pool, err := cluster.ResourcePool(ctx)
	if err != nil {
		return err
	}
	l.pool = pool.Reference()
	for _, vm := range l.config.VMs {
		if _, err := l.addVM(vm); err != nil {
			return fmt.Errorf("VM %s: %w", vm.Name, err)
		}
	}
	if err := l.generateVMs(l.config.GeneratedVMs); err != nil {
		return err
	}
	for _, d := range l.config.Datastores {
		l.describeDatastore(d)
	}
	l.clearTasks()
	return nil
}

func (l *lab) addHost(ctx context.Context, cluster *object.ClusterComputeResource, config HostConfig) error {
	task, err := cluster.AddHost(ctx, types.HostConnectSpec{HostName: config.Name}, true, nil, nil)
	if err != nil {
		return err
	}
	info, err := task.WaitForResult(ctx, nil)
	if err != nil {
		return err
	}
	h := &host{ref: info.Result.(types.ManagedObjectReference), name: config.Name}
	if h.identity, err = newIdentity(config.Name); err != nil {
		return err
	}
	l.hosts[h.ref] = h
	esx := l.service.Context.Map.Get(h.ref).(*simulator.HostSystem)
	hostConfig := *esx.Config
	hostConfig.Certificate = []byte(h.identity.pem)
	esx.Config = &hostConfig
	product := *esx.Summary.Config.Product
	product.Version, product.ApiVersion, product.FullName = "8.0.2", "8.0.2.0", "VMware ESXi 8.0.2 build-22380479"
	esx.Summary.Config.Product = &product
	esx.Config.Product = product

	system, err := object.NewHostSystem(l.client, h.ref).ConfigManager().DatastoreSystem(ctx)
	if err != nil {
		return err
	}
	for _, name := range config.Datastores {
		dir := filepath.Join(l.state, "datastores", name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		created, err := system.CreateLocalDatastore(ctx, name, dir)
		if err != nil {
			return fmt.Errorf("datastore %s: %w", name, err)
		}
		l.datastores[name] = created.Reference()
		if l.datastores[name].Value == "" { // the simulator gives none for a datastore that another host has already
			l.datastores[name] = l.findDatastore(name)
		}
	}
	return nil
}

func (l *lab) findDatastore(name string) types.ManagedObjectReference {
	for _, entity := range l.service.Context.Map.All("Datastore") {
		if ds := entity.(*simulator.Datastore); ds.Name == name {
			return ds.Self
		}
	}
	return types.ManagedObjectReference{}
}

// describeDatastore gives a datastore its type and sizes; the simulator only knows folders of this machine.
func (l *lab) describeDatastore(config DatastoreConfig) {
	l.datastoreSize[config.Name] = config
	l.datastoreFree[config.Name] = *config.FreeBytes
	ds, ok := l.service.Context.Map.Get(l.datastores[config.Name]).(*simulator.Datastore)
	if !ok {
		return // no host mounts it
	}
	ctx := l.context()
	base := types.DatastoreInfo{
		Name: config.Name, Url: ds.Info.GetDatastoreInfo().Url, FreeSpace: *config.FreeBytes,
		MaxFileSize: 62 * tebibyte, MaxVirtualDiskCapacity: 62 * tebibyte,
	}
	var info types.BaseDatastoreInfo
	volume := types.HostFileSystemVolume{Name: config.Name, Type: config.Type, Capacity: config.CapacityBytes}
	switch config.Type {
	case "VMFS":
		info = &types.VmfsDatastoreInfo{DatastoreInfo: base, MaxVirtualRDMFileSize: 62 * tebibyte, Vmfs: &types.HostVmfsVolume{
			HostFileSystemVolume: volume, BlockSizeMb: 1, BlockSize: 1024, MaxBlocks: 63963136, MajorVersion: 6, Version: "6.82",
			Uuid: uuid.NewSHA1(uuid.NameSpaceOID, []byte(config.Name)).String(), VmfsUpgradable: false,
			Extent: []types.HostScsiDiskPartition{{DiskName: "naa.600508b1001c" + config.Name, Partition: 1}},
		}}
	case "NFS", "NFS41":
		info = &types.NasDatastoreInfo{DatastoreInfo: base, Nas: &types.HostNasVolume{
			HostFileSystemVolume: volume, RemoteHost: "nas.lab", RemotePath: "/export/" + config.Name,
		}}
	case "vsan":
		info = &types.VsanDatastoreInfo{DatastoreInfo: base, MembershipUuid: uuid.NewString()}
	default:
		info = &types.LocalDatastoreInfo{DatastoreInfo: base, Path: base.Url}
	}
	ctx.WithLock(ds, func() {
		ctx.Update(ds, []types.PropertyChange{
			{Name: "info", Val: info},
			{Name: "summary.type", Val: config.Type},
			{Name: "summary.capacity", Val: config.CapacityBytes},
			{Name: "summary.freeSpace", Val: *config.FreeBytes},
			{Name: "summary.accessible", Val: true},
			{Name: "summary.multipleHostAccess", Val: true},
		})
	})
}

// setFreeSpace is what the "datastoreFull" fault and its end do: the hosts see it, and vCenter knows it at once.
func (l *lab) setFreeSpace(name string, freeBytes int64) {
	l.mu.Lock()
	l.datastoreFree[name] = freeBytes
	l.mu.Unlock()
	l.refreshDatastore(name)
}

// refreshDatastore has vCenter ask the hosts for the free space.
func (l *lab) refreshDatastore(name string) {
	l.mu.Lock()
	freeBytes := l.datastoreFree[name]
	l.mu.Unlock()
	ds, ok := l.service.Context.Map.Get(l.datastores[name]).(*simulator.Datastore)
	if !ok {
		return
	}
	ctx := l.context()
	ctx.WithLock(ds, func() {
		ctx.Update(ds, []types.PropertyChange{{Name: "summary.freeSpace", Val: freeBytes}})
	})
}

// RefreshDatastore asks the hosts for the free space now; by itself vCenter does so every few minutes.
func (o *overlay) RefreshDatastore(ctx *simulator.Context, req *types.RefreshDatastore) soap.HasFault {
	body := &methods.RefreshDatastoreBody{}
	ds, ok := ctx.Map.Get(req.This).(*simulator.Datastore)
	if !ok {
		body.Fault_ = gone(req.This)
		return body
	}
	o.lab.refreshDatastore(ds.Name)
	body.Res = &types.RefreshDatastoreResponse{}
	return body
}
