package sqlite_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/storetest"
)

func TestProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.sqlite")
	storetest.TestProcesses(t, open(t, path, store.Options{}), func() *exec.Cmd { return again(t, childFile+"="+path) })
	checkFile(t, path)
}

func TestFence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.sqlite")
	storetest.TestFence(t, open(t, path, store.Options{}), raw(t, path))
}

func BenchmarkJobs(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.sqlite")
	storetest.BenchmarkJobs(b, func() store.Store { return open(b, path, store.Options{}) })
}
