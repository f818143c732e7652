// Reading the grain tables that qemu-img writes, and encoding single grains.
package streamvmdk

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

const grainHeaderBytes = 12 // u64 LBA, u32 size

// grain is one compressed grain in a file of qemu-img's.
type grain struct {
	index  uint32 // number of the grain within its chunk
	length uint32 // bytes of zlib data
	offset int64  // of its header, in bytes
}

func (g grain) paddedLength() int64 {
	return (grainHeaderBytes + int64(g.length) + sectorBytes - 1) / sectorBytes * sectorBytes
}

// readGrains lists the grains of a streamOptimized VMDK as qemu-img writes it: tables up front, grains with headers.
func readGrains(path string, wantBytes int64) ([]grain, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	header := make([]byte, sectorBytes)
	if _, err := io.ReadFull(file, header); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	capacity, grainSectors := le.Uint64(header[12:]), le.Uint64(header[20:])
	entries, directory := le.Uint32(header[44:]), le.Uint64(header[56:])
	compressed := le.Uint32(header[8:])&0x30000 == 0x30000 && le.Uint16(header[77:]) == 1
	if string(header[:4]) != "KDMV" || grainSectors != grainBytes/sectorBytes || entries != tableGrains || !compressed {
		return nil, errors.New("not the streamOptimized VMDK that qemu-img writes")
	}
	if want := uint64(wantBytes) / sectorBytes; capacity != want {
		return nil, fmt.Errorf("capacity is %d sectors instead of %d", capacity, want)
	}
	tables := int((wantBytes + tableGrains*grainBytes - 1) / (tableGrains * grainBytes))
	offsets := make([]byte, tables*4)
	if _, err := file.ReadAt(offsets, int64(directory)*sectorBytes); err != nil {
		return nil, fmt.Errorf("grain directory: %w", err)
	}
	var grains []grain
	table := make([]byte, tableGrains*4)
	head := make([]byte, grainHeaderBytes)
	for t := range tables {
		if _, err := file.ReadAt(table, int64(le.Uint32(offsets[t*4:]))*sectorBytes); err != nil {
			return nil, fmt.Errorf("grain table %d: %w", t, err)
		}
		for i := range tableGrains {
			sector := le.Uint32(table[i*4:])
			if sector == 0 {
				continue
			}
			g := grain{index: uint32(t*tableGrains + i), offset: int64(sector) * sectorBytes}
			if _, err := file.ReadAt(head, g.offset); err != nil {
				return nil, fmt.Errorf("grain %d: %w", g.index, err)
			}
			if lba := le.Uint64(head); lba != uint64(g.index)*grainSectors {
				return nil, fmt.Errorf("grain %d says that it is sector %d", g.index, lba)
			}
			g.length = le.Uint32(head[8:])
			grains = append(grains, g)
		}
	}
	return grains, nil
}

// inflate gives the bytes of one grain; fewer than grainBytes if the disk ends inside it.
func inflate(data []byte) ([]byte, error) {
	reader, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

func deflate(data []byte, level int) ([]byte, error) {
	var out bytes.Buffer
	writer, err := zlib.NewWriterLevel(&out, level)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(data); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// padLastGrain re-encodes the disk's last grain if qemu-img cut it at the disk's end: a host always sends whole grains.
func (s *Source) padLastGrain() error {
	if s.CapacityBytes%grainBytes == 0 || len(s.chunks) == 0 {
		return nil
	}
	c := &s.chunks[len(s.chunks)-1]
	last := &c.grains[len(c.grains)-1]
	if int64(c.firstLBA)*sectorBytes+int64(last.index)*grainBytes != s.CapacityBytes/grainBytes*grainBytes {
		return nil // the disk's tail is zero
	}
	file, err := os.Open(c.file)
	if err != nil {
		return err
	}
	defer file.Close()
	data := make([]byte, last.length)
	if _, err := file.ReadAt(data, last.offset+grainHeaderBytes); err != nil {
		return err
	}
	plain, err := inflate(data)
	if err != nil || len(plain) == grainBytes {
		return err
	}
	if s.lastGrain, err = deflate(append(plain, zeros[len(plain):]...), 6); err != nil {
		return err
	}
	c.lastShort = true
	last.length = uint32(len(s.lastGrain))
	return nil
}
