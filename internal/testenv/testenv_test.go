package testenv_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/detonaut/detonaut/internal/testenv"
)

func TestDebian(t *testing.T) {
	f, err := os.Open(testenv.Debian(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"etc/debian_version": true, "usr/sbin/nginx": true, "usr/bin/redis-server": true, "usr/bin/python3": true}
	for tr := tar.NewReader(z); len(want) > 0; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		delete(want, path.Clean(h.Name))
	}
	if len(want) > 0 {
		t.Errorf("the Debian root has no %v", slices.Sorted(maps.Keys(want)))
	}
}

func TestBinaries(t *testing.T) {
	dir := testenv.Binaries(t)
	for _, name := range []string{"detonaut", "detonaut-chamber"} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode().Perm()&0o111 == 0 {
			t.Errorf("%s has mode %s, want a program", name, fi.Mode())
		}
	}
}
