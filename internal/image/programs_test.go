package image

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/content"
)

// treeIndex makes an index of lines of mode, layer, kind and path, and for links
// their target; sorted by path.
func treeIndex(t *testing.T, lines ...string) *Index {
	t.Helper()
	x := new(Index)
	for _, line := range lines {
		var e Entry
		f := strings.Fields(line)
		if _, err := fmt.Sscanf(f[0]+" "+f[1], "%o %d", &e.Mode, &e.Layer); err != nil {
			t.Fatal(err)
		}
		e.Kind, e.Path = Kind(f[2]), f[3]
		if len(f) > 4 {
			e.LinkTarget = f[4]
		}
		x.Entries = append(x.Entries, e)
	}
	return x
}

func TestPrograms(t *testing.T) {
	x := treeIndex(t,
		"040755 0 dir .", "0100755 2 elf a", "0100755 1 script-shell b", "0100644 2 elf c", "0100755 0 text d",
		"0120777 2 symlink e a", "040755 0 dir f", "0100755 2 elf-library f/libx.so", "0100755 2 elf f/liby.so.1.2", "0104711 2 elf-library g",
		"0100755 2 script-php h.php", "0100755 0 script-php i", "0100755 0 json j")
	var got []string
	x.Entries[1].SHA256 = Sum{7}
	for path, sum := range x.Programs() {
		got = append(got, path)
		if (path == "/a") != (sum == Sum{7}) {
			t.Errorf("%s has sum %x", path, sum)
		}
	}
	if diff := cmp.Diff([]string{"/a", "/g", "/b", "/i"}, got); diff != "" {
		t.Errorf("programs (-want +got):\n%s", diff)
	}
}

func TestResolve(t *testing.T) {
	x := treeIndex(t,
		"040755 0 dir .", "0120777 0 symlink bin usr/bin", "0120777 0 symlink loop /loop", "0120777 0 symlink up ../../usr/bin/dash",
		"040755 0 dir usr", "040755 0 dir usr/bin", "0100755 0 elf usr/bin/dash", "0120777 0 symlink usr/bin/env ../../bin/dash", "0120777 0 symlink usr/bin/sh dash")
	for name, want := range map[string]string{
		"/bin/sh": "/usr/bin/dash", "/bin/env": "/usr/bin/dash", "bin/dash": "/usr/bin/dash", "/up": "/usr/bin/dash", "/usr//./bin/../bin/sh": "/usr/bin/dash",
		"/": "/", "/loop": "", "/none": "", "/usr/bin/none": "", "": "/", "/..": "/",
	} {
		if got := x.Resolve(name); got != want {
			t.Errorf("%s resolves to %q, want %q", name, got, want)
		}
	}
}

// BenchmarkPrograms asks an image of 16,000 files for its 1,600 programs.
func BenchmarkPrograms(b *testing.B) {
	x := &Index{Entries: make([]Entry, 16_000)}
	for i := range x.Entries {
		x.Entries[i] = Entry{Path: fmt.Sprintf("usr/bin/%05d", i), Mode: 0o100644, Layer: i % 7, Kind: content.ELF}
		if i%10 == 0 {
			x.Entries[i].Mode = 0o100755
		}
	}
	for b.Loop() {
		n := 0
		for range x.Programs() {
			n++
		}
		if n != len(x.Entries)/10 {
			b.Fatal(n)
		}
	}
}
