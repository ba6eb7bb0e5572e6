package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/reach"
	"github.com/detonaut/detonaut/internal/store"
)

// analyse makes a report of every image at once.
func analyse(context.Context, store.Submission, *Teller) (*Analysis, error) {
	return &Analysis{Report: &detonaut.Report{Image: detonaut.Image{Digest: "sha256:abc"}}}, nil
}

// running runs a worker in a bubble of synctest. stop ends it, and returns when it has
// ended.
func running(t *testing.T, o Options) (w *Worker, stop func()) {
	t.Helper()
	w = New(o)
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return w, func() { cancel(); run.Wait() }
}

// words are what was told, each in one line.
func words(told []store.Progress) (lines []string) {
	for _, p := range told {
		lines = append(lines, p.Kind+" "+string(p.Data))
	}
	return lines
}

func TestDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, blobs := newDesk("app:1"), &shelf{}
		closed := false
		_, stop := running(t, Options{Store: d, Blobs: blobs, Analyse: func(_ context.Context, s store.Submission, tell *Teller) (*Analysis, error) {
			tell.Stage("pull")
			tell.Event(&tape.Event{Seq: 3, Time: 9, Kind: tape.FileCreate, PID: 2, File: &tape.File{Path: "/tmp/<b>\u202e"}})
			tell.Note("half of it")
			a, err := analyse(t.Context(), s, tell)
			a.Name = store.Name{Registry: "docker.io", Repository: "library/app", Tag: "1"}
			a.Artifacts = fstest.MapFS{"tape.jsonl.zst": {Data: []byte("tape")}, "bodies/x": {Data: []byte("body")}}
			a.Close = func() error { closed = true; return nil }
			return a, err
		}})
		synctest.Wait()
		stop()
		e := d.entries["s0"]
		if e == nil || e.Report.Image.Digest != "sha256:abc" || e.Name.Tag != "1" || e.Key != store.Key(detonaut.Fingerprint{}) {
			t.Fatalf("got %+v", e)
		}
		got := map[string]string{}
		for name, sum := range e.Blobs {
			got[name] = blobs.kept[sum]
		}
		if diff := cmp.Diff(map[string]string{"tape.jsonl.zst": "tape", "bodies/x": "body"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !closed {
			t.Error("the analysis was not closed")
		}
		if diff := cmp.Diff([]string{
			`state {"state":"running","attempt":1}`,
			`stage {"stage":"pull"}`,
			`event {"seq":3,"t":9,"kind":"file.create","pid":2,"text":"wrote /tmp/\u003cb\u003e` + "\u202e" + `"}`,
			`note {"text":"half of it"}`,
			`state {"state":"done","digest":"sha256:abc","fingerprint":"` + e.Key + `"}`,
		}, words(d.told["s0"])); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

// TestFailures: what would end in the same way is final, everything else is tried again
// until there were enough attempts.
func TestFailures(t *testing.T) {
	for _, tc := range []struct {
		name     string
		err      error
		attempts int
		failure  string
	}{
		{"no image", fmt.Errorf("pull: %w", detonaut.ErrNotFound), 1, "its registry has no such image"},
		{"refused", fmt.Errorf("pull 10.0.0.1: %w", reach.ErrRefused), 1, nowhere},
		{"no host", &net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}, 1, nowhere},
		{"too large", detonaut.ErrLimit, 1, "it is larger than what is taken here"},
		{"away", &net.OpError{Op: "dial", Err: errors.New("connection refused")}, store.MaxAttempts, "its registry, or something here, did not work"},
		{"sandbox", detonaut.ErrSandbox, store.MaxAttempts, "the sandbox broke"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk("app:1")
				var at []time.Time
				_, stop := running(t, Options{Store: d, Analyse: func(context.Context, store.Submission, *Teller) (*Analysis, error) {
					at = append(at, time.Now())
					return nil, tc.err
				}})
				time.Sleep(time.Hour)
				stop()
				s := d.get("s0")
				if s.State != store.Failed || s.Failure != tc.failure || s.Attempts != tc.attempts || len(at) != tc.attempts {
					t.Errorf("got %+v after %d analyses", s, len(at))
				}
				for i := 1; i < len(at); i++ {
					if wait := at[i].Sub(at[i-1]); wait < 30*time.Second<<(i-1) {
						t.Errorf("attempt %d came after %v", i+1, wait)
					}
				}
			})
		})
	}
}

// TestIncomplete: a report that lacks something because of us is kept when there is no
// better one.
func TestIncomplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk("app:1")
		_, stop := running(t, Options{Store: d, Analyse: func(ctx context.Context, s store.Submission, tell *Teller) (*Analysis, error) {
			a, _ := analyse(ctx, s, tell)
			return a, detonaut.ErrSandbox
		}})
		time.Sleep(time.Hour)
		stop()
		if s := d.get("s0"); s.State != store.Done || s.Attempts != store.MaxAttempts {
			t.Errorf("got %+v", s)
		}
	})
}

func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk("bad:1", "good:1")
		_, stop := running(t, Options{Store: d, Analyse: func(ctx context.Context, s store.Submission, tell *Teller) (*Analysis, error) {
			if s.Ref == "bad:1" {
				panic("boom")
			}
			return analyse(ctx, s, tell)
		}})
		synctest.Wait()
		stop()
		if bad, good := d.get("s0"), d.get("s1"); bad.State != store.Failed || bad.Failure != "the analysis broke" || good.State != store.Done {
			t.Errorf("got %+v and %+v", bad, good)
		}
	})
}

// TestTooLong: nobody keeps a worker busy for ever, and what was seen until then is kept.
func TestTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk("slow:1", "slow:2")
		_, stop := running(t, Options{Store: d, Limit: time.Hour, Analyse: func(ctx context.Context, s store.Submission, tell *Teller) (*Analysis, error) {
			<-ctx.Done()
			if s.Ref == "slow:1" {
				return nil, ctx.Err()
			}
			return analyse(ctx, s, tell)
		}})
		time.Sleep(3 * time.Hour)
		stop()
		if a, b := d.get("s0"), d.get("s1"); a.State != store.Failed || a.Failure != "it took too long" || a.Attempts != 1 || b.State != store.Done {
			t.Errorf("got %+v and %+v", a, b)
		}
	})
}

// TestRenews: a claim lasts as long as the analysis.
func TestRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk("app:1")
		_, stop := running(t, Options{Store: d, Concurrency: 3, Lease: time.Minute, Limit: 2 * time.Hour, Analyse: func(ctx context.Context, s store.Submission, tell *Teller) (*Analysis, error) {
			time.Sleep(time.Hour)
			if err := ctx.Err(); err != nil {
				t.Error(err)
			}
			return analyse(ctx, s, tell)
		}})
		time.Sleep(2 * time.Hour)
		stop()
		if s := d.get("s0"); s.State != store.Done || s.Attempts != 1 || d.renewals < 60 {
			t.Errorf("got %+v after %d renewals", s, d.renewals)
		}
	})
}

// TestLost: who lost a claim gives up, and changes nothing any more.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk("app:1")
		ended := make(chan time.Duration, 1)
		_, stop := running(t, Options{Store: d, Lease: time.Minute, Analyse: func(ctx context.Context, s store.Submission, tell *Teller) (*Analysis, error) {
			d.take("s0")
			began := time.Now()
			<-ctx.Done()
			ended <- time.Since(began)
			return analyse(ctx, s, tell)
		}})
		if after := <-ended; after > 20*time.Second {
			t.Errorf("it went on for %v", after)
		}
		synctest.Wait()
		stop()
		if len(d.finished) > 0 {
			t.Errorf("it ended what was another's: %q", d.finished)
		}
	})
}

// TestDatabaseAway: nothing runs when nobody can know any more whose claim it is, and what is
// done is kept when the database comes back in time.
func TestDatabaseAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk("app:1")
		ended := make(chan time.Duration, 1)
		_, stop := running(t, Options{Store: d, Lease: time.Minute, Analyse: func(ctx context.Context, s store.Submission, tell *Teller) (*Analysis, error) {
			if s.Attempts == 2 {
				d.setAway(errAway)
				time.AfterFunc(5*time.Second, func() { d.setAway(nil) })
				return analyse(ctx, s, tell)
			}
			d.setAway(errAway)
			began := time.Now()
			<-ctx.Done()
			ended <- time.Since(began)
			return nil, ctx.Err()
		}})
		if after := <-ended; after >= time.Minute {
			t.Errorf("it went on for %v, when the lease had ended", after)
		}
		d.setAway(nil)
		time.Sleep(5 * time.Minute)
		stop()
		if s := d.get("s0"); s.State != store.Done || s.Attempts != 2 {
			t.Errorf("got %+v, want it done by the second attempt", s)
		}
		if diff := cmp.Diff([]string{"s0 report"}, d.finished); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestBlobsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk("app:1")
		analyses := 0
		_, stop := running(t, Options{Store: d, Blobs: &shelf{fails: 3}, Analyse: func(ctx context.Context, s store.Submission, tell *Teller) (*Analysis, error) {
			analyses++
			a, err := analyse(ctx, s, tell)
			a.Artifacts = fstest.MapFS{"tape.jsonl.zst": {Data: []byte("tape")}}
			return a, err
		}})
		time.Sleep(time.Minute)
		stop()
		if s := d.get("s0"); s.State != store.Done || analyses != 1 {
			t.Errorf("got %+v after %d analyses", s, analyses)
		}
	})
}

// TestDrain: what runs may end within the grace period; what does not is handed back, and
// nothing new is begun.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk("short:1", "long:1", "later:1")
		_, stop := running(t, Options{Store: d, Concurrency: 2, Grace: 10 * time.Second, Analyse: func(ctx context.Context, s store.Submission, tell *Teller) (*Analysis, error) {
			wait := 5 * time.Second
			if s.Ref == "long:1" {
				wait = time.Hour
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
			return analyse(ctx, s, tell)
		}})
		synctest.Wait()
		began := time.Now()
		stop()
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("it took %v to end", took)
		}
		if short, long, later := d.get("s0"), d.get("s1"), d.get("s2"); short.State != store.Done || long.State != store.Queued || later.Attempts != 0 {
			t.Errorf("got %+v, %+v and %+v", short, long, later)
		}
		slices.Sort(d.finished)
		if diff := cmp.Diff([]string{"s0 report", "s1 nothing"}, d.finished); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestWake: who is told of a submission need not wait.
func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		w, stop := running(t, Options{Store: d, Poll: time.Hour, Analyse: analyse})
		synctest.Wait()
		d.mu.Lock()
		d.all = append(d.all, &store.Submission{ID: "s0", State: store.Queued})
		d.mu.Unlock()
		w.Wake()
		synctest.Wait()
		if s := d.get("s0"); s.State != store.Done {
			t.Errorf("got %+v", s)
		}
		stop()
	})
}

// TestNeighbours: one word wakes as many as there is work for.
func TestNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		w, stop := running(t, Options{Store: d, Concurrency: 3, Poll: time.Hour, Analyse: func(ctx context.Context, s store.Submission, tell *Teller) (*Analysis, error) {
			time.Sleep(time.Minute)
			return analyse(ctx, s, tell)
		}})
		synctest.Wait()
		d.mu.Lock()
		for i := range 3 {
			d.all = append(d.all, &store.Submission{ID: fmt.Sprint("s", i), State: store.Queued})
		}
		d.mu.Unlock()
		w.Wake()
		synctest.Wait()
		for i := range 3 {
			if s := d.get(fmt.Sprint("s", i)); s.State != store.Running {
				t.Errorf("got %+v", s)
			}
		}
		time.Sleep(2 * time.Minute)
		stop()
	})
}

// TestFlood: what is told is bounded, and says how much it lacks; what is told last comes.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk("app:1")
		const events = 100_000
		_, stop := running(t, Options{Store: d, Analyse: func(ctx context.Context, s store.Submission, tell *Teller) (*Analysis, error) {
			for i := range uint64(events) {
				tell.Event(&tape.Event{Seq: i + 1, Kind: tape.OutputStdout, Output: &tape.Output{Text: strings.Repeat("\x00x", 5000)}})
				if i%500 == 0 {
					time.Sleep(time.Second)
				}
			}
			tell.Stage("explain")
			return analyse(ctx, s, tell)
		}})
		time.Sleep(time.Hour)
		stop()
		told, left, largest, last := 0, 0, 0, ""
		for _, p := range d.told["s0"] {
			largest = max(largest, len(p.Data))
			switch p.Kind {
			case "event":
				told++
			case "note":
				var n noteTold
				if err := json.Unmarshal(p.Data, &n); err != nil {
					t.Fatal(err)
				}
				left += n.LeftOut
			case "stage":
				last = string(p.Data)
			}
		}
		if told > maxEvents || told+left != events || len(d.told["s0"]) > store.MaxProgress || largest > 2000 || last != `{"stage":"explain"}` {
			t.Errorf("told %d events and left out %d, in %d lines of at most %d bytes, at last %s", told, left, len(d.told["s0"]), largest, last)
		}
	})
}
