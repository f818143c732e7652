package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
)

const patternChunkBytes = 64 << 10

// words are what generated "data" consists of, in random order: text that deflates to about half its size.
var words = []string{
	"the ", "server ", "replicates ", "every ", "block ", "of ", "disk ", "volume ", "snapshot ", "2026-03-14T09:26:53Z ",
	"INFO ", "WARN ", "connection ", "from ", "10.0.0.", "accepted ", "closed ", "user=", "id=", "\n", "\x00\x00\x00\x00",
	"SELECT * FROM orders WHERE ", "INSERT INTO ", "/var/lib/", "/usr/share/doc/", ".so.6", "0x", "error ", "retry ", "{\"", "\":\"",
}

// writePattern creates a sparse raw file of the given size, the same bytes for the same seed. Kinds: "data" fills a
// share of the 64 KiB chunks with text-like bytes, "noise" with bytes that do not compress, "zero" writes nothing,
// "ends" writes the first and the last 64 KiB only.
func writePattern(path string, sizeBytes int64, seed uint64, fill float64, kind string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(sizeBytes); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	chunk := make([]byte, patternChunkBytes)
	write := func(offset int64, noise bool) error {
		part := chunk[:min(patternChunkBytes, sizeBytes-offset)]
		fillChunk(part, random, noise)
		_, err := file.WriteAt(part, offset)
		return err
	}
	switch kind {
	case "zero":
	case "ends":
		if err := write(0, false); err != nil {
			return err
		}
		last := max(0, sizeBytes-patternChunkBytes)
		if err := write(last, false); err != nil {
			return err
		}
	case "data", "noise":
		// Runs of 1 MiB are full or empty together, as a filesystem's extents are.
		const run = 1 << 20
		for start := int64(0); start < sizeBytes; start += run {
			if random.Float64() >= fill {
				continue
			}
			for offset := start; offset < min(start+run, sizeBytes); offset += patternChunkBytes {
				if err := write(offset, kind == "noise"); err != nil {
					return err
				}
			}
		}
	default:
		return fmt.Errorf("unknown kind of disk content %q", kind)
	}
	return file.Close()
}

func fillChunk(part []byte, random *rand.Rand, noise bool) {
	if noise {
		for i := 0; i < len(part); i += 8 {
			var word [8]byte
			binary.LittleEndian.PutUint64(word[:], random.Uint64())
			copy(part[i:], word[:])
		}
		return
	}
	for i := 0; i < len(part); {
		value := random.Uint64()
		if value%5 == 0 { // some bytes that do not repeat: ids, hashes, numbers
			var word [8]byte
			binary.LittleEndian.PutUint64(word[:], random.Uint64())
			i += copy(part[i:], word[:])
			continue
		}
		i += copy(part[i:], words[(value>>8)%uint64(len(words))])
	}
}
