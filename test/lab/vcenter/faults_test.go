package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	vimfault "github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func (f *fixture) order(fault map[string]any) (id string) {
	f.t.Helper()
	number, _ := json.Marshal(f.control("POST", "/faults", fault)["id"])
	return string(number)
}

func (f *fixture) takeQuiesced(name string) error {
	task, err := f.vm(name).CreateSnapshot(f.ctx, "quiesced", "", false, true)
	if err != nil {
		return err
	}
	return task.Wait(f.ctx)
}

func (f *fixture) thumbprint() string {
	f.t.Helper()
	connection, err := tls.Dial("tcp", f.printed.Host, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		f.t.Fatal(err)
	}
	defer connection.Close()
	sum := sha256.Sum256(connection.ConnectionState().PeerCertificates[0].Raw)
	return colons(sum[:])
}

func TestHeldMethodAnswersWhenTheFaultIsDeletedAndNotBefore(t *testing.T) {
	f := start(t, testConfig)
	id := f.order(map[string]any{"kind": "hold", "method": "CurrentTime"})
	answered := make(chan error, 1)
	go func() {
		_, err := methods.GetCurrentTime(f.ctx, f.client)
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("answered while held: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if _, err := f.client.SessionManager.UserSession(f.ctx); err != nil { // nothing else waits
		t.Fatal(err)
	}
	f.control("DELETE", "/faults/"+id, nil)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
}

func TestAnotherCertificateIsServedForSoManyConnections(t *testing.T) {
	f := start(t, testConfig)
	f.order(map[string]any{"kind": "certificate", "times": 2})
	for range 2 {
		if f.thumbprint() == f.printed.ThumbprintSHA256 {
			t.Fatal("the certificate is the same")
		}
	}
	if f.thumbprint() != f.printed.ThumbprintSHA256 {
		t.Fatal("the certificate did not come back")
	}
}

func TestQuiescingFailsOnlyWhereTheGuestIsQuiesced(t *testing.T) {
	f := start(t, testConfig)
	f.order(map[string]any{"kind": "quiesceFail"})
	if err := f.takeQuiesced("off01"); err != nil { // vCenter ignores the wish for a VM that is off
		t.Fatal(err)
	}
	f.snapshot("web01")
	if err := f.takeQuiesced("web01"); err == nil || !strings.Contains(err.Error(), "quiescing") {
		t.Fatalf("%v", err)
	}
	if err := f.takeQuiesced("web01"); err != nil {
		t.Fatal(err)
	}
}

func TestManifestLiesOnceWithEverythingElseRight(t *testing.T) {
	f := start(t, testConfig)
	lease, info := f.lease("web01", f.snapshot("web01"))
	_, data := f.http("GET", info.Items[0].URL.String(), nil, true)
	f.order(map[string]any{"kind": "nfcManifestLie"})
	lying, err := lease.GetManifest(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	honest, err := lease.GetManifest(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if lying[0].Sha1 == honest[0].Sha1 || lying[0].Checksum == honest[0].Checksum {
		t.Fatal("the manifest did not lie")
	}
	if lying[0].Size != honest[0].Size || honest[0].Size != int64(len(data)) {
		t.Fatalf("sizes %d and %d of %d bytes", lying[0].Size, honest[0].Size, len(data))
	}
}

func TestLeaseThatExpiresLeavesTheLabAnswering(t *testing.T) {
	f := start(t, testConfig)
	snapshot := f.snapshot("web01")
	lease, _ := f.lease("web01", snapshot)
	f.order(map[string]any{"kind": "leaseExpire"})
	if err := lease.Progress(f.ctx, 10); !vimfault.Is(err, &types.Timedout{}) {
		t.Fatalf("%v", err)
	}
	var seen mo.HttpNfcLease
	if err := property.DefaultCollector(f.client.Client).RetrieveOne(f.ctx, lease.Reference(), []string{"state", "error"}, &seen); err != nil {
		t.Fatal(err)
	}
	if _, timedOut := seen.Error.Fault.(*types.Timedout); seen.State != types.HttpNfcLeaseStateError || !timedOut {
		t.Fatalf("%s %+v", seen.State, seen.Error)
	}
	if again, _ := f.lease("web01", snapshot); again.Complete(f.ctx) != nil {
		t.Fatal("the next lease does not work")
	}
}

func TestShapedLinkIsAsSlowAsItSays(t *testing.T) {
	config := strings.Replace(testConfig, `"leaseTimeoutSeconds":1`, `"leaseTimeoutSeconds":30,"nfc":{"pinEncoding":true}`, 1)
	f := start(t, strings.Replace(config, `"sizeBytes":4194816,"kind":"data"`, `"sizeBytes":4194304,"kind":"noise"`, 1))
	_, info := f.lease("web01", f.snapshot("web01"))
	took := func(target string) (float64, int) {
		began := time.Now()
		_, data := f.http("GET", target, nil, true)
		return time.Since(began).Seconds(), len(data)
	}
	target := info.Items[0].URL.String()
	free, size := took(target)
	f.control("POST", "/shape", map[string]any{"bytesPerSecond": 2_000_000})
	for _, shaped := range []string{target, "https://" + f.printed.Host + "/folder/web01/web01-flat.vmdk?dcPath=Datacenter1&dsName=vmfs1"} {
		seconds, bytes := took(shaped)
		if wanted := float64(bytes) / 2_000_000; bytes < 3_000_000 || seconds < 0.85*wanted || seconds > 1.5*wanted+1 {
			t.Fatalf("%d bytes in %.2f s, not %.2f (unshaped %d in %.2f)", bytes, seconds, wanted, size, free)
		}
	}
	f.control("POST", "/shape", map[string]any{"bytesPerSecond": 0})
	if seconds, _ := took(target); seconds > 1 {
		t.Fatalf("%.2f s after the shape was taken off", seconds)
	}
}

func TestDiskGrowsButNotUnderASnapshot(t *testing.T) {
	f := start(t, testConfig)
	f.control("POST", "/vms/web01/resize", map[string]any{"key": 2001, "sizeBytes": 2 << 20})
	var vm mo.VirtualMachine
	if err := f.vm("web01").Properties(f.ctx, f.vm("web01").Reference(), []string{"config.hardware.device"}, &vm); err != nil {
		t.Fatal(err)
	}
	for _, device := range vm.Config.Hardware.Device {
		if disk, ok := device.(*types.VirtualDisk); ok && disk.Key == 2001 && disk.CapacityInBytes != 2<<20 {
			t.Fatalf("the disk has %d bytes", disk.CapacityInBytes)
		}
	}
	snapshot := f.snapshot("web01")
	_, info := f.lease("web01", snapshot)
	if len(info.Items) != 2 {
		t.Fatalf("%+v", info.Items)
	}
	if status := f.refused("/vms/web01/resize", `{"key":2001,"sizeBytes":3145728}`); !strings.Contains(status, "snapshots") {
		t.Fatal(status)
	}
	frozen := f.control("GET", "/vms/web01/disks/2001/frozen?snapshot="+snapshot.Value, nil)["file"].(string)
	if stat, err := os.Stat(frozen); err != nil || stat.Size() != 2<<20 {
		t.Fatalf("%v %v", stat, err)
	}
}

func (f *fixture) refused(path, body string) string {
	f.t.Helper()
	response, err := http.Post(f.printed.Control+path, "application/json", strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != 400 {
		f.t.Fatalf("%d %s", response.StatusCode, text)
	}
	return string(text)
}

func TestFullDatastoreRefusesSnapshotsUntilTheFaultEnds(t *testing.T) {
	f := start(t, testConfig)
	free := func() int64 {
		var ds mo.Datastore
		if err := property.DefaultCollector(f.client.Client).RetrieveOne(f.ctx, f.lab.datastores["vmfs1"], []string{"summary"}, &ds); err != nil {
			t.Fatal(err)
		}
		return ds.Summary.FreeSpace
	}
	before := free()
	id := f.order(map[string]any{"kind": "datastoreFull", "datastore": "vmfs1", "freeBytes": 4096})
	if free() != 4096 {
		t.Fatalf("%d bytes are free", free())
	}
	task, err := f.vm("web01").CreateSnapshot(f.ctx, "s", "", false, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := task.Wait(f.ctx); err == nil || !strings.Contains(err.Error(), "not enough space") {
		t.Fatalf("%v", err)
	}
	f.control("DELETE", "/faults/"+id, nil)
	if free() != before {
		t.Fatal("the space did not come back")
	}
	f.snapshot("web01")
}

func TestFaultsStrikeDatastoreRanges(t *testing.T) {
	f := start(t, testConfig)
	f.snapshot("web01")
	base := "https://" + f.printed.Host + "/folder/web01/web01-flat.vmdk?dcPath=Datacenter1&dsName=vmfs1"
	for _, status := range []int{401, 403, 500, 503} {
		f.order(map[string]any{"kind": "folderStatus", "status": status})
		if response, _ := f.http("GET", base, nil, true); response.StatusCode != status {
			t.Fatalf("%d instead of %d", response.StatusCode, status)
		}
	}
	f.order(map[string]any{"kind": "folderReset", "afterBytes": 5000})
	if _, data := f.http("GET", base, nil, true); data != nil {
		t.Fatal("no reset")
	}
	if _, data := f.http("GET", base, nil, true); len(data) != 4194816 {
		t.Fatalf("%d bytes", len(data))
	}
}

func TestIdleSessionIsOverForTransfersToo(t *testing.T) {
	f := start(t, testConfig)
	f.snapshot("web01")
	base := "https://" + f.printed.Host + "/folder/web01/web01-flat.vmdk?dcPath=Datacenter1&dsName=vmfs1"
	if response, _ := f.http("HEAD", base, nil, true); response.StatusCode != 200 {
		t.Fatalf("%d", response.StatusCode)
	}
	f.lab.sessions.timeout = 50 * time.Millisecond
	time.Sleep(100 * time.Millisecond)
	if response, _ := f.http("HEAD", base, nil, true); response.StatusCode != 401 {
		t.Fatalf("%d", response.StatusCode)
	}
	if sessions := f.control("GET", "/state", nil)["sessions"].([]any); len(sessions) != 0 {
		t.Fatalf("%v", sessions)
	}
}

func TestSessionsAreCapped(t *testing.T) {
	f := start(t, strings.Replace(testConfig, `"seed":3`, `"seed":3,"maxSessions":2`, 1))
	second := f.login()
	u, _ := soap.ParseURL(f.printed.URL)
	u.User = url.UserPassword(f.printed.Connector.Username, f.printed.Connector.Password)
	if _, err := govmomi.NewClient(f.ctx, u, true); err == nil || !strings.Contains(err.Error(), "503") {
		t.Fatalf("a third session: %v", err)
	}
	if err := second.Logout(f.ctx); err != nil {
		t.Fatal(err)
	}
	f.login()
}

func TestConnectorHoldsItsRoleAndNoMore(t *testing.T) {
	f := start(t, testConfig)
	fetched, err := methods.FetchUserPrivilegeOnEntities(f.ctx, f.client, &types.FetchUserPrivilegeOnEntities{
		This: *f.client.ServiceContent.AuthorizationManager, Entities: []types.ManagedObjectReference{f.client.ServiceContent.RootFolder},
		UserName: f.printed.Connector.Username,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(everyRole, f.lab.config.Accounts.Connector.Privileges)
	want = slices.DeleteFunc(want, func(privilege string) bool { return privilege == "Extension.Register" }) // denied
	slices.Sort(want)
	if got := fetched.Returnval[0].Privileges; !slices.Equal(got, want) {
		t.Fatalf("%v, not %v", got, want)
	}
	bare := start(t, `{"vms":[{"name":"a"}]}`)
	if _, err := bare.vm("a").CreateSnapshot(bare.ctx, "s", "", false, false); !vimfault.Is(err, &types.NoPermission{}) {
		t.Fatalf("an account without a role: %v", err)
	}
}

func TestConfigurationThatContradictsItselfIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"vms":[{"name":"a","disks":[{"sizeBytes":512,"datastore":"none"}]}]}`:                                 `no datastore "none"`,
		`{"vms":[{"name":"a","snapshots":["s"],"disks":[{"sizeBytes":512,"sharing":"multiWriter"}]}]}`:          "shared disk",
		`{"denyPrivileges":{"nobody@vsphere.local":["VApp.Export"]}}`:                                           `no account "nobody@vsphere.local"`,
		`{"vms":[{"name":"a","hardwareVersion":4,"changeTracking":true}]}`:                                      "hardware version 7",
		`{"vms":[{"name":"a","disks":[{"label":"odd","sizeBytes":513}]}]}`:                                      "multiple of 512",
		`{"datastores":[{"name":"d","type":"VMFS","typ":"NFS"}]}`:                                               "typ",
		`{"hosts":[{"name":"h"}],"vms":[{"name":"a","host":"other","datastore":"vmfs1"},{"name":"b"}]}`:         `no host "other"`,
		`{"vms":[{"name":"a","disks":[{"sizeBytes":512}]},{"name":"a"}]}`:                                       "of this name",
		`{"datastores":[{"name":"d","type":"VMFS"}],"vms":[{"name":"a","datastore":"vmfs1"}],"generatedVms":0}`: `no datastore "vmfs1"`,
	} {
		file := t.TempDir() + "/lab.json"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		config, err := loadConfig(file)
		if err == nil {
			_, err = newLab(config, t.TempDir())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestVMsLieInTheirFolders(t *testing.T) {
	f := start(t, `{"vms":[{"name":"a","folder":"production/web"},{"name":"b","folder":"production/db"},{"name":"c"}]}`)
	for name, want := range map[string]string{"a": "web", "b": "db", "c": "vm"} {
		var vm mo.VirtualMachine
		var folder mo.Folder
		collector := property.DefaultCollector(f.client.Client)
		if err := collector.RetrieveOne(f.ctx, f.vm(name).Reference(), []string{"parent"}, &vm); err != nil {
			t.Fatal(err)
		}
		if err := collector.RetrieveOne(f.ctx, *vm.Parent, []string{"name", "parent"}, &folder); err != nil {
			t.Fatal(err)
		}
		if folder.Name != want {
			t.Errorf("%s lies in %s", name, folder.Name)
		}
	}
}

func TestConsolidationIsNeededUntilItIsDone(t *testing.T) {
	f := start(t, testConfig)
	f.control("POST", "/vms/web01/consolidation", map[string]any{"needed": true})
	needed := func() bool {
		var vm mo.VirtualMachine
		if err := f.vm("web01").Properties(f.ctx, f.vm("web01").Reference(), []string{"runtime"}, &vm); err != nil {
			t.Fatal(err)
		}
		return vm.Runtime.ConsolidationNeeded
	}
	if !needed() {
		t.Fatal("it does not show")
	}
	answer, err := methods.ConsolidateVMDisks_Task(f.ctx, f.client, &types.ConsolidateVMDisks_Task{This: f.vm("web01").Reference()})
	if err != nil {
		t.Fatal(err)
	}
	if err := object.NewTask(f.client.Client, answer.Returnval).Wait(f.ctx); err != nil {
		t.Fatal(err)
	}
	if needed() {
		t.Fatal("still needed")
	}
}
