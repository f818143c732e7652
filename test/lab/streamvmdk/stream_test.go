package streamvmdk

import (
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const mib = 1 << 20

type area struct {
	offset, length int64
	noise          bool
}

// makeRaw writes a sparse file with text-like or incompressible bytes in the areas.
func makeRaw(t testing.TB, size int64, seed uint64, areas ...area) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "raw.img")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(size); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 1))
	for _, a := range areas {
		data := make([]byte, a.length)
		for i := range data {
			data[i] = byte(random.Uint32())
			if !a.noise {
				data[i] = 'a' + data[i]%9
			}
		}
		if _, err := file.WriteAt(data, a.offset); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func prepare(t testing.TB, raw, cache string) *Source {
	t.Helper()
	source, err := Prepare(t.Context(), raw, cache)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func streamToFile(t testing.TB, source *Source, encoding Encoding) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "streamed.vmdk")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n, err := source.Write(file, encoding)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := file.Stat(); info.Size() != n || n%sectorBytes != 0 {
		t.Fatalf("said %d bytes, wrote %d", n, info.Size())
	}
	return path
}

func compare(raw, vmdk string) (string, error) {
	output, err := exec.Command("qemu-img", "compare", "-f", "raw", "-F", "vmdk", raw, vmdk).CombinedOutput()
	return string(output), err
}

func TestQemuReadsBackTheRawBytes(t *testing.T) {
	cases := map[string]struct {
		size  int64
		areas []area
	}{
		"all zero":                    {size: 70 * mib},
		"only the ends":               {size: 300 * mib, areas: []area{{length: 512}, {offset: 300*mib - 512, length: 512}}},
		"noise":                       {size: 40 * mib, areas: []area{{offset: 3, length: 20 * mib, noise: true}}},
		"text over a chunk's border":  {size: 130 * mib, areas: []area{{offset: 60 * mib, length: 8 * mib}}},
		"ends inside a grain":         {size: 33*mib + 512*77, areas: []area{{offset: 32*mib + 5, length: mib + 512*77 - 5}}},
		"one sector":                  {size: 512, areas: []area{{length: 512}}},
		"one zero sector":             {size: 512},
		"noise in a short last grain": {size: 64*mib + 1024, areas: []area{{offset: 64 * mib, length: 1024, noise: true}}},
	}
	cache := t.TempDir()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			raw := makeRaw(t, c.size, 7, c.areas...)
			source := prepare(t, raw, cache)
			for _, seed := range []uint64{0, 1, 2} {
				if output, err := compare(raw, streamToFile(t, source, Encoding{Seed: seed})); err != nil || !strings.Contains(output, "identical") {
					t.Fatalf("seed %d: %v %s", seed, err, output)
				}
			}
		})
	}
}

func TestQemuReadsBackRandomSparseDisks(t *testing.T) {
	cache := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 2))
	for range 6 {
		size := (1 + random.Int64N(160*mib/512)) * 512
		var areas []area
		for range random.IntN(8) {
			offset := random.Int64N(size)
			areas = append(areas, area{offset, 1 + random.Int64N(min(size-offset, 2*mib)), random.IntN(4) == 0})
		}
		raw := makeRaw(t, size, seed, areas...)
		source := prepare(t, raw, cache)
		for _, encoding := range []uint64{0, random.Uint64()} {
			if output, err := compare(raw, streamToFile(t, source, Encoding{Seed: encoding})); err != nil {
				t.Fatalf("test seed %d, size %d, areas %v: %s", seed, size, areas, output)
			}
		}
	}
}

func TestStreamHasTheShapeThatESXiSends(t *testing.T) {
	size := int64(100*mib + 512)
	raw := makeRaw(t, size, 3, area{length: 700}, area{offset: 70 * mib, length: mib}, area{offset: 100 * mib, length: 512})
	source := prepare(t, raw, t.TempDir())
	data, err := os.ReadFile(streamToFile(t, source, Encoding{}))
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	if le.Uint64(data[56:]) != streaming || le.Uint32(data[4:]) != 3 || le.Uint32(data[8:]) != 0x30001 || le.Uint64(data[12:]) != uint64(size/512) {
		t.Fatalf("header % x", data[:80])
	}
	var kinds []uint32
	lastLBA, grains := int64(-1), 0
	directory := uint64(0)
	at := 128 * 512
	for at < len(data) {
		value, length := le.Uint64(data[at:]), le.Uint32(data[at+8:])
		if length > 0 {
			if int64(value) <= lastLBA || value%128 != 0 {
				t.Fatalf("grain of sector %d after %d", value, lastLBA)
			}
			plain, err := inflate(data[at+12 : at+12+int(length)])
			if err != nil || len(plain) != grainBytes {
				t.Fatalf("grain of sector %d: %d bytes, %v", value, len(plain), err)
			}
			lastLBA = int64(value)
			grains++
			at += (12 + int(length) + 511) / 512 * 512
			continue
		}
		kind := le.Uint32(data[at+12:])
		kinds = append(kinds, kind)
		if kind == markerDirectory {
			directory = uint64(at/512 + 1)
		}
		if kind == markerFooter && (string(data[at+512:at+516]) != "KDMV" || le.Uint64(data[at+512+56:]) != directory) {
			t.Fatal("the footer does not tell where the directory is")
		}
		at += 512 + int(value)*512
	}
	// Data lie in the first, third and fourth 32 MiB: three tables; the second has none.
	if want := []uint32{1, 1, 1, 2, 3, 0}; !equal(kinds, want) || grains != 1+16+1 || at != len(data) {
		t.Fatalf("markers %v, %d grains", kinds, grains)
	}
	if le.Uint32(data[directory*512+4:]) != 0 || le.Uint32(data[directory*512+8:]) == 0 {
		t.Fatal("the directory names a table for an empty span")
	}
}

func equal(a, b []uint32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestSeedDecidesTheEncoding(t *testing.T) {
	raw := makeRaw(t, 20*mib, 5, area{length: 9 * mib})
	source := prepare(t, raw, t.TempDir())
	sum := func(seed uint64) string {
		h := sha1.New()
		if _, err := source.WriteTo(io.Discard, seed, h); err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(h.Sum(nil))
	}
	if sum(0) != sum(0) || sum(4) != sum(4) {
		t.Fatal("one seed gave two encodings")
	}
	if sum(0) == sum(4) || sum(4) == sum(5) {
		t.Fatal("two seeds gave one encoding")
	}
}

func TestCorruptGrainIsRefusedByQemu(t *testing.T) {
	raw := makeRaw(t, 20*mib, 5, area{length: 9 * mib})
	source := prepare(t, raw, t.TempDir())
	if output, err := compare(raw, streamToFile(t, source, Encoding{Seed: 9, CorruptGrain: 50})); err == nil {
		t.Fatalf("accepted: %s", output)
	}
}

func TestOnlyAChangedChunkIsEncodedAgain(t *testing.T) {
	cache := t.TempDir()
	raw := makeRaw(t, 200*mib, 5, area{length: mib}, area{offset: 65 * mib, length: mib}, area{offset: 190 * mib, length: mib})
	prepare(t, raw, cache)
	file, err := os.OpenFile(raw, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("guest"), 66*mib-3); err != nil {
		t.Fatal(err)
	}
	file.Close()
	source := prepare(t, raw, cache)
	if names, _ := filepath.Glob(filepath.Join(cache, "*")); len(names) != 4 {
		t.Fatalf("%d files in the cache: %v", len(names), names)
	}
	if output, err := compare(raw, streamToFile(t, source, Encoding{})); err != nil {
		t.Fatal(output)
	}
}

func TestCallersOfOneContentShareTheWork(t *testing.T) {
	cache := t.TempDir()
	raw := makeRaw(t, 30*mib, 5, area{length: 25 * mib})
	cancelled, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for i := range 6 {
		wait.Go(func() {
			ctx := t.Context()
			if i == 0 {
				ctx = cancelled
			}
			if _, err := Prepare(ctx, raw, cache); err != nil && i > 0 {
				t.Error(err)
			}
		})
	}
	cancel()
	wait.Wait()
	if names, _ := filepath.Glob(filepath.Join(cache, "*")); len(names) != 1 {
		t.Fatalf("cache holds %v", names)
	}
}

func TestUnchangedDiskIsNotReadAgain(t *testing.T) {
	cache := t.TempDir()
	raw := makeRaw(t, 100*mib, 13, area{0, mib, false}, area{70 * mib, mib, true})
	write := func(offset int64, written time.Time) {
		t.Helper()
		file, err := os.OpenFile(raw, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteAt([]byte("written by the guest"), offset); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(raw, written, written); err != nil {
			t.Fatal(err)
		}
	}
	if prepare(t, raw, cache) == prepare(t, raw, cache) {
		t.Fatal("a file that was just written was remembered")
	}
	time.Sleep(settled + 100*time.Millisecond)
	first := prepare(t, raw, cache)
	first.NotePinnedSum("sha1", "noted")
	if again := prepare(t, raw, cache); again != first {
		t.Fatal("a file that did not change was read again")
	}
	if sum, known := first.PinnedSum("sha1"); sum != "noted" || !known {
		t.Fatalf("the checksum is %q", sum)
	}
	if _, known := first.PinnedSum("sha256"); known {
		t.Fatal("a checksum that nobody noted is known")
	}

	// Times that were set back hide nothing.
	info, err := os.Stat(raw)
	if err != nil {
		t.Fatal(err)
	}
	write(80*mib, info.ModTime())
	second := prepare(t, raw, cache)
	if second == first {
		t.Fatal("a change was missed")
	}
	if output, err := compare(raw, streamToFile(t, second, Encoding{})); err != nil {
		t.Fatal(output)
	}

	time.Sleep(settled + 100*time.Millisecond)
	third := prepare(t, raw, cache)
	if err := os.Remove(third.chunks[0].file); err != nil {
		t.Fatal(err)
	}
	fourth := prepare(t, raw, cache)
	if fourth == third {
		t.Fatal("an encoding that is gone was served")
	}
	if output, err := compare(raw, streamToFile(t, fourth, Encoding{})); err != nil {
		t.Fatal(output)
	}
}

func TestHalfASectorIsRefused(t *testing.T) {
	if _, err := Prepare(t.Context(), makeRaw(t, 700, 1), t.TempDir()); err == nil {
		t.Fatal("accepted")
	}
}

func TestWriterThatFailsEndsTheStream(t *testing.T) {
	source := prepare(t, makeRaw(t, 20*mib, 5, area{length: 15 * mib, noise: true}), t.TempDir())
	if _, err := source.WriteTo(&limited{left: 5 * mib}, 0); err == nil || !errors.Is(err, io.ErrShortWrite) {
		t.Fatal(err)
	}
}

type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func BenchmarkWriteTo(b *testing.B) {
	source := prepare(b, makeRaw(b, 256*mib, 5, area{length: 200 * mib, noise: true}), b.TempDir())
	for _, seed := range []uint64{0, 1} {
		b.Run(map[uint64]string{0: "pinned", 1: "seeded"}[seed], func(b *testing.B) {
			n, _ := source.WriteTo(io.Discard, seed)
			b.SetBytes(n)
			for b.Loop() {
				if _, err := source.WriteTo(io.Discard, seed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
