// Writing the stream as ESXi does: header without tables, grains, a table after each 32 MiB, directory, footer.
package streamvmdk

import (
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
)

const (
	flags           = 0x30001 // newline probe, compressed grains, markers
	overheadSectors = 128     // the first grain's sector in what ESXi sends
	descriptorFirst = 1
	descriptorSize  = 20
	streaming       = ^uint64(0) // gdOffset of a header whose directory is at the end

	markerEnd       = 0
	markerTable     = 1
	markerDirectory = 2
	markerFooter    = 3

	bufferBytes = 4 << 20
	// With a seed, one grain in so many is encoded anew (at about 40 MB/s): enough to make each stream
	// another, few enough to keep it fast.
	reencodeOneIn = 128
)

// Encoding says how a stream is written.
type Encoding struct {
	// Seed 0 is the pinned encoding: every grain as qemu-img compressed it. Any other gives another valid encoding
	// of the same bytes: another content id, and some grains deflated anew at another level.
	Seed uint64
	// CorruptGrain damages the zlib data of the n-th grain sent (1 is the first); 0 damages none.
	CorruptGrain int
	// Hashes see every byte as it is sent, damage included.
	Hashes []hash.Hash
}

// WriteTo streams the disk; the same seed gives the same bytes. It returns the number of bytes written.
func (s *Source) WriteTo(w io.Writer, seed uint64, hashes ...hash.Hash) (int64, error) {
	return s.Write(w, Encoding{Seed: seed, Hashes: hashes})
}

// Write streams the disk in the given encoding.
func (s *Source) Write(w io.Writer, encoding Encoding) (int64, error) {
	out := &output{to: w, hashes: encoding.Hashes, buffer: make([]byte, 0, bufferBytes)}
	random := rand.New(rand.NewPCG(encoding.Seed, 0x4b444d56))
	out.header(s.CapacityBytes, streaming)
	out.descriptor(s.CapacityBytes, random.Uint32())
	out.zeroTo(overheadSectors * sectorBytes)

	tables := (s.CapacityBytes + tableGrains*grainBytes - 1) / (tableGrains * grainBytes)
	directory := make([]uint32, tables)
	sent := 0
	for _, c := range s.chunks {
		file, err := os.Open(c.file)
		if err != nil {
			return out.written, err
		}
		err = s.writeChunk(out, file, c, directory, encoding, random, &sent)
		file.Close()
		if err != nil {
			return out.written, fmt.Errorf("%s: %w", c.file, err)
		}
	}
	directorySectors := (uint64(len(directory))*4 + sectorBytes - 1) / sectorBytes
	out.marker(directorySectors, markerDirectory)
	directoryAt := out.sector()
	out.table(directory)
	out.marker(1, markerFooter)
	out.header(s.CapacityBytes, directoryAt)
	out.marker(0, markerEnd)
	out.flush()
	return out.written, out.err
}

func (s *Source) writeChunk(out *output, file *os.File, c chunk, directory []uint32, encoding Encoding, random *rand.Rand, sent *int) error {
	le := binary.LittleEndian
	table := make([]uint32, tableGrains)
	for i := 0; i < len(c.grains); {
		number := c.grains[i].index / tableGrains
		clear(table)
		for i < len(c.grains) && c.grains[i].index/tableGrains == number {
			g := c.grains[i]
			table[g.index%tableGrains] = uint32(out.sector())
			*sent++
			room := out.room(int(g.paddedLength()))
			switch {
			case c.lastShort && i == len(c.grains)-1:
				copy(room[grainHeaderBytes:], s.lastGrain)
			default:
				// The last grain of a file may lack its padding: room is zeroed.
				if n, err := file.ReadAt(room, g.offset); err != nil && (err != io.EOF || n < grainHeaderBytes+int(g.length)) {
					return err
				}
			}
			length := int(g.length)
			if encoding.Seed != 0 && (random.IntN(reencodeOneIn) == 0 || *sent == 1) {
				plain, err := inflate(room[grainHeaderBytes : grainHeaderBytes+length])
				if err != nil {
					return err
				}
				data, err := deflate(plain, 1+random.IntN(5))
				if err != nil {
					return err
				}
				out.giveBack(len(room))
				length = len(data)
				room = out.room(int(grain{length: uint32(length)}.paddedLength()))
				copy(room[grainHeaderBytes:], data)
			}
			le.PutUint64(room, c.firstLBA+uint64(g.index)*(grainBytes/sectorBytes))
			le.PutUint32(room[8:], uint32(length))
			if *sent == encoding.CorruptGrain {
				room[grainHeaderBytes+length/2] ^= 0x55
			}
			if out.err != nil {
				return out.err
			}
			i++
		}
		out.marker(tableGrains*4/sectorBytes, markerTable)
		directory[c.firstLBA/(tableGrains*grainBytes/sectorBytes)+uint64(number)] = uint32(out.sector())
		out.table(table)
	}
	return out.err
}
