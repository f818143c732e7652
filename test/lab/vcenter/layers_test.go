package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// A random walk of writes, snapshots, removals and reverts must always show the bytes that a plain copy would.
func TestSnapshotsAlwaysShowTheBytesTheyFroze(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
		random := rand.New(rand.NewPCG(seed, 0))
		dir := t.TempDir()
		size := int64(9*65536 + 512*3)
		base := filepath.Join(dir, "base.raw")
		if err := writePattern(base, size, seed, 0.5, "data"); err != nil {
			t.Fatal(err)
		}
		now, _ := os.ReadFile(base)
		d := newDisk(2000, DiskConfig{Mode: "persistent"}, base, dir, size, "uuid")
		frozen, names, lastName, last := map[string][]byte{}, []string{}, "", []byte(nil)
		check := func(what, name string, want []byte) {
			t.Helper()
			file, err := d.frozenFile(name)
			if err != nil {
				t.Fatalf("seed %d: %s %s: %v", seed, what, name, err)
			}
			if got, _ := os.ReadFile(file); !bytes.Equal(got, want) {
				t.Fatalf("seed %d: %s %q shows other bytes", seed, what, name)
			}
		}
		for step := range 80 {
			switch random.IntN(6) {
			case 0, 1, 2:
				data := make([]byte, 1+random.IntN(100_000))
				offset := random.Int64N(size - int64(len(data)) + 1)
				fillChunk(data, random, true)
				if err := d.write(offset, data); err != nil {
					t.Fatal(err)
				}
				copy(now[offset:], data)
			case 3:
				name := string(rune('A'+step%26)) + string(rune('a'+step/26))
				d.freeze(name)
				names, frozen[name] = append(names, name), bytes.Clone(now)
				lastName = ""
			case 4:
				if len(names) > 0 {
					i := random.IntN(len(names))
					lastName, last = names[i], frozen[names[i]]
					if err := d.thaw(lastName); err != nil {
						t.Fatal(err)
					}
					delete(frozen, lastName)
					names = append(names[:i:i], names[i+1:]...)
				}
			case 5:
				if len(names) > 0 && random.IntN(3) == 0 {
					name := names[random.IntN(len(names))]
					if err := d.revert(name); err != nil {
						t.Fatal(err)
					}
					now = bytes.Clone(frozen[name])
				}
			}
			check("the present", "", now)
			for _, name := range names {
				check("snapshot", name, frozen[name])
			}
			if lastName != "" && d.last != nil {
				check("the removed snapshot", lastName, last)
			}
		}
	}
}

func TestTrackingNamesEveryChangedBlockAndNoneBefore(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "base.raw")
	size := int64(40 * 65536)
	if err := writePattern(base, size, 1, 0, "zero"); err != nil {
		t.Fatal(err)
	}
	d := newDisk(2000, DiskConfig{Mode: "persistent"}, base, dir, size, "uuid")
	d.startTracking()
	d.freeze("s1")
	first := d.endEpoch("s1")
	for _, block := range []int64{3, 4, 20} {
		if err := d.write(block*65536+17, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.thaw("s1"); err != nil {
		t.Fatal(err)
	}
	d.freeze("s2")
	second := d.endEpoch("s2")
	d.write(30*65536, []byte("later"))
	areas, err := d.changedSince(first, "s2")
	want := []extent{{3 * 65536, 2 * 65536}, {20 * 65536, 65536}}
	if err != nil || len(areas) != 2 || areas[0] != want[0] || areas[1] != want[1] {
		t.Fatalf("areas %v, error %v", areas, err)
	}
	if areas, err = d.changedSince(second, "s2"); err != nil || len(areas) != 0 {
		t.Fatalf("since itself: %v, %v", areas, err)
	}
	d.startTracking()
	if _, err = d.changedSince(first, "s2"); err == nil {
		t.Fatal("an id of an older tracking was taken")
	}
}
