package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// serveFolder gives byte ranges of a datastore's files: descriptors and base extents of the lab's disks.
func (l *lab) serveFolder(w http.ResponseWriter, r *http.Request) {
	l.endIdle()
	key := sessionKey(r)
	session, live := l.session(key)
	answer := &statusWriter{ResponseWriter: w}
	defer func() {
		l.requests.add(requestEntry{
			Method: r.Method, Path: r.URL.RequestURI(), User: session.UserName, Range: r.Header.Get("Range"), Status: answer.status, Cookie: key != "",
		})
	}()
	refuse := func(status int) { http.Error(answer, http.StatusText(status), status) }
	if !live {
		answer.Header().Set("WWW-Authenticate", `Basic realm="VMware HTTP server"`)
		refuse(http.StatusUnauthorized)
		return
	}
	account := l.accounts[session.UserName]
	if account == nil || !account.holds("Datastore.Browse") || !account.holds("Datastore.FileManagement") {
		refuse(http.StatusForbidden)
		return
	}
	if order := l.faults.take("folderStatus", func(f *fault) bool { return strings.HasSuffix(r.URL.Path, f.Disk) }); order != nil {
		refuse(order.Status)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(http.StatusMethodNotAllowed)
		return
	}
	query := r.URL.Query()
	if query.Get("dcPath") != datacenterName {
		refuse(http.StatusNotFound)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/folder/")
	m, index, on, suffix := l.findFile(query.Get("dsName"), path)
	if m == nil || l.datastoreType(query.Get("dsName")) == "vsan" {
		refuse(http.StatusNotFound)
		return
	}
	d := m.disks[index]
	if suffix == "" {
		content := l.descriptor(m, index, d, on)
		http.ServeContent(answer, r, "disk.vmdk", time.Now(), strings.NewReader(content))
		return
	}
	if on == d.top && l.vm(m).Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
		refuse(http.StatusInternalServerError) // the running VM holds the file's lock
		return
	}
	file, err := os.Open(on.path)
	if err != nil {
		refuse(http.StatusNotFound)
		return
	}
	defer file.Close()
	reset := l.faults.take("folderReset", func(f *fault) bool { return strings.HasSuffix(r.URL.Path, f.Disk) })
	limit := int64(-1)
	if reset != nil {
		limit = reset.AfterBytes
	}
	shaped := &shapedResponse{ResponseWriter: answer, to: &guardedWriter{to: l.shaper.Writer(answer, r.Context().Done()), left: limit}}
	answer.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(shaped, r, "", time.Time{}, io.NewSectionReader(file, 0, d.sizeBytes))
	if reset != nil {
		resetConnection(w)
	}
}

// findFile finds a disk's layer by the path of its descriptor (suffix "") or of its base extent ("-flat").
func (l *lab) findFile(datastore, path string) (*machine, int, *layer, string) {
	want := "[" + datastore + "] " + path
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.vms {
		if !strings.HasPrefix(path, m.config.Name+"/") {
			continue
		}
		for i, d := range m.disks {
			d.mu.Lock()
			layers := append([]*layer{}, d.layers...)
			d.mu.Unlock()
			for _, on := range layers {
				for _, suffix := range []string{"", "-flat"} {
					if (suffix == "" || on.parent == nil) && m.fileName(i, d, on, suffix) == want {
						return m, i, on, suffix
					}
				}
			}
		}
	}
	return nil, 0, nil, ""
}

// descriptor is the small text file beside an extent.
func (l *lab) descriptor(m *machine, index int, d *disk, on *layer) string {
	base := func(name string) string { return name[strings.LastIndex(name, "/")+1:] }
	parentCID, parentHint, kind, extent := "ffffffff", "", "vmfs", "VMFS"
	suffix := "-flat"
	if on.parent != nil {
		parentCID, kind, extent, suffix = "fffffffe", "seSparse", "SESPARSE", "-sesparse"
		parentHint = fmt.Sprintf("parentFileNameHint=%q\n", base(m.fileName(index, d, on.parent, "")))
	}
	return fmt.Sprintf(`# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=fffffffe
parentCID=%s
createType="%s"
%s
# Extent description
RW %d %s "%s"

# The Disk Data Base 
#DDB

ddb.adapterType = "lsilogic"
ddb.thinProvisioned = "%d"
ddb.uuid = "%s"
ddb.virtualHWVersion = "%d"
`, parentCID, kind, parentHint, d.sizeBytes/512, extent, base(m.fileName(index, d, on, suffix)), boolInt(!d.config.Thick), d.uuid, m.config.HardwareVersion)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// statusWriter remembers the status for the request log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find the connection.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// shapedResponse sends its body through a writer of its own.
type shapedResponse struct {
	http.ResponseWriter
	to io.Writer
}

// Write implements http.ResponseWriter.
func (s *shapedResponse) Write(p []byte) (int, error) { return s.to.Write(p) }
