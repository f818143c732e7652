package main

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

func TestPinnedManifestIsTheSumOfWhatIsSentEachTime(t *testing.T) {
	config := strings.Replace(testConfig, `"leaseTimeoutSeconds":1`, `"leaseTimeoutSeconds":60,"nfc":{"pinEncoding":true}`, 1)
	f := start(t, strings.Replace(config, `"sessionTimeoutSeconds":2`, `"sessionTimeoutSeconds":60`, 1))
	snapshot := f.snapshot("web01")
	time.Sleep(2500 * time.Millisecond) // by then the disk's file is old enough to be remembered
	sums := map[string]bool{}
	for _, corrupt := range []bool{false, false, true, false} {
		lease, info := f.lease("web01", snapshot)
		if corrupt {
			f.control("POST", "/faults", map[string]any{"kind": "nfcCorruptGrain", "grain": 1})
		}
		_, data := f.http("GET", info.Items[0].URL.String(), nil, true)
		sum := sha1.Sum(data)
		want := hex.EncodeToString(sum[:])
		manifest, err := lease.GetManifest(f.ctx)
		if err != nil || len(manifest) != 1 || manifest[0].Sha1 != want || manifest[0].Checksum != want {
			t.Fatalf("manifest %+v, %v; sent was %s", manifest, err, want)
		}
		sums[want] = true
		if err := lease.Complete(f.ctx); err != nil {
			t.Fatal(err)
		}
	}
	if len(sums) != 2 {
		t.Fatalf("%d different streams instead of one and a damaged one", len(sums))
	}
}
