package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// blockBytes is the unit of the overlays and of change tracking (ESXi tracks 64 KiB on small disks).
const blockBytes = int64(64 << 10)

// layer is one file of a disk's chain: the base (parent nil, every block) or a delta with the blocks written to it.
type layer struct {
	number int // 0 is the base; a delta is named as ESXi does, "<vm>-000001.vmdk"
	path   string
	parent *layer
	blocks blockSet
}

// disk is a virtual disk: a tree of layers, as snapshots and reverts make it, and the tracking of changes.
// A snapshot freezes the top layer; guest writes go to a delta; removing the snapshot merges the delta down.
type disk struct {
	mu        sync.Mutex
	key       int32
	label     string
	config    DiskConfig
	uuid      string
	dir       string // where deltas and copies go
	sizeBytes int64
	layers    []*layer
	top       *layer
	frozen    map[string]*layer // snapshot's moref value -> the layer that it froze
	last      *frozenView
	cbt       tracking
	deltas    int
}

// frozenView keeps the bytes of the snapshot that was removed last: what its layer shows now, under undo.
type frozenView struct {
	snapshot  string
	target    *layer
	sizeBytes int64
	undo      *layer
}

func newDisk(key int32, config DiskConfig, basePath, dir string, sizeBytes int64, uuid string) *disk {
	base := &layer{path: basePath}
	return &disk{
		key: key, label: config.Label, config: config, uuid: uuid, dir: dir, sizeBytes: sizeBytes,
		layers: []*layer{base}, top: base, frozen: map[string]*layer{},
	}
}

// snapshotted tells whether snapshots include this disk.
func (d *disk) snapshotted() bool {
	return d.config.RDM != "physical" && (d.config.Mode == "persistent" || d.config.Mode == "")
}

func readBlock(l *layer, offset int64, into []byte) error {
	for l.parent != nil && !l.blocks.has(offset/blockBytes) {
		l = l.parent
	}
	file, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.ReadAt(into, offset)
	return err
}

// blockLength is blockBytes, or less for the disk's last block.
func blockLength(offset, sizeBytes int64) int64 { return min(blockBytes, sizeBytes-offset) }

// putBlock writes a whole block into the layer, keeping what the last removed snapshot showed there.
func (d *disk) putBlock(l *layer, offset int64, data []byte) error {
	if err := d.keepUndo(l, offset); err != nil {
		return err
	}
	return l.store(offset, data)
}

func (l *layer) store(offset int64, data []byte) error {
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.WriteAt(data, offset); err != nil {
		return err
	}
	if l.blocks != nil {
		l.blocks.add(offset / blockBytes)
	}
	return nil
}

// keepUndo saves a block before it changes, if the last removed snapshot still shows it.
func (d *disk) keepUndo(l *layer, offset int64) error {
	if d.last == nil || d.last.target != l || d.last.undo.blocks.has(offset/blockBytes) || offset >= d.last.sizeBytes {
		return nil
	}
	old := make([]byte, blockLength(offset, d.last.sizeBytes))
	if err := readBlock(l, offset, old); err != nil {
		return err
	}
	return d.last.undo.store(offset, old)
}

// write is a guest's write.
func (d *disk) write(offset int64, data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if offset < 0 || offset+int64(len(data)) > d.sizeBytes {
		return fmt.Errorf("bytes %d to %d are outside the disk of %d bytes", offset, offset+int64(len(data)), d.sizeBytes)
	}
	block := make([]byte, blockBytes)
	for len(data) > 0 {
		start := offset / blockBytes * blockBytes
		whole := block[:blockLength(start, d.sizeBytes)]
		if err := readBlock(d.top, start, whole); err != nil {
			return err
		}
		n := copy(whole[offset-start:], data)
		if err := d.putBlock(d.top, start, whole); err != nil {
			return err
		}
		d.cbt.mark(start / blockBytes)
		offset += int64(n)
		data = data[n:]
	}
	return nil
}

// freeze takes a snapshot: the top layer is frozen and a delta goes on it.
func (d *disk) freeze(snapshot string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.snapshotted() {
		return
	}
	d.forget()
	d.frozen[snapshot] = d.top
	d.push(d.top)
}

func (d *disk) push(parent *layer) {
	d.deltas++
	d.top = &layer{
		number: d.deltas, path: filepath.Join(d.dir, fmt.Sprintf("disk-%d-%06d.delta", d.key, d.deltas)),
		parent: parent, blocks: blockSet{},
	}
	d.layers = append(d.layers, d.top)
}

// forget gives up the bytes of the snapshot that was removed last.
func (d *disk) forget() {
	if d.last != nil {
		os.Remove(d.last.undo.path)
		os.Remove(d.copyPath(d.last.snapshot))
		d.last = nil
	}
}

// thaw removes a snapshot: its layer may change again, and deltas that nobody needs are merged down.
func (d *disk) thaw(snapshot string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	was, ok := d.frozen[snapshot]
	if !ok {
		return nil // a disk that snapshots leave out
	}
	delete(d.frozen, snapshot)
	d.forget()
	d.last = &frozenView{snapshot: snapshot, target: was, sizeBytes: d.sizeBytes,
		undo: &layer{path: filepath.Join(d.dir, fmt.Sprintf("disk-%d-%s.undo", d.key, snapshot)), blocks: blockSet{}}}
	return d.sweep()
}

// sweep merges every unfrozen layer with its only child, and drops layers that nothing stands on.
func (d *disk) sweep() error {
	for {
		changed := false
		for _, l := range d.layers {
			if l == d.top || d.isFrozen(l) {
				continue
			}
			switch children := d.children(l); len(children) {
			case 0:
				d.drop(l)
				changed = true
			case 1:
				if err := d.merge(children[0], l); err != nil {
					return err
				}
				changed = true
			}
			if changed {
				break
			}
		}
		if !changed {
			return nil
		}
	}
}

func (d *disk) isFrozen(l *layer) bool {
	for _, f := range d.frozen {
		if f == l {
			return true
		}
	}
	return false
}

func (d *disk) children(l *layer) (children []*layer) {
	for _, c := range d.layers {
		if c.parent == l {
			children = append(children, c)
		}
	}
	return children
}

// merge writes upper's blocks into lower, which then takes upper's place.
func (d *disk) merge(upper, lower *layer) error {
	block := make([]byte, blockBytes)
	for number := range upper.blocks {
		offset := number * blockBytes
		if offset >= d.sizeBytes {
			continue
		}
		data := block[:blockLength(offset, d.sizeBytes)]
		if err := readBlock(upper, offset, data); err != nil {
			return err
		}
		if err := d.putBlock(lower, offset, data); err != nil {
			return err
		}
	}
	for _, l := range d.layers {
		if l.parent == upper {
			l.parent = lower
		}
	}
	for id, l := range d.frozen {
		if l == upper {
			d.frozen[id] = lower
		}
	}
	if d.last != nil && d.last.target == upper {
		d.last.target = lower
	}
	if d.top == upper {
		d.top = lower
	}
	upper.parent = nil
	d.drop(upper)
	return nil
}

func (d *disk) drop(l *layer) {
	for i, other := range d.layers {
		if other == l {
			d.layers = append(d.layers[:i], d.layers[i+1:]...)
			break
		}
	}
	if d.last != nil && d.last.target == l {
		d.forget()
	}
	if l.number > 0 {
		os.Remove(l.path)
	}
}

// revert throws away what was written since the snapshot.
func (d *disk) revert(snapshot string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.frozen[snapshot]
	if !ok {
		return nil
	}
	d.push(l)
	return d.sweep()
}

// resize grows the disk; vSphere refuses it while the disk has snapshots.
func (d *disk) resize(sizeBytes int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.layers) > 1 {
		return fmt.Errorf("the disk has snapshots")
	}
	if sizeBytes < d.sizeBytes || sizeBytes%512 != 0 {
		return fmt.Errorf("a disk only grows, by whole sectors")
	}
	if err := os.Truncate(d.top.path, sizeBytes); err != nil {
		return err
	}
	d.sizeBytes = sizeBytes
	return nil
}

// chain lists the layers under and including l, base first.
func (l *layer) chain() []*layer {
	if l == nil {
		return nil
	}
	return append(l.parent.chain(), l)
}

// materialize makes the base file of a generated VM's disk: a hole of the disk's size.
func (d *disk) materialize() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	base := d.layers[0].path
	if _, err := os.Stat(base); err == nil {
		return nil
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	file, err := os.Create(base)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Truncate(d.sizeBytes)
}
