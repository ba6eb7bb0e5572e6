package image

import (
	"archive/tar"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
)

// TestMemory: what an entry keeps in memory is what it counts for, whatever
// stood beside it in its header.
func TestMemory(t *testing.T) {
	const entries, header = 30, 900_000
	padded := func(i int, kind byte, link string, records map[string]string) item {
		h := tar.Header{Typeflag: kind, Name: fmt.Sprintf("d%d/ü%d", i, i), Linkname: link, PAXRecords: map[string]string{"comment": strings.Repeat("x", header)}}
		for k, v := range records {
			h.PAXRecords[k] = v
		}
		return item{Header: h}
	}
	for name, make := range map[string]func(i int) item{
		"names":      func(i int) item { return padded(i, tar.TypeReg, "", nil) },
		"targets":    func(i int) item { return padded(i, tar.TypeSymlink, "ü", nil) },
		"hard links": func(i int) item { return padded(i, tar.TypeLink, "a", nil) },
		"attributes": func(i int) item { return padded(i, tar.TypeReg, "", map[string]string{xattrPrefix + "user.a": "b"}) },
	} {
		t.Run(name, func(t *testing.T) {
			items := []item{regular("a", "x")}
			for i := range entries {
				items = append(items, make(i))
			}
			layers := layersOf(t, items)
			out := tempFile(t)
			before := heap()
			index, err := flatten(t.Context(), layers, Caps{}, out)
			if err != nil {
				t.Fatal(err)
			}
			if grown := heap() - before; grown > entries*header/10 {
				t.Errorf("an index of %d entries keeps %d bytes", len(index.Entries), grown)
			}
			runtime.KeepAlive(index)
			runtime.KeepAlive(layers)
		})
	}
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestManyAttributes: a map entry costs more than the two bytes in it.
func TestManyAttributes(t *testing.T) {
	h := regular("a", "")
	h.PAXRecords = map[string]string{}
	for i := range 1000 {
		h.PAXRecords[fmt.Sprintf("%suser.%d", xattrPrefix, i)] = ""
	}
	_, err := flatten(t.Context(), layersOf(t, []item{h}), Caps{MetadataBytes: 100_000}, tempFile(t))
	wantError(t, err, detonaut.ErrLimit, "bytes of metadata")
}

// TestLongErrors: a hostile name does not fill the terminal.
func TestLongErrors(t *testing.T) {
	long := strings.Repeat("\x1b[2J", 100_000)
	for name, it := range map[string]item{
		"name": regular(long+"ü", ""), "hard link": hardlink("a", long+"ü"), "out of the root": regular("../"+long, ""),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := flatten(t.Context(), layersOf(t, []item{it}), Caps{}, tempFile(t))
			if err == nil || len(err.Error()) > 5000 || strings.ContainsRune(err.Error(), 0x1b) {
				t.Errorf("err is %.200v ..., want a short one without control characters", err)
			}
		})
	}
}
