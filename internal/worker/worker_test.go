package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
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
func analyse(context.Context, store.Job, *Teller) (*Analysis, error) {
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
		_, stop := running(t, Options{Store: d, Blobs: blobs, Analyse: func(_ context.Context, s store.Job, tell *Teller) (*Analysis, error) {
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
		_, o := d.get(0)
		e := o.Entry
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
			`stage {"stage":"pull"}`,
			`event {"seq":3,"t":9,"kind":"file.create","pid":2,"text":"wrote /tmp/\u003cb\u003e` + "\u202e" + `"}`,
			`note {"text":"half of it"}`,
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
				_, stop := running(t, Options{Store: d, Analyse: func(context.Context, store.Job, *Teller) (*Analysis, error) {
					at = append(at, time.Now())
					return nil, tc.err
				}})
				time.Sleep(time.Hour)
				stop()
				j, o := d.get(0)
				if j.State != store.JobFailed || o.Failure.Says != tc.failure || !strings.Contains(o.Failure.Detail, tc.err.Error()) || len(at) != tc.attempts {
					t.Errorf("got %+v and %+v after %d analyses", j, o, len(at))
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
		_, stop := running(t, Options{Store: d, Analyse: func(ctx context.Context, s store.Job, tell *Teller) (*Analysis, error) {
			a, _ := analyse(ctx, s, tell)
			return a, detonaut.ErrSandbox
		}})
		time.Sleep(time.Hour)
		stop()
		if j, o := d.get(0); o.Entry == nil || j.Attempt != store.MaxAttempts {
			t.Errorf("got %+v and %+v", j, o)
		}
	})
}

func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk("bad:1", "good:1")
		_, stop := running(t, Options{Store: d, Analyse: func(ctx context.Context, s store.Job, tell *Teller) (*Analysis, error) {
			if s.Ref == "bad:1" {
				panic("boom")
			}
			return analyse(ctx, s, tell)
		}})
		synctest.Wait()
		stop()
		_, bad := d.get(0)
		_, good := d.get(1)
		if f := bad.Failure; f == nil || f.Says != "the analysis broke" || !f.Final || !strings.Contains(f.Detail, "boom") || good.Entry == nil {
			t.Errorf("got %+v and %+v", bad, good)
		}
	})
}

// TestTooLong: nobody keeps a worker busy for ever, and what was seen until then is kept.
func TestTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk("slow:1", "slow:2")
		_, stop := running(t, Options{Store: d, Limit: time.Hour, Analyse: func(ctx context.Context, s store.Job, tell *Teller) (*Analysis, error) {
			<-ctx.Done()
			if s.Ref == "slow:1" {
				return nil, ctx.Err()
			}
			return analyse(ctx, s, tell)
		}})
		time.Sleep(3 * time.Hour)
		stop()
		_, a := d.get(0)
		_, b := d.get(1)
		if a.Failure == nil || a.Failure.Says != "it took too long" || !a.Failure.Final || b.Entry == nil {
			t.Errorf("got %+v and %+v", a, b)
		}
	})
}

func TestBlobsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk("app:1")
		analyses := 0
		_, stop := running(t, Options{Store: d, Blobs: &shelf{fails: 3}, Analyse: func(ctx context.Context, s store.Job, tell *Teller) (*Analysis, error) {
			analyses++
			a, err := analyse(ctx, s, tell)
			a.Artifacts = fstest.MapFS{"tape.jsonl.zst": {Data: []byte("tape")}}
			return a, err
		}})
		time.Sleep(time.Minute)
		stop()
		if _, o := d.get(0); o.Entry == nil || analyses != 1 {
			t.Errorf("got %+v after %d analyses", o, analyses)
		}
	})
}

// TestStopped: an analysis whose time is over is closed, and nothing comes of it.
func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, closed := newDesk("long:1"), false
		_, stop := running(t, Options{Store: d, Grace: 10 * time.Second, Analyse: func(ctx context.Context, s store.Job, tell *Teller) (*Analysis, error) {
			<-ctx.Done()
			a, err := analyse(ctx, s, tell)
			a.Close = func() error { closed = true; return nil }
			return a, err
		}})
		synctest.Wait()
		stop()
		if j, o := d.get(0); j.State != store.JobWaiting || o.Entry != nil || !closed {
			t.Errorf("got %+v and %+v, closed: %v", j, o, closed)
		}
	})
}

// TestWake: who is told of a submission need not wait.
func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		w, stop := running(t, Options{Store: d, Poll: time.Hour, Analyse: analyse})
		synctest.Wait()
		d.add(store.Job{Kind: store.JobImage, Submission: "s0"})
		w.Wake()
		synctest.Wait()
		if j, _ := d.get(0); j.State != store.JobDone {
			t.Errorf("got %+v", j)
		}
		stop()
	})
}

// TestKinds: of a job of a survey nothing is told, a report that there was is named, what cannot be
// done now is put off, and what is not about an image is for another.
func TestKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.add(store.Job{Kind: store.JobImage, Survey: "s", Ref: "new:1", Aim: "of the job"})
		d.add(store.Job{Kind: store.JobImage, Survey: "s", Ref: "known:1"})
		d.add(store.Job{Kind: store.JobImage, Survey: "s", Ref: "busy:1"})
		d.add(store.Job{Kind: store.JobLook, Survey: "s", Batch: 7})
		known := &store.Known{Digest: "sha256:abc", Key: "k"}
		_, stop := running(t, Options{
			Store: d,
			Analyse: func(ctx context.Context, j store.Job, tell *Teller) (*Analysis, error) {
				tell.Stage("pull")
				tell.Event(&tape.Event{})
				switch j.Ref {
				case "known:1":
					return &Analysis{Known: known}, nil
				case "busy:1":
					return nil, fmt.Errorf("pull: %w", &Later{time.Hour, "429"})
				}
				return analyse(ctx, j, tell)
			},
			Other: func(_ context.Context, j store.Job) store.Outcome { return store.Outcome{Why: fmt.Sprint(j.Batch)} },
		})
		synctest.Wait()
		stop()
		var got []store.Outcome
		for i := range d.jobs {
			_, o := d.get(int64(i))
			got = append(got, o)
		}
		if e := got[0].Entry; e == nil || e.Aim != "of the job" || got[1].Known != known || got[2].Later != time.Hour || got[2].Why != "429" || got[3].Why != "7" {
			t.Errorf("got %+v", got)
		}
		if len(d.told) > 0 {
			t.Errorf("told %v", d.told)
		}
	})
}

// TestFlood: what is told is bounded, and says how much it lacks; what is told last comes.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk("app:1")
		const events = 100_000
		_, stop := running(t, Options{Store: d, Analyse: func(ctx context.Context, s store.Job, tell *Teller) (*Analysis, error) {
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
