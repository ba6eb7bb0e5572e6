// Package testenv gives tests what they need of the machine: the binaries of
// this checkout, and a Debian root file system. It makes what is missing once,
// and keeps it in the user's cache directory for the next run.
//
// A test that cannot have what it needs fails and says what to do; nothing is
// skipped.
package testenv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Root returns the directory of the main module. The test runs below it.
func Root(tb testing.TB) string {
	tb.Helper()
	start, err := os.Getwd()
	if err != nil {
		tb.Fatalf("find the root of the checkout: %v", err)
	}
	for dir := start; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(text, []byte("module github.com/detonaut/detonaut\n")) {
			return dir
		}
	}
	tb.Fatalf("find the root of the checkout: no go.mod of it above %s", start)
	return ""
}

// built has the root of the checkout whose binaries this process has built: finding
// out that nothing has changed since takes a second of the processor each time.
var built struct {
	sync.Mutex
	root, dir string
}

// Binaries builds detonaut and detonaut-chamber of this checkout, once for all tests
// of a package, and returns the directory in which both are.
func Binaries(tb testing.TB) string {
	tb.Helper()
	root := Root(tb)
	built.Lock()
	defer built.Unlock()
	if built.root == root {
		return built.dir
	}
	dir := keep(tb, "bin", root)
	defer lock(tb, dir)()
	use(tb, dir)
	if err := sweep(filepath.Dir(dir), "bin", time.Now()); err != nil {
		tb.Logf("binaries of other checkouts stay: %v", err)
	}
	for _, build := range []struct{ module, output, pkg string }{
		{root, "detonaut", "./cmd/detonaut"},
		{filepath.Join(root, "chamber"), "detonaut-chamber", "."},
	} {
		run(tb, build.module, "go", "build", "-buildvcs=false", "-o", filepath.Join(dir, build.output), build.pkg)
	}
	built.root, built.dir = root, dir
	return dir
}

// keep returns a directory for what follows from recipe.
func keep(tb testing.TB, name string, recipe ...string) string {
	tb.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		tb.Fatalf("find a place to keep %s: %v; set XDG_CACHE_HOME", name, err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", recipe))
	dir := filepath.Join(cache, "detonaut-test", name+"-"+hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatalf("make a place to keep %s: %v", name, err)
	}
	return dir
}

// run runs a program in dir and fails with what it said.
func run(tb testing.TB, dir, name string, args ...string) {
	tb.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		tb.Fatalf("run %s: %v\n%s", cmd, err, out.Bytes())
	}
}

// Program builds one program of the main module, statically, and returns where
// it is.
func Program(tb testing.TB, pkg string) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), filepath.Base(pkg))
	run(tb, Root(tb), "go", "build", "-buildvcs=false", "-o", file, pkg)
	return file
}

// Grype builds grype's command in the version that go.mod names, once, and returns
// where it is. Its modules are downloaded if they are not there.
func Grype(tb testing.TB) string {
	tb.Helper()
	list := exec.CommandContext(tb.Context(), "go", "list", "-m", "-f", "{{.Version}}", "github.com/anchore/grype")
	list.Dir = Root(tb)
	version, err := list.Output()
	if err != nil {
		tb.Fatalf("find the version of grype: %v", err)
	}
	at := "github.com/anchore/grype/cmd/grype@" + strings.TrimSpace(string(version))
	dir := keep(tb, "grype", at)
	defer lock(tb, dir)()
	file := filepath.Join(dir, "grype")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	tb.Log("building grype's command: this takes some minutes, once")
	half := tb.TempDir()
	run(tb, half, "env", "GOBIN="+half, "go", "install", at)
	run(tb, half, "mv", filepath.Join(half, "grype"), file)
	return file
}
