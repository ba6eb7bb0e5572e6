package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/lock"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/blob"
	"github.com/detonaut/detonaut/internal/store/postgres"
	"github.com/detonaut/detonaut/internal/store/sqlite"
	"github.com/detonaut/detonaut/internal/worker"
)

// The tests here start workers as processes of their own, with one database, and kill them.
// Such a process is this program, called with the directory in which all of it happens:
//
//	store.db, blobs    what the workers share; the database may be elsewhere
//	hang               while it is there, analyses do not end
//	ID.hanging         an analysis of ID does not end
//	ID.analyses        a byte for each analysis of ID
//	twice              an ID that was analysed by two at once

const (
	dirEnv      = "DETONAUT_TEST_WORKER"
	databaseEnv = "DETONAUT_TEST_DATABASE"
	leaseEnv    = "DETONAUT_TEST_LEASE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirEnv); dir != "" {
		if err := work(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// work is the process of a worker.
func work(dir string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := open(ctx, os.Getenv(databaseEnv))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	blobs, err := blob.Open(ctx, filepath.Join(dir, "blobs"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blobs.Close()) }()
	lease, err := time.ParseDuration(os.Getenv(leaseEnv))
	if err != nil {
		return err
	}
	w := worker.New(worker.Options{
		Store: s, Blobs: blobs, Concurrency: 2, Lease: lease, Grace: -1, Pause: time.Second, Poll: 50 * time.Millisecond,
		Analyse: func(ctx context.Context, j store.Job, t *worker.Teller) (*worker.Analysis, error) {
			return analyseIn(ctx, dir, j, t)
		},
	})
	return w.Run(ctx)
}

// open opens a database: a file, or a URL of PostgreSQL.
func open(ctx context.Context, database string) (store.Store, error) {
	if strings.HasPrefix(database, "postgres:") {
		return postgres.Open(ctx, database, store.Options{})
	}
	return sqlite.Open(ctx, database, store.Options{})
}

// analyseIn notes that it was called, and with whom else.
func analyseIn(ctx context.Context, dir string, s store.Job, t *worker.Teller) (_ *worker.Analysis, err error) {
	alone, err := os.OpenFile(filepath.Join(dir, s.Submission+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, alone.Close()) }()
	if ok, err := lock.Try(alone); err != nil || !ok {
		return nil, errors.Join(err, os.WriteFile(filepath.Join(dir, "twice"), []byte(s.Submission), 0o600))
	}
	f, err := os.OpenFile(filepath.Join(dir, s.Submission+".analyses"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString("x")
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	t.Stage("detonate")
	if _, err := os.Stat(filepath.Join(dir, "hang")); err == nil {
		if err := os.WriteFile(filepath.Join(dir, s.Submission+".hanging"), nil, 0o600); err != nil {
			return nil, err
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &worker.Analysis{
		Report:    &detonaut.Report{Schema: detonaut.Schema, Image: detonaut.Image{Digest: digest(s.Ref), Ref: s.Ref}, Started: time.Now().UTC()},
		Artifacts: fstest.MapFS{"tape.jsonl.zst": {Data: []byte("the tape of " + s.Ref)}},
	}, nil
}

// digest of an image that a test made up, "app:17".
func digest(ref detonaut.Ref) detonaut.Digest {
	_, n, _ := strings.Cut(string(ref), ":")
	return detonaut.Digest("sha256:" + strings.Repeat("0", 64-len(n)) + n)
}

// scene is a directory with a store, some submissions and workers.
type scene struct {
	t             *testing.T
	dir, database string
	store         store.Store
	ids           []string
	// lease is how long a test waits, at least, when it killed somebody.
	lease time.Duration
}

// newScene makes one with a database; with a file if there is none.
func newScene(t *testing.T, database string, submissions int) *scene {
	t.Helper()
	s := &scene{t: t, dir: t.TempDir(), database: database, lease: 5 * time.Second}
	if database == "" {
		s.database = filepath.Join(s.dir, "store.db")
	}
	var err error
	if s.store, err = open(t.Context(), s.database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	})
	for i := range submissions {
		sub, err := s.store.Submit(t.Context(), store.Submission{Ref: detonaut.Ref(fmt.Sprint("app:", i))})
		if err != nil {
			t.Fatal(err)
		}
		s.ids = append(s.ids, sub.ID)
	}
	return s
}

// process starts a worker. It is killed when the test ends, if nobody ended it before.
func (s *scene) process() *exec.Cmd {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(s.t.Context(), self)
	cmd.Env = append(os.Environ(), dirEnv+"="+s.dir, databaseEnv+"="+s.database, leaseEnv+"="+s.lease.String())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return cmd
}

// kill ends a process at once, as kill -9 does.
func (s *scene) kill(cmd *exec.Cmd) {
	s.t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	_ = cmd.Wait() // it says that it was killed
}

// end lets a process end by itself.
func (s *scene) end(cmd *exec.Cmd) {
	s.t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		s.t.Errorf("the worker: %v", err)
	}
}

// until waits until something is so.
func (s *scene) until(what string, so func() bool) {
	s.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("it never came to this: %s", what)
		}
	}
}

func (s *scene) has(name string) bool {
	_, err := os.Stat(filepath.Join(s.dir, name))
	return err == nil
}

// done is how many submissions have a report; 0 while the database cannot be asked.
func (s *scene) done() (n int) {
	s.t.Helper()
	for _, id := range s.ids {
		sub, err := s.store.Submission(s.t.Context(), id)
		if err != nil {
			s.t.Log(err)
			return 0
		}
		if sub.State == store.Done {
			n++
		} else if sub.State.Ended() {
			s.t.Fatalf("%s: %s: %s", sub.Ref, sub.State, sub.Failure)
		}
	}
	return n
}

// check wants each submission to be done, with one report and its artifact, and by nobody at
// the same time as by another. It returns how many analyses there were.
func (s *scene) check() (analyses int) {
	s.t.Helper()
	blobs, err := blob.Open(s.t.Context(), filepath.Join(s.dir, "blobs"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer blobs.Close()
	if id, err := os.ReadFile(filepath.Join(s.dir, "twice")); !errors.Is(err, fs.ErrNotExist) {
		s.t.Errorf("%s was analysed by two at once (%v)", id, err)
	}
	for _, id := range s.ids {
		sub, err := s.store.Submission(s.t.Context(), id)
		if err != nil {
			s.t.Fatal(err)
		}
		all, err := s.store.Analyses(s.t.Context(), digest(sub.Ref))
		if err != nil || len(all) != 1 || sub.Digest != digest(sub.Ref) || sub.Fingerprint != all[0].Key {
			s.t.Errorf("%+v has %d reports (%v)", sub, len(all), err)
			continue
		}
		e, err := s.store.Get(s.t.Context(), sub.Digest, sub.Fingerprint)
		if err != nil {
			s.t.Error(err)
			continue
		}
		if ok, err := blobs.Has(s.t.Context(), e.Blobs["tape.jsonl.zst"]); err != nil || !ok {
			s.t.Errorf("%s has no tape: %v", sub.Ref, err)
		}
		b, err := os.ReadFile(filepath.Join(s.dir, id+".analyses"))
		if err != nil || len(b) > sub.Attempts {
			s.t.Errorf("%s: %d analyses in %d attempts (%v)", sub.Ref, len(b), sub.Attempts, err)
		}
		analyses += len(b)
	}
	return analyses
}

// TestKilled: what a worker did when it was killed is done by another.
func TestKilled(t *testing.T) {
	s := newScene(t, "", 1)
	if err := os.WriteFile(filepath.Join(s.dir, "hang"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first := s.process()
	s.until("an analysis runs", func() bool { return s.has(s.ids[0] + ".hanging") })
	s.kill(first)
	if err := os.Remove(filepath.Join(s.dir, "hang")); err != nil {
		t.Fatal(err)
	}
	second := s.process()
	s.until("it is done", func() bool { return s.done() == 1 })
	s.end(second)
	if n := s.check(); n != 2 {
		t.Errorf("it was analysed %d times, want 2", n)
	}
	if sub, err := s.store.Submission(t.Context(), s.ids[0]); err != nil || sub.Attempts != 2 {
		t.Errorf("got %+v and %v, want 2 attempts", sub, err)
	}
}

// TestHandedBack: what a worker had not done when it was told to end is done by another,
// which need not wait for the end of a lease, and no attempt is counted.
func TestHandedBack(t *testing.T) {
	s := newScene(t, "", 1)
	s.lease = 10 * time.Minute
	if err := os.WriteFile(filepath.Join(s.dir, "hang"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first := s.process()
	s.until("an analysis runs", func() bool { return s.has(s.ids[0] + ".hanging") })
	if err := os.Remove(filepath.Join(s.dir, "hang")); err != nil {
		t.Fatal(err)
	}
	s.end(first)
	if sub, err := s.store.Submission(t.Context(), s.ids[0]); err != nil || sub.State != store.Queued || sub.Attempts != 0 {
		t.Errorf("got %+v and %v", sub, err)
	}
	second := s.process()
	s.until("it is done", func() bool { return s.done() == 1 })
	s.end(second)
	if sub, err := s.store.Submission(t.Context(), s.ids[0]); err != nil || sub.Attempts != 1 {
		t.Errorf("got %+v and %v, want 1 attempt", sub, err)
	}
}

// TestKilledWhileWriting: workers are killed in the middle of what they do, twice, so that no
// submission is tried too often for it.
func TestKilledWhileWriting(t *testing.T) { killedWhileWriting(t, "") }

func killedWhileWriting(t *testing.T, database string) {
	t.Helper()
	s := newScene(t, database, 90)
	for _, enough := range []int{20, 50} {
		a, b := s.process(), s.process()
		s.until("some are done", func() bool { return s.done() >= enough })
		s.kill(a)
		s.kill(b)
	}
	last := s.process()
	s.until("all are done", func() bool { return s.done() == len(s.ids) })
	s.end(last)
	s.check()
}

// TestTogether: several workers with one database do each submission once.
func TestTogether(t *testing.T) { together(t, "") }

func together(t *testing.T, database string) {
	t.Helper()
	s := newScene(t, database, 120)
	s.lease = 10 * time.Minute // nobody is killed, and a slow machine is no reason to do one twice
	workers := []*exec.Cmd{s.process(), s.process(), s.process()}
	s.until("all are done", func() bool { return s.done() == len(s.ids) })
	for _, w := range workers {
		s.end(w)
	}
	if n := s.check(); n != len(s.ids) {
		t.Errorf("%d analyses of %d submissions", n, len(s.ids))
	}
}
