package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	vimfault "github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/nfc"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const testConfig = `{"seed":3,"datastores":[{"name":"vmfs1","type":"VMFS"},{"name":"vsan1","type":"vsan"}],
"hosts":[{"name":"esx1.lab"}],"leaseTimeoutSeconds":1,"sessionTimeoutSeconds":2,"changedAreasPerPage":2,
"accounts":{"connector":{"privileges":["VApp.Export","VirtualMachine.State.CreateSnapshot","VirtualMachine.State.RemoveSnapshot","Extension.Register",
"VirtualMachine.Config.ChangeTracking","VirtualMachine.Provisioning.DiskRandomRead","Datastore.Browse","Datastore.FileManagement"]}},
"denyPrivileges":{"hoist@vsphere.local":["Extension.Register"]},
"vms":[{"name":"web01","firmware":"efi","secureBoot":true,"vTpm":true,"nics":[{"addresses":["10.0.0.5"]}],"disks":[{"sizeBytes":4194816,"kind":"data"},{"sizeBytes":1048576,"kind":"zero"}]},
{"name":"off01","powerState":"poweredOff","datastore":"vsan1","disks":[{"sizeBytes":1048576,"kind":"noise"}]}]}`

type fixture struct {
	t       *testing.T
	lab     *lab
	printed *endpoints
	client  *govmomi.Client
	ctx     context.Context
}

func start(t *testing.T, configText string) *fixture {
	t.Helper()
	file := filepath.Join(t.TempDir(), "lab.json")
	if err := os.WriteFile(file, []byte(configText), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := loadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLab(config, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	printed, err := l.serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.model.Remove)
	f := &fixture{t: t, lab: l, printed: printed, ctx: context.Background()}
	f.client = f.login()
	return f
}

func (f *fixture) login() *govmomi.Client {
	f.t.Helper()
	u, _ := soap.ParseURL(f.printed.URL)
	u.User = url.UserPassword(f.printed.Connector.Username, f.printed.Connector.Password)
	client, err := govmomi.NewClient(f.ctx, u, true)
	if err != nil {
		f.t.Fatal(err)
	}
	return client
}

func (f *fixture) vm(name string) *object.VirtualMachine {
	return object.NewVirtualMachine(f.client.Client, f.lab.machineNamed(name).ref)
}

func (f *fixture) snapshot(name string) types.ManagedObjectReference {
	f.t.Helper()
	task, err := f.vm(name).CreateSnapshot(f.ctx, "hoist", "", false, false)
	if err != nil {
		f.t.Fatal(err)
	}
	info, err := task.WaitForResult(f.ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	return info.Result.(types.ManagedObjectReference)
}

func (f *fixture) control(method, path string, body any) map[string]any {
	f.t.Helper()
	data, _ := json.Marshal(body)
	request, _ := http.NewRequest(method, f.printed.Control+path, strings.NewReader(string(data)))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	out := map[string]any{}
	text, _ := io.ReadAll(response.Body)
	json.Unmarshal(text, &out)
	if response.StatusCode != 200 {
		f.t.Fatalf("%s %s: %d %s", method, path, response.StatusCode, text)
	}
	return out
}

func (f *fixture) http(method, target string, header map[string]string, cookie bool) (*http.Response, []byte) {
	f.t.Helper()
	jar, _ := cookiejar.New(nil)
	u, _ := url.Parse(target)
	if cookie {
		jar.SetCookies(u, f.client.Client.Client.Jar.Cookies(f.client.URL()))
	}
	client := http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	request, _ := http.NewRequest(method, target, nil)
	for key, value := range header {
		request.Header.Set(key, value)
	}
	response, err := client.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return response, nil
	}
	return response, data
}

func (f *fixture) lease(name string, snapshot types.ManagedObjectReference) (*nfc.Lease, *nfc.LeaseInfo) {
	f.t.Helper()
	lease, err := f.vm(name).ExportSnapshot(f.ctx, &snapshot)
	if err != nil {
		f.t.Fatal(err)
	}
	info, err := lease.Wait(f.ctx, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return lease, info
}

func TestExportGivesTheFrozenBytesWhileTheGuestWrites(t *testing.T) {
	f := start(t, testConfig)
	snapshot := f.snapshot("web01")
	f.control("POST", "/vms/web01/disks/2000/write", map[string]any{"offset": 70000, "seed": 5, "length": 300000})
	frozen := f.control("GET", "/vms/web01/disks/2000/frozen?snapshot="+snapshot.Value, nil)["file"].(string)
	before, _ := os.ReadFile(frozen)
	lease, info := f.lease("web01", snapshot)
	if len(info.Items) != 2 || !strings.Contains(info.DeviceUrl[0].Url, "https://*/nfc/") {
		t.Fatalf("device URLs %+v", info.DeviceUrl)
	}
	target := filepath.Join(t.TempDir(), "disk.vmdk")
	updater := lease.StartUpdater(f.ctx, info)
	defer updater.Done()
	if err := lease.DownloadFile(f.ctx, target, info.Items[0], soap.DefaultDownload); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("qemu-img", "compare", "-f", "vmdk", "-F", "raw", target, frozen).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	manifest, err := lease.GetManifest(f.ctx)
	if err != nil || len(manifest) != 1 || manifest[0].Capacity != 4194816 || len(manifest[0].Sha1) != 40 {
		t.Fatalf("manifest %+v, %v", manifest, err)
	}
	if response, _ := f.http("GET", info.Items[0].URL.String(), nil, false); response.StatusCode != 401 {
		t.Fatalf("without a cookie: %d", response.StatusCode)
	}
	if err := lease.Complete(f.ctx); err != nil {
		t.Fatal(err)
	}
	if response, _ := f.http("GET", info.Items[0].URL.String(), nil, true); response.StatusCode != 404 {
		t.Fatalf("after the lease: %d", response.StatusCode)
	}
	task, _ := f.vm("web01").RemoveSnapshot(f.ctx, snapshot.Value, false, types.NewBool(true))
	if err := task.Wait(f.ctx); err != nil {
		t.Fatal(err)
	}
	kept := f.control("GET", "/vms/web01/disks/2000/frozen?snapshot="+snapshot.Value, nil)["file"].(string)
	if after, _ := os.ReadFile(kept); string(after) != string(before) {
		t.Fatal("the bytes of the removed snapshot are lost")
	}
}

func TestLeaseExpiresWithoutProgressAndFaultsStrike(t *testing.T) {
	f := start(t, testConfig)
	snapshot := f.snapshot("web01")
	lease, info := f.lease("web01", snapshot)
	u := info.Items[0].URL.String()
	_, whole := f.http("GET", u, nil, true)
	f.control("POST", "/faults", map[string]any{"kind": "nfcTruncate", "afterBytes": 1000})
	if _, data := f.http("GET", u, nil, true); len(data) != 1000 {
		t.Fatalf("truncated to %d", len(data))
	}
	f.control("POST", "/faults", map[string]any{"kind": "nfcReset", "afterBytes": 1000})
	if _, data := f.http("GET", u, nil, true); data != nil {
		t.Fatal("no reset")
	}
	f.control("POST", "/faults", map[string]any{"kind": "nfcStatus", "status": 403})
	if response, _ := f.http("GET", u, nil, true); response.StatusCode != 403 {
		t.Fatalf("status %d", response.StatusCode)
	}
	f.control("POST", "/faults", map[string]any{"kind": "nfcCorruptGrain", "grain": 1})
	if _, data := f.http("GET", u, nil, true); len(data) != len(whole) || string(data) == string(whole) {
		t.Fatal("no grain was corrupted")
	}
	late, _ := f.lease("web01", snapshot)
	f.control("POST", "/faults", map[string]any{"kind": "leaseExpire"})
	if err := late.Progress(f.ctx, 1); !vimfault.Is(err, &types.Timedout{}) {
		t.Fatalf("a lease that was to expire: %v", err)
	}
	f.control("POST", "/faults", map[string]any{"kind": "leaseError", "fault": "HostCommunication"})
	failed, err := f.vm("web01").ExportSnapshot(f.ctx, &snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = failed.Wait(f.ctx, nil); err == nil || !strings.Contains(err.Error(), "remote host") {
		t.Fatalf("a lease in error: %v", err)
	}
	f.control("POST", "/faults", map[string]any{"kind": "task", "method": "RemoveSnapshot_Task", "fault": "TaskInProgress"})
	task, _ := f.vm("web01").RemoveSnapshot(f.ctx, snapshot.Value, false, types.NewBool(true))
	if err := task.Wait(f.ctx); err == nil || !strings.Contains(err.Error(), "in progress") {
		t.Fatalf("a task that was to fail: %v", err)
	}
	time.Sleep(1500 * time.Millisecond)
	if err := lease.Progress(f.ctx, 1); !vimfault.Is(err, &types.Timedout{}) {
		t.Fatalf("progress after the time-out: %v", err)
	}
}

func TestSessionEndsInBothShapes(t *testing.T) {
	f := start(t, testConfig)
	other := f.login()
	f.lab.sessions.timeout = 50 * time.Millisecond
	time.Sleep(100 * time.Millisecond)
	body := &types.RetrievePropertiesEx{This: f.client.ServiceContent.PropertyCollector, SpecSet: []types.PropertyFilterSpec{{
		ObjectSet: []types.ObjectSpec{{Obj: f.lab.machineNamed("web01").ref}}, PropSet: []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name"}}},
	}}}
	result, err := methods.RetrievePropertiesEx(f.ctx, f.client.Client, body)
	if err != nil || len(result.Returnval.Objects) != 1 || len(result.Returnval.Objects[0].MissingSet) != 1 {
		t.Fatalf("%+v %v", result, err)
	}
	if _, ok := result.Returnval.Objects[0].MissingSet[0].Fault.Fault.(*types.NotAuthenticated); !ok {
		t.Fatal("another fault than NotAuthenticated")
	}
	_, err = methods.CreateContainerView(f.ctx, other.Client, &types.CreateContainerView{This: *other.ServiceContent.ViewManager, Container: other.ServiceContent.RootFolder})
	if !vimfault.Is(err, &types.NotAuthenticated{}) || !strings.Contains(err.Error(), "not authenticated") {
		t.Fatalf("%v", err)
	}
}

func TestMethodsAreRefusedWithoutTheirPrivilege(t *testing.T) {
	f := start(t, testConfig)
	u, _ := soap.ParseURL(f.printed.URL)
	u.User = url.UserPassword(f.printed.Connector.Username, "wrong")
	if _, err := govmomi.NewClient(f.ctx, u, true); !vimfault.Is(err, &types.InvalidLogin{}) {
		t.Fatalf("%v", err)
	}
	_, err := f.vm("web01").PowerOn(f.ctx)
	var refused *types.NoPermission
	if _, ok := vimfault.As(err, &refused); !ok || refused.PrivilegeId != "VirtualMachine.Interact.PowerOn" {
		t.Fatalf("%v", err)
	}
	_, err = methods.RegisterExtension(f.ctx, f.client.Client, &types.RegisterExtension{This: *f.client.ServiceContent.ExtensionManager})
	if !vimfault.Is(err, &types.NoPermission{}) {
		t.Fatalf("a denied privilege: %v", err)
	}
	session, _ := f.client.SessionManager.UserSession(f.ctx)
	answer, err := methods.HasPrivilegeOnEntities(f.ctx, f.client.Client, &types.HasPrivilegeOnEntities{
		This: *f.client.ServiceContent.AuthorizationManager, Entity: []types.ManagedObjectReference{f.client.ServiceContent.RootFolder},
		SessionId: session.Key, PrivId: []string{"VApp.Export", "Extension.Register", "VirtualMachine.Interact.PowerOn"},
	})
	if err != nil {
		t.Fatal(err)
	}
	held := answer.Returnval[0].PrivAvailability
	if !held[0].IsGranted || held[1].IsGranted || held[2].IsGranted {
		t.Fatalf("%+v", held)
	}
}

func TestTrackingStartsAtTheNextStunAndIsPaged(t *testing.T) {
	f := start(t, testConfig)
	vm := f.vm("web01")
	task, err := vm.Reconfigure(f.ctx, types.VirtualMachineConfigSpec{ChangeTrackingEnabled: types.NewBool(true)})
	if err != nil || task.Wait(f.ctx) != nil {
		t.Fatal(err)
	}
	if f.lab.machineNamed("web01").disks[0].tracked() {
		t.Fatal("tracking began without a stun")
	}
	first := f.snapshot("web01")
	changeID := func(snapshot types.ManagedObjectReference) string {
		var s mo.VirtualMachineSnapshot
		if err := vm.Properties(f.ctx, snapshot, []string{"config"}, &s); err != nil {
			t.Fatal(err)
		}
		for _, device := range s.Config.Hardware.Device {
			if disk, ok := device.(*types.VirtualDisk); ok {
				return disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo).ChangeId
			}
		}
		return ""
	}
	old := changeID(first)
	for _, block := range []int{1, 5, 9, 12} {
		f.control("POST", "/vms/web01/disks/2000/write", map[string]any{"offset": block * 65536, "seed": 1, "length": 100})
	}
	second := f.snapshot("web01")
	var starts []int64
	for offset := int64(0); offset < 4194816; {
		answer, err := methods.QueryChangedDiskAreas(f.ctx, f.client.Client, &types.QueryChangedDiskAreas{
			This: vm.Reference(), Snapshot: &second, DeviceKey: 2000, StartOffset: offset, ChangeId: old,
		})
		if err != nil {
			t.Fatal(err)
		}
		info := answer.Returnval
		for _, area := range info.ChangedArea {
			starts = append(starts, area.Start/65536)
		}
		offset = info.StartOffset + info.Length
	}
	if len(starts) != 4 || starts[0] != 1 || starts[3] != 12 {
		t.Fatalf("areas start at blocks %v", starts)
	}
}

func TestFolderServesFrozenBasesOnly(t *testing.T) {
	f := start(t, testConfig)
	base := "https://" + f.printed.Host + "/folder/web01/web01-flat.vmdk?dcPath=Datacenter1&dsName=vmfs1"
	part := map[string]string{"Range": "bytes=512-1023"}
	if response, _ := f.http("GET", base, part, false); response.StatusCode != 401 {
		t.Fatalf("no session: %d", response.StatusCode)
	}
	if response, _ := f.http("GET", base, part, true); response.StatusCode != 500 {
		t.Fatalf("a running VM's file: %d", response.StatusCode)
	}
	f.snapshot("web01")
	response, data := f.http("GET", base, part, true)
	if response.StatusCode != 206 || len(data) != 512 {
		t.Fatalf("%d, %d bytes", response.StatusCode, len(data))
	}
	if response, _ := f.http("HEAD", base, nil, true); response.ContentLength != 4194816 {
		t.Fatalf("HEAD says %d", response.ContentLength)
	}
	vsan := "https://" + f.printed.Host + "/folder/off01/off01-flat.vmdk?dcPath=Datacenter1&dsName=vsan1"
	if response, _ := f.http("GET", vsan, part, true); response.StatusCode != 404 {
		t.Fatalf("vSAN: %d", response.StatusCode)
	}
}
