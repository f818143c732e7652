// Package streamvmdk turns a frozen raw disk into the streamOptimized VMDK that an ESXi host streams over NFC.
// The grains are compressed by qemu-img, never by code of this project, so that a reader of ours is tested
// against bytes that others encoded; only the wrapping (markers, tables, footer) is written here.
package streamvmdk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

const (
	sectorBytes = 512
	grainBytes  = 65536 // 128 sectors: ESXi's and qemu's grain
	// tableGrains is the number of grains that one grain table holds: 32 MiB of disk.
	tableGrains = 512
	// chunkBytes is the unit in which content is compressed and cached. A guest write then costs the
	// compression of one chunk at the next lease, not of the whole disk. It is a multiple of a grain table.
	chunkBytes = 64 << 20
)

// Source is a disk that is ready to be streamed. It holds no open file.
type Source struct {
	// CapacityBytes is the disk's size, a whole number of sectors.
	CapacityBytes int64
	// DataBytes is the size of the grains that are not all zero.
	DataBytes int64
	chunks    []chunk // in the order of the disk; only those with data
	lastGrain []byte  // the disk's last grain, re-encoded at its full length if the disk ends inside it
	pinned    sums
}

type chunk struct {
	file      string
	firstLBA  uint64
	grains    []grain
	lastShort bool // the last of the grains is replaced by Source.lastGrain
}

// Prepare compresses the raw file with qemu-img, or finds that done in cacheDir, and reads the grain tables.
// The raw file must not change meanwhile: a change that is noticed is an error. Calls for the same content share
// the work, in this process and (by atomic rename) with others; a file that has not changed is not even read again.
func Prepare(ctx context.Context, rawPath, cacheDir string) (*Source, error) {
	raw, err := os.Open(rawPath)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	info, err := raw.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 || info.Size()%sectorBytes != 0 {
		return nil, fmt.Errorf("%s: %d bytes are no whole number of sectors", rawPath, info.Size())
	}
	if err := os.MkdirAll(cacheDir, 0o700); err != nil {
		return nil, err
	}
	pruneOnce(cacheDir)
	started, before := time.Now(), identityOf(rawPath, cacheDir, info)
	if source := remembered.find(before); source != nil {
		return source, nil
	}
	source, err := prepareAll(ctx, raw, rawPath, cacheDir, info.Size())
	if err != nil {
		return nil, err
	}
	if info, err = raw.Stat(); err != nil {
		return nil, err
	}
	remembered.keep(started, before, identityOf(rawPath, cacheDir, info), source)
	return source, nil
}

// prepareAll reads the whole file, several chunks at once.
func prepareAll(ctx context.Context, raw *os.File, rawPath, cacheDir string, size int64) (*Source, error) {
	count := int((size + chunkBytes - 1) / chunkBytes)
	chunks := make([]*chunk, count)

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	for i := range count {
		offset := int64(i) * chunkBytes
		if empty, err := isHole(raw, offset, min(chunkBytes, size-offset)); err != nil {
			cancel(err)
			break
		} else if empty {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wait.Go(func() {
			defer func() { <-slots }()
			prepared, err := prepareChunk(ctx, raw, rawPath, cacheDir, offset, min(chunkBytes, size-offset))
			if err != nil {
				cancel(fmt.Errorf("%s at byte %d: %w", rawPath, offset, err))
			}
			chunks[i] = prepared
		})
	}
	wait.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}

	source := &Source{CapacityBytes: size}
	for _, c := range chunks {
		if c == nil || len(c.grains) == 0 {
			continue
		}
		source.DataBytes += int64(len(c.grains)) * grainBytes
		source.chunks = append(source.chunks, *c)
	}
	return source, source.padLastGrain()
}

// prepareChunk gives the chunk's compressed file and its grains; nil if all of it is zero.
func prepareChunk(ctx context.Context, raw *os.File, rawPath, cacheDir string, offset, length int64) (*chunk, error) {
	key, err := contentKey(raw, offset, length)
	if err != nil || key == "" {
		return nil, err
	}
	file := filepath.Join(cacheDir, key+".vmdk")
	err = shared.do(ctx, file, func() error {
		now := time.Now()
		if os.Chtimes(file, now, now) == nil { // in the cache; mark it used, for pruning
			return nil
		}
		temporary, err := os.MkdirTemp(cacheDir, "encoding-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		encoded := filepath.Join(temporary, "chunk.vmdk")
		if err := encode(ctx, rawPath, encoded, offset, length); err != nil {
			return err
		}
		if again, err := contentKey(raw, offset, length); err != nil {
			return err
		} else if again != key {
			return errors.New("the raw file changed while it was encoded")
		}
		return os.Rename(encoded, file)
	})
	if err != nil {
		return nil, err
	}
	grains, err := readGrains(file, length)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &chunk{file: file, firstLBA: uint64(offset / sectorBytes), grains: grains}, nil
}

// encode has qemu-img compress one range of the raw file.
func encode(ctx context.Context, rawPath, target string, offset, length int64) error {
	absolute, err := filepath.Abs(rawPath)
	if err != nil {
		return err
	}
	image := fmt.Sprintf(`json:{"driver":"raw","offset":%d,"size":%d,"file":{"driver":"file","filename":%q}}`, offset, length, absolute)
	command := exec.CommandContext(ctx, "qemu-img", "convert", "-O", "vmdk", "-o", "subformat=streamOptimized", image, target)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("qemu-img convert: %w: %s", err, output)
	}
	return nil
}

// contentKey names the content of a range: SHA-256 over its grains that are not zero, with their places. Holes
// and written zeros give the same key; "" stands for all zero.
func contentKey(raw *os.File, offset, length int64) (string, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "grains of %d bytes\n", length)
	buffer := make([]byte, 1<<20)
	any := false
	for at := int64(0); at < length; {
		data, err := nextData(raw, offset+at, offset+length)
		if err != nil {
			return "", err
		}
		at = (data - offset) / grainBytes * grainBytes
		if at >= length {
			break
		}
		piece := buffer[:min(int64(len(buffer)), length-at)]
		if _, err := io.ReadFull(io.NewSectionReader(raw, offset+at, int64(len(piece))), piece); err != nil {
			return "", err
		}
		for start := 0; start < len(piece); start += grainBytes {
			one := piece[start:min(start+grainBytes, len(piece))]
			if isZero(one) {
				continue
			}
			any = true
			fmt.Fprintf(sum, "%d\n", at+int64(start))
			sum.Write(one)
		}
		at += int64(len(piece))
	}
	if !any {
		return "", nil
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
