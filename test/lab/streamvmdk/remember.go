// What this process remembers of disks that it has prepared: a disk that has not changed is not read again.
package streamvmdk

import (
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// A file that was written within this time before it was prepared is not remembered: the clock of file times ticks
	// every 4 ms or so, and a write that shares a tick with the one before leaves no trace.
	settled = 2 * time.Second
	// A source lists its grains: 1.5 MiB for 4 GiB of data.
	sourcesRemembered = 16
)

// identity tells whether a raw file is still what it was when it was prepared.
type identity struct {
	path, cacheDir string
	device, inode  uint64
	size, modified int64
	changed        int64 // like modified in nanoseconds of the epoch; nothing sets it back
}

func identityOf(path, cacheDir string, info os.FileInfo) identity {
	id := identity{path: path, cacheDir: cacheDir, size: info.Size(), modified: info.ModTime().UnixNano()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		id.device, id.inode, id.changed = uint64(stat.Dev), stat.Ino, stat.Ctim.Nano()
	}
	return id
}

type memory struct {
	mutex   sync.Mutex
	sources map[identity]*Source
}

var remembered = memory{sources: map[identity]*Source{}}

// find gives the source of a file that has not changed, if its encoding is still in the cache.
func (m *memory) find(id identity) *Source {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	source := m.sources[id]
	if source == nil {
		return nil
	}
	now := time.Now()
	for _, c := range source.chunks {
		if os.Chtimes(c.file, now, now) != nil { // gone; else this marks it used, for pruning
			delete(m.sources, id)
			return nil
		}
	}
	return source
}

// keep remembers a source that was prepared since started, between two looks at the file, if nothing can have changed.
func (m *memory) keep(started time.Time, before, after identity, source *Source) {
	written := max(after.modified, after.changed)
	if before != after || started.UnixNano()-written < int64(settled) {
		return
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for id := range m.sources {
		if id.path == after.path || len(m.sources) >= sourcesRemembered {
			delete(m.sources, id)
		}
	}
	m.sources[after] = source
}

// sums are the checksums, by the name of their kind, of a stream that is always the same.
type sums struct {
	mutex  sync.Mutex
	byKind map[string]string
}

// PinnedSum is the checksum of the pinned encoding, if it was noted.
func (s *Source) PinnedSum(kind string) (sum string, known bool) {
	s.pinned.mutex.Lock()
	defer s.pinned.mutex.Unlock()
	sum, known = s.pinned.byKind[kind]
	return sum, known
}

// NotePinnedSum keeps the checksum of the pinned encoding for the next time that it is sent.
func (s *Source) NotePinnedSum(kind, sum string) {
	s.pinned.mutex.Lock()
	defer s.pinned.mutex.Unlock()
	if s.pinned.byKind == nil {
		s.pinned.byKind = map[string]string{}
	}
	s.pinned.byKind[kind] = sum
}
