package testenv

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Chromium returns where the browser is.
func Chromium(tb testing.TB) string {
	tb.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		tb.Fatalf("find a browser: %v; run testdata/needs.sh test", err)
	}
	return path
}

// The version of axe-core, and the hash of its package as npm writes it.
const (
	axeVersion   = "4.14.1"
	axeIntegrity = "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)

// Axe returns the script of axe-core, which finds what keeps people out of a page. It is
// downloaded if it is not there.
func Axe(tb testing.TB) string {
	tb.Helper()
	dir := keep(tb, "axe", axeVersion, axeIntegrity)
	defer lock(tb, dir)()
	archive := filepath.Join(dir, "axe-core-"+axeVersion+".tgz")
	packed, err := os.ReadFile(archive)
	if err != nil {
		if _, err := exec.LookPath("npm"); err != nil {
			tb.Fatalf("fetch axe-core: %v; run testdata/needs.sh test", err)
		}
		run(tb, dir, "npm", "pack", "--silent", "axe-core@"+axeVersion)
		if packed, err = os.ReadFile(archive); err != nil {
			tb.Fatalf("fetch axe-core: %v", err)
		}
	}
	sum := sha512.Sum512(packed)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != axeIntegrity {
		tb.Fatalf("fetch axe-core: %s is %s, not %s: remove it and try again", archive, got, axeIntegrity)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		tb.Fatalf("read axe-core: %v", err)
	}
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if err != nil {
			tb.Fatalf("find the script in axe-core: %v", err)
		}
		if h.Name == "package/axe.min.js" {
			script, err := io.ReadAll(tr)
			if err != nil {
				tb.Fatalf("read axe-core: %v", err)
			}
			return string(script)
		}
	}
}
