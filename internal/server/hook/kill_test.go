package hook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/reach"
	"github.com/detonaut/detonaut/internal/server/hook"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/sqlite"
)

// dbEnv makes this program a sender with that database.
const dbEnv = "DETONAUT_TEST_SENDER"

func TestMain(m *testing.M) {
	if db := os.Getenv(dbEnv); db != "" {
		if err := send(db); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func send(db string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := sqlite.Open(ctx, db, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	policy, err := reach.New(reach.Options{Allow: []string{"127.0.0.1"}})
	if err != nil {
		return err
	}
	return hook.New(hook.Options{
		Store: s, Reach: policy, Lease: 5 * time.Second, Poll: 20 * time.Millisecond,
		Permalink: func(store.Summary) string { return "https://detonaut.example/" },
	}).Run(ctx)
}

func start(t *testing.T, db string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), dbEnv+"="+db)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// TestKilled: what a sender was killed over is sent by another, with the same number, and
// what was delivered is not sent again.
func TestKilled(t *testing.T) {
	got := make(chan string, 100)
	release := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get(hook.DeliveryHeader)
		select {
		case <-release:
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()
	db := filepath.Join(t.TempDir(), "store.db")
	s, err := sqlite.Open(t.Context(), db, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.AddHook(t.Context(), store.Hook{ID: "h", URL: receiver.URL, Secret: "secret", Created: time.Now().UTC()}); err != nil {
		t.Fatal(err)
	}
	put := func(n int) {
		t.Helper()
		d := detonaut.Digest(fmt.Sprintf("sha256:%064d", n))
		if _, err := s.Put(t.Context(), store.Entry{Report: &detonaut.Report{Schema: detonaut.Schema, Image: detonaut.Image{Digest: d}, Started: time.Now().UTC()}}); err != nil {
			t.Fatal(err)
		}
	}
	put(1)
	first := start(t, db)
	number := <-got
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // it says that it was killed
	close(release)
	second := start(t, db)
	if again := <-got; again != number {
		t.Errorf("got delivery %s, want %s again", again, number)
	}
	put(2)
	if next := <-got; next == number {
		t.Errorf("delivery %s was sent again, when it was answered", next)
	}
	if err := second.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("the sender: %v", err)
	}
	if due, err := s.Due(t.Context(), "me", time.Minute, 10); err != nil || len(due) > 0 {
		t.Errorf("there are %d deliveries left (%v)", len(due), err)
	}
}
