package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func (d *disk) copyPath(snapshot string) string {
	return filepath.Join(d.dir, fmt.Sprintf("disk-%d-%s.frozen", d.key, snapshot))
}

// frozenFile gives a raw file with exactly the bytes that the snapshot froze: the base itself while that is true,
// else a sparse copy that is made once. An empty snapshot means the current state. It also answers for the snapshot
// that was removed last.
func (d *disk) frozenFile(snapshot string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if snapshot == "" {
		if d.top.parent == nil {
			return d.top.path, nil
		}
		path := d.copyPath("current")
		return path, d.copyView(d.top, nil, d.sizeBytes, path)
	}
	view, undo, sizeBytes := d.frozen[snapshot], (*layer)(nil), d.sizeBytes
	if view == nil {
		if d.last == nil || d.last.snapshot != snapshot {
			return "", fmt.Errorf("disk %d keeps no bytes of snapshot %s", d.key, snapshot)
		}
		view, undo, sizeBytes = d.last.target, d.last.undo, d.last.sizeBytes
	}
	if view.parent == nil && (undo == nil || len(undo.blocks) == 0) && sizeBytes == d.sizeBytes {
		return view.path, nil
	}
	path := d.copyPath(snapshot)
	if _, err := os.Stat(path); err == nil { // what a snapshot shows never changes
		return path, nil
	}
	return path, d.copyView(view, undo, sizeBytes, path)
}

// lastFrozen is the snapshot that froze this disk most recently: the newest one that stands, or the one removed last.
func (d *disk) lastFrozen() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last != nil {
		return d.last.snapshot
	}
	for id, l := range d.frozen {
		if l == d.top.parent {
			return id
		}
	}
	return ""
}

// copyView writes the bytes that a layer shows, under undo, to a sparse file.
func (d *disk) copyView(view, undo *layer, sizeBytes int64, path string) (err error) {
	temporary := path + ".new"
	out, err := os.Create(temporary)
	if err != nil {
		return err
	}
	defer func() {
		out.Close()
		if err != nil {
			os.Remove(temporary)
		}
	}()
	if err := out.Truncate(sizeBytes); err != nil {
		return err
	}
	chain := view.chain()
	if undo != nil {
		chain = append(chain, undo)
	}
	for i, l := range chain {
		in, err := os.Open(l.path)
		if os.IsNotExist(err) && len(l.blocks) == 0 && i > 0 {
			continue // nothing was written to this delta
		}
		if err != nil {
			return err
		}
		err = copyLayer(out, in, l, sizeBytes)
		in.Close()
		if err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func copyLayer(out, in *os.File, l *layer, sizeBytes int64) error {
	extents := l.blocks.extents(sizeBytes)
	if l.blocks == nil {
		var err error
		if extents, err = dataExtents(in, sizeBytes); err != nil {
			return err
		}
	}
	for _, e := range extents {
		if _, err := in.Seek(e.offset, io.SeekStart); err != nil {
			return err
		}
		if _, err := out.Seek(e.offset, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.CopyN(out, in, e.length); err != nil {
			return err
		}
	}
	return nil
}

// areasInUse lists the allocated blocks of what the snapshot froze: the answer to changeId "*".
func (d *disk) areasInUse(snapshot string) ([]extent, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	view := d.frozen[snapshot]
	if snapshot == "" {
		view = d.top
	}
	if view == nil {
		return nil, fmt.Errorf("no such snapshot")
	}
	used := blockSet{}
	for _, l := range view.chain() {
		for block := range l.blocks {
			used.add(block)
		}
	}
	base := view.chain()[0]
	file, err := os.Open(base.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	extents, err := dataExtents(file, d.sizeBytes)
	if err != nil {
		return nil, err
	}
	for _, e := range extents {
		for block := e.offset / blockBytes; block*blockBytes < e.offset+e.length; block++ {
			used.add(block)
		}
	}
	return used.extents(d.sizeBytes), nil
}

// allocatedBytes is how much of the disk's current state is allocated.
func (d *disk) allocatedBytes() int64 {
	extents, err := d.areasInUse("")
	if err != nil {
		return 0 // a generated disk whose file does not exist
	}
	var sum int64
	for _, e := range extents {
		sum += e.length
	}
	return sum
}
