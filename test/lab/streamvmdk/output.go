// A buffered writer that knows its position and the pieces that a stream is made of.
package streamvmdk

import (
	"encoding/binary"
	"fmt"
	"hash"
	"io"
)

// output keeps the first error and becomes a no-op after it; callers look at err once.
type output struct {
	to      io.Writer
	hashes  []hash.Hash
	buffer  []byte
	written int64
	err     error
}

func (o *output) sector() uint64 { return uint64(o.written+int64(len(o.buffer))) / sectorBytes }

func (o *output) flush() {
	if o.err == nil && len(o.buffer) > 0 {
		for _, h := range o.hashes {
			h.Write(o.buffer)
		}
		var n int
		n, o.err = o.to.Write(o.buffer)
		o.written += int64(n)
	}
	o.buffer = o.buffer[:0]
}

// room gives the next length bytes of the stream, zeroed, to be filled before the next call.
func (o *output) room(length int) []byte {
	if len(o.buffer)+length > cap(o.buffer) {
		o.flush()
	}
	start := len(o.buffer)
	o.buffer = o.buffer[:start+length]
	clear(o.buffer[start:])
	return o.buffer[start:]
}

// giveBack takes back the room that was given last.
func (o *output) giveBack(length int) { o.buffer = o.buffer[:len(o.buffer)-length] }

func (o *output) zeroTo(offset int64) {
	o.room(int(offset - o.written - int64(len(o.buffer))))
}

// marker writes a metadata marker: u64 sectors that follow, u32 0, u32 type.
func (o *output) marker(sectors uint64, kind uint32) {
	room := o.room(sectorBytes)
	binary.LittleEndian.PutUint64(room, sectors)
	binary.LittleEndian.PutUint32(room[12:], kind)
}

func (o *output) table(entries []uint32) {
	for len(entries) > 0 {
		part := entries[:min(len(entries), 1<<18)] // a directory of a large disk exceeds the buffer
		entries = entries[len(part):]
		room := o.room((len(part)*4 + sectorBytes - 1) / sectorBytes * sectorBytes)
		for i, entry := range part {
			binary.LittleEndian.PutUint32(room[i*4:], entry)
		}
	}
}

// header writes the sparse extent header, which is the footer too.
func (o *output) header(capacityBytes int64, directorySector uint64) {
	room := o.room(sectorBytes)
	le := binary.LittleEndian
	copy(room, "KDMV")
	le.PutUint32(room[4:], 3)
	le.PutUint32(room[8:], flags)
	le.PutUint64(room[12:], uint64(capacityBytes/sectorBytes))
	le.PutUint64(room[20:], grainBytes/sectorBytes)
	le.PutUint64(room[28:], descriptorFirst)
	le.PutUint64(room[36:], descriptorSize)
	le.PutUint32(room[44:], tableGrains)
	le.PutUint64(room[56:], directorySector)
	le.PutUint64(room[64:], overheadSectors)
	copy(room[73:], "\n \r\n")
	le.PutUint16(room[77:], 1)
}

func (o *output) descriptor(capacityBytes int64, cid uint32) {
	sectors := capacityBytes / sectorBytes
	// The geometry of a SCSI disk above 1 GiB; smaller ones have 64 heads and 32 sectors.
	heads, perTrack := int64(255), int64(63)
	if capacityBytes <= 1<<30 {
		heads, perTrack = 64, 32
	}
	text := fmt.Sprintf(`# Disk DescriptorFile
version=1
CID=%08x
parentCID=ffffffff
createType="streamOptimized"

# Extent description
RDONLY %d SPARSE "generated-stream.vmdk"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "%d"
ddb.geometry.heads = "%d"
ddb.geometry.sectors = "%d"
ddb.toolsVersion = "12352"
ddb.virtualHWVersion = "19"
`, cid, sectors, sectors/(heads*perTrack), heads, perTrack)
	copy(o.room(descriptorSize*sectorBytes), text)
}
