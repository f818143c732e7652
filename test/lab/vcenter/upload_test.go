package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func TestAnImportedDiskIsCountedAndHashedAndStrangersAreRefused(t *testing.T) {
	f := start(t, testConfig)
	u, _ := soap.ParseURL(f.printed.URL)
	u.User = url.UserPassword(f.printed.Admin.Username, f.printed.Admin.Password)
	client, err := govmomi.NewClient(f.ctx, u, true)
	if err != nil {
		t.Fatal(err)
	}
	spec := types.VirtualMachineImportSpec{ConfigSpec: types.VirtualMachineConfigSpec{
		Name: "imported", GuestId: "debian12_64Guest", Files: &types.VirtualMachineFileInfo{VmPathName: "[vmfs1]"},
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationAdd, FileOperation: types.VirtualDeviceConfigSpecFileOperationCreate,
			Device: &types.VirtualDisk{CapacityInKB: 1024, VirtualDevice: types.VirtualDevice{
				Key: -1, ControllerKey: -2, UnitNumber: types.NewInt32(0), Backing: &types.VirtualDiskFlatVer2BackingInfo{},
			}},
		}, &types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationAdd,
			Device: &types.ParaVirtualSCSIController{VirtualSCSIController: types.VirtualSCSIController{
				SharedBus: types.VirtualSCSISharingNoSharing, VirtualController: types.VirtualController{VirtualDevice: types.VirtualDevice{Key: -2}},
			}},
		}},
	}}
	pool := f.lab.vm(f.lab.machineNamed("web01")).ResourcePool
	folder := f.lab.vm(f.lab.machineNamed("web01")).Parent
	lease, err := object.NewResourcePool(client.Client, *pool).ImportVApp(f.ctx, &spec, object.NewFolder(client.Client, *folder), nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := lease.Wait(f.ctx, nil)
	if err != nil || len(info.DeviceUrl) == 0 {
		t.Fatalf("%+v %v", info, err)
	}
	target, _ := url.Parse(info.DeviceUrl[0].Url)
	disk := bytes.Repeat([]byte("disk"), 100_000)
	sum := sha256.Sum256(disk)
	opts := soap.Upload{Method: http.MethodPost, ContentLength: int64(len(disk))}
	if err := client.Upload(f.ctx, bytes.NewReader(disk), target, &opts); err != nil {
		t.Fatal(err)
	}
	entries := f.lab.requests.since(0)
	entry := entries[len(entries)-1]
	if entry.Bytes != int64(len(disk)) || entry.SHA256 != hex.EncodeToString(sum[:]) || entry.Status != http.StatusOK {
		t.Fatalf("%+v", entry)
	}
	if response, _ := f.http("PUT", target.String(), nil, false); response.StatusCode != http.StatusUnauthorized {
		t.Fatalf("without a cookie: %d", response.StatusCode)
	}
	if err := lease.Complete(f.ctx); err != nil {
		t.Fatal(err)
	}
	if response, _ := f.http("PUT", target.String(), nil, true); response.StatusCode != http.StatusNotFound {
		t.Fatalf("after the lease: %d", response.StatusCode)
	}
}
