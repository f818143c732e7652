// Holes and zeros of raw files, shared work, and the cache's size.
package streamvmdk

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"syscall"
	"time"
)

const (
	seekData = 3 // SEEK_DATA of lseek(2)
	// The cache is trimmed to this size, oldest use first, but never by what was used within a day.
	cacheLimitBytes = 16 << 30
	cacheKeepFor    = 24 * time.Hour
)

var zeros = make([]byte, grainBytes)

func isZero(data []byte) bool { return bytes.Equal(data, zeros[:len(data)]) }

// nextData is the first byte of data at or after from, or end. lseek moves only the file's own position, which
// nothing here reads from, so calls may run side by side.
func nextData(file *os.File, from, end int64) (int64, error) {
	at, err := syscall.Seek(int(file.Fd()), from, seekData)
	if errors.Is(err, syscall.ENXIO) { // no data up to the file's end
		return end, nil
	}
	if err != nil {
		return 0, err
	}
	return min(at, end), nil
}

func isHole(file *os.File, offset, length int64) (bool, error) {
	at, err := nextData(file, offset, offset+length)
	return at == offset+length, err
}

// flight lets callers with one key share one piece of work.
type flight struct {
	mutex   sync.Mutex
	running map[string]chan struct{}
}

var shared = flight{running: map[string]chan struct{}{}}

// do runs work, one at a time per key. Work that finds its result done by an earlier caller returns at once, so
// every caller runs it: a caller that was cancelled then takes nobody along.
func (f *flight) do(ctx context.Context, key string, work func() error) error {
	for {
		f.mutex.Lock()
		other, busy := f.running[key]
		if !busy {
			mine := make(chan struct{})
			f.running[key] = mine
			f.mutex.Unlock()
			defer func() {
				f.mutex.Lock()
				delete(f.running, key)
				f.mutex.Unlock()
				close(mine)
			}()
			return work()
		}
		f.mutex.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var pruned sync.Map

// pruneOnce trims the cache, once per directory and process. That it fails is no reason to fail a lease.
func pruneOnce(cacheDir string) {
	if _, done := pruned.LoadOrStore(cacheDir, true); done {
		return
	}
	names, err := filepath.Glob(filepath.Join(cacheDir, "*.vmdk"))
	if err != nil {
		return
	}
	type entry struct {
		name string
		info os.FileInfo
	}
	var entries []entry
	var total int64
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			entries = append(entries, entry{name, info})
			total += info.Size()
		}
	}
	sort.Slice(entries, func(a, b int) bool { return entries[a].info.ModTime().Before(entries[b].info.ModTime()) })
	for _, e := range entries {
		if total <= cacheLimitBytes || time.Since(e.info.ModTime()) < cacheKeepFor {
			return
		}
		if os.Remove(e.name) == nil {
			total -= e.info.Size()
		}
	}
}
