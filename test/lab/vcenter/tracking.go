package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// tracking is changed block tracking of one disk. It is guarded by the disk's lock, except where it says otherwise.
// Writes are noted in the epoch that runs; a snapshot ends the epoch and carries its number in the changeId.
type tracking struct {
	active       bool
	uuid         string
	epoch        int64
	changed      map[int64]blockSet
	snapshots    map[string]int64 // snapshot's moref value -> the epoch that it ended
	hadSnapshots bool             // when tracking began: then "*" is refused
}

// mark notes that a block was written.
func (t *tracking) mark(block int64) {
	if !t.active {
		return
	}
	if t.changed[t.epoch] == nil {
		t.changed[t.epoch] = blockSet{}
	}
	t.changed[t.epoch].add(block)
}

// startTracking begins anew, with a new uuid: every older changeId becomes worthless.
func (d *disk) startTracking() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.snapshotted() {
		return
	}
	d.cbt = tracking{
		active: true, uuid: trackingUUID(), epoch: 1, changed: map[int64]blockSet{}, snapshots: map[string]int64{},
		hadSnapshots: len(d.frozen) > 0,
	}
}

func (d *disk) stopTracking() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cbt = tracking{}
}

func (d *disk) tracked() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cbt.active
}

// trackingUUID is in the notation of VMDK descriptors: "52 3e 1f 8a 0c 11 9d 2e-7b ...".
func trackingUUID() string {
	hex := strings.ReplaceAll(uuid.NewString(), "-", "")
	var parts []string
	for i := 0; i < len(hex); i += 2 {
		parts = append(parts, hex[i:i+2])
	}
	return strings.Join(parts[:8], " ") + "-" + strings.Join(parts[8:], " ")
}

// endEpoch gives the snapshot its changeId; empty if the disk is not tracked.
func (d *disk) endEpoch(snapshot string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.cbt.active {
		return ""
	}
	id := fmt.Sprintf("%s/%d", d.cbt.uuid, d.cbt.epoch)
	d.cbt.snapshots[snapshot] = d.cbt.epoch
	d.cbt.epoch++
	return id
}

// changeID is the disk's current one.
func (d *disk) changeID() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.cbt.active {
		return ""
	}
	return fmt.Sprintf("%s/%d", d.cbt.uuid, d.cbt.epoch)
}

// errUnknownChange is what the host says as a FileFault: the id is of another tracking, or of the future.
var errUnknownChange = fmt.Errorf("the change id is not of this disk's tracking")

// changedSince lists what changed between the changeId and the snapshot (empty: now).
func (d *disk) changedSince(changeID, snapshot string) ([]extent, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, number, ok := strings.Cut(changeID, "/")
	since, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil {
		return nil, errBadChangeID
	}
	until, known := d.cbt.snapshots[snapshot]
	if snapshot == "" {
		until, known = d.cbt.epoch, true
	}
	if !d.cbt.active || !known || id != d.cbt.uuid || since < 0 || since > until {
		return nil, errUnknownChange
	}
	changed := blockSet{}
	for epoch := since + 1; epoch <= until; epoch++ {
		for block := range d.cbt.changed[epoch] {
			changed.add(block)
		}
	}
	return changed.extents(d.sizeBytes), nil
}

// errBadChangeID is an InvalidArgument.
var errBadChangeID = fmt.Errorf("malformed change id")
