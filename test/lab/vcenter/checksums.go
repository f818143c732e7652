package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"hoist/lab/streamvmdk"
)

// checksums are those of a file that is sent. A pinned encoding is always the same, so its checksums are computed at
// the first transfer and served like the encoding itself: what hashing costs the lab is not to be measured.
type checksums struct {
	pinned *streamvmdk.Source // nil if the stream is another each time
	hashes map[string]hash.Hash
}

func newChecksums(device *leaseDevice, pinned bool) *checksums {
	c := &checksums{hashes: map[string]hash.Hash{}}
	if pinned {
		c.pinned = device.source // nil for an ISO
	}
	for _, kind := range []string{"sha1", device.checksumType} {
		if _, known := c.remembered(kind); known {
			continue
		}
		c.hashes[kind] = sha1.New()
		if kind == "sha256" {
			c.hashes[kind] = sha256.New()
		}
	}
	return c
}

func (c *checksums) remembered(kind string) (string, bool) {
	if c.pinned == nil {
		return "", false
	}
	return c.pinned.PinnedSum(kind)
}

// running are the hashes that must see every byte.
func (c *checksums) running() (all []hash.Hash) {
	for _, h := range c.hashes {
		all = append(all, h)
	}
	return all
}

// end gives a checksum once the whole file was sent.
func (c *checksums) end(kind string) string {
	if h := c.hashes[kind]; h != nil {
		sum := hex.EncodeToString(h.Sum(nil))
		if c.pinned != nil {
			c.pinned.NotePinnedSum(kind, sum)
		}
		return sum
	}
	sum, _ := c.remembered(kind)
	return sum
}
