package postgres_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/storetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

func TestProcesses(t *testing.T) {
	url := testenv.PostgresURL(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	storetest.TestProcesses(t, open(t, url, store.Options{}), func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), childURL+"="+url)
		return cmd
	})
	storetest.CheckTables(t, raw(t, url))
}

func TestBeforeJobs(t *testing.T) {
	url := testenv.PostgresURL(t)
	storetest.TestBeforeJobs(t, open(t, url, store.Options{}), raw(t, url), func() store.Store { return open(t, url, store.Options{}) })
}

func TestFence(t *testing.T) {
	url := testenv.PostgresURL(t)
	storetest.TestFence(t, open(t, url, store.Options{}), raw(t, url))
}

func TestWorkRestart(t *testing.T) {
	server := testenv.Postgres(t)
	storetest.TestWorkRestart(t, open(t, server.URL(t), store.Options{}), func() { server.Stop(t) }, func() { server.Start(t) })
}

func BenchmarkJobs(b *testing.B) {
	url := testenv.PostgresURL(b)
	storetest.BenchmarkJobs(b, func() store.Store { return open(b, url, store.Options{}) })
}
