package main

import (
	"errors"
	"os"
	"sort"
	"syscall"
)

// extent is a byte range of a disk.
type extent struct{ offset, length int64 }

const (
	seekData = 3 // SEEK_DATA of lseek(2)
	seekHole = 4
)

// dataExtents lists the parts of a sparse file that are allocated.
func dataExtents(file *os.File, sizeBytes int64) ([]extent, error) {
	var extents []extent
	for position := int64(0); position < sizeBytes; {
		start, err := file.Seek(position, seekData)
		if errors.Is(err, syscall.ENXIO) { // no data after this
			return extents, nil
		}
		if err != nil {
			return nil, err
		}
		end, err := file.Seek(start, seekHole)
		if err != nil {
			return nil, err
		}
		end = min(end, sizeBytes)
		extents = append(extents, extent{start, end - start})
		position = end
	}
	return extents, nil
}

// blockSet is a set of 64 KiB blocks of a disk, by number.
type blockSet map[int64]struct{}

func (s blockSet) add(block int64) { s[block] = struct{}{} }

func (s blockSet) has(block int64) bool { _, ok := s[block]; return ok }

// extents joins neighbouring blocks, in order, cut off at the disk's size.
func (s blockSet) extents(sizeBytes int64) []extent {
	blocks := make([]int64, 0, len(s))
	for block := range s {
		blocks = append(blocks, block)
	}
	sort.Slice(blocks, func(i, j int) bool { return blocks[i] < blocks[j] })
	var out []extent
	for _, block := range blocks {
		offset := block * blockBytes
		if offset >= sizeBytes {
			break
		}
		length := min(blockBytes, sizeBytes-offset)
		if n := len(out); n > 0 && out[n-1].offset+out[n-1].length == offset {
			out[n-1].length += length
		} else {
			out = append(out, extent{offset, length})
		}
	}
	return out
}
