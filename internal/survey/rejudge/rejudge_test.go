package rejudge_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/blob"
	"github.com/detonaut/detonaut/internal/store/sqlite"
	"github.com/detonaut/detonaut/internal/survey/rejudge"
)

// images is how many there are; every third connects to somebody.
const images = 24

func bad(i int) bool { return i%3 == 0 }

func digest(i int) detonaut.Digest { return detonaut.Digest("sha256:" + sum(fmt.Sprint("image ", i))) }

// events are the tape of an image, which may connect to somebody, and leaves a file.
func events(i int) []*tape.Event {
	p := plan.Plan{
		Digest: string(digest(i)), Profile: plan.Default, Args: []string{"/app"}, Dir: "/", Hostname: "h", Network: plan.None,
		Detail: plan.Normal, Limits: plan.DefaultLimits(),
	}
	all := []*tape.Event{
		{Kind: tape.RunStart, Start: &tape.Start{Version: tape.Version, Wall: 1e18, Plan: p}},
		{Kind: tape.ProcessExec, PID: 1, TID: 1, Process: &tape.Process{Executable: "/app", Args: []string{"/app"}, Origin: tape.FromImage}},
	}
	if bad(i) {
		all = append(all, &tape.Event{Kind: tape.SocketConnect, PID: 1, TID: 1, Socket: &tape.Socket{Family: "inet", Type: "stream", Address: "192.0.2.1:3333"}})
	}
	all = append(all, &tape.Event{Kind: tape.PayloadKeep, PID: 1, TID: 1, Payload: &tape.Payload{
		How: tape.Executed, Path: "/tmp/x", SHA256: sum(left(i)), Size: int64(len(left(i))), Type: "text", Kept: true,
	}})
	all = append(all, &tape.Event{Kind: tape.RunEnd, End: &tape.End{Reason: tape.Exited, Events: uint64(len(all) + 1)}})
	for at, e := range all {
		e.Seq, e.Time = uint64(at+1), int64(at)*1e6
	}
	return all
}

func left(i int) string { return fmt.Sprintf("left by %d", i) }

// source gives events.
type source struct{ events []*tape.Event }

func (s *source) Next() (*tape.Event, error) {
	if len(s.events) == 0 {
		return nil, io.EOF
	}
	e := s.events[0]
	s.events = s.events[1:]
	return e, nil
}

// connects finds something bad in every connection.
type connects struct{ events []uint64 }

func (c *connects) Observe(m behavior.Moment) {
	if m.Event.Kind == tape.SocketConnect {
		c.events = append(c.events, m.Event.Seq)
	}
}

func (c *connects) Conclude() ([]detonaut.Finding, []string) {
	if len(c.events) == 0 {
		return nil, nil
	}
	return []detonaut.Finding{{
		ID: "network/connect", Title: "Connects", Severity: detonaut.High, Confidence: detonaut.Certain, Category: detonaut.Miner,
		Count: len(c.events), Evidence: []detonaut.Evidence{{Events: c.events}},
	}}, nil
}

// reads finds something in everything that a run left.
type reads struct{}

func (reads) Name() string           { return "reads" }
func (reads) Version() string        { return "2" }
func (reads) Wants(static.File) bool { return true }
func (reads) Analyze(context.Context, static.File) ([]detonaut.Finding, error) {
	return []detonaut.Finding{{ID: "reads/it", Title: "Reads", Severity: detonaut.Low, Confidence: detonaut.Certain, Evidence: []detonaut.Evidence{{}}}}, nil
}

// deps are those of that time, which find nothing, or of today. They can neither pull nor run.
func deps(t *testing.T, today bool) pipeline.Deps {
	d := pipeline.Deps{
		Rules:     "sha256:then",
		Detectors: func(detonaut.Image) []behavior.Detector { return nil },
		Sandbox:   noSandbox{t},
		Pull: func(context.Context, detonaut.Ref) (*pipeline.Subject, error) {
			t.Error("something was pulled")
			return nil, errors.ErrUnsupported
		},
		Plan: func(detonaut.Image, fs.FS) (plan.Plan, error) {
			t.Error("a run was planned")
			return plan.Plan{}, errors.ErrUnsupported
		},
	}
	if today {
		d.Rules, d.Analyzers = "sha256:today", []static.Analyzer{reads{}}
		d.Detectors = func(detonaut.Image) []behavior.Detector { return []behavior.Detector{&connects{}} }
	}
	return d
}

type noSandbox struct{ t *testing.T }

func (n noSandbox) Run(context.Context, plan.Plan, tape.Sink, artifact.Sink) (detonate.Result, error) {
	n.t.Error("something was run")
	return detonate.Result{}, errors.ErrUnsupported
}

// world is a store with a survey that has been done by the rules of that time.
type world struct {
	store.Store
	blobs *blob.Blobs
	dir   string
	mu    sync.Mutex
	puts  []detonaut.Digest
}

func (w *world) Put(ctx context.Context, e store.Entry) (store.Summary, error) {
	s, err := w.Store.Put(ctx, e)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.puts = append(w.puts, e.Report.Image.Digest)
	}
	return s, err
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.sqlite"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := &world{Store: s, dir: t.TempDir()}
	if w.blobs, err = blob.Open(t.Context(), w.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.blobs.Close() })
	must(t, s.NewSurvey(t.Context(), store.Survey{Name: "all", Sources: []string{"-"}, Choice: store.Choice{Platforms: []string{"linux/amd64"}}}))
	var found []store.Candidate
	for i := range images {
		found = append(found, store.Candidate{Repository: store.Repository{Registry: "r.example", Name: fmt.Sprintf("app%d", i), Pulls: -1, Stars: -1}, Weight: 1})
	}
	must(t, s.Listed(t.Context(), "all", found, "", true))
	for i := range images {
		w.analysed(t, i)
		items := []store.Item{{Name: store.Name{Registry: "r.example", Repository: fmt.Sprintf("app%d", i), Tag: "1"}, Digest: digest(i), Platform: "linux/amd64"}}
		items = append(items, items[0]) // one digest under two tags
		items[1].Name.Tag = "2"
		must(t, s.Looked(t.Context(), "all", int64(i+1), items, ""))
	}
	w.puts = nil
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// analysed puts a report of an image as it was then.
func (w *world) analysed(t *testing.T, i int) {
	t.Helper()
	r, err := pipeline.Replay(t.Context(), deps(t, false), pipeline.Stored{
		Image: detonaut.Image{Ref: detonaut.Ref(fmt.Sprintf("r.example/app%d:1", i)), Digest: digest(i), Platform: "linux/amd64"}, Tape: &source{events(i)},
	})
	must(t, err)
	var packed bytes.Buffer
	zw, err := zstd.NewWriter(&packed)
	must(t, err)
	enc := tape.NewEncoder(zw)
	for _, e := range events(i) {
		must(t, enc.Record(e))
	}
	must(t, zw.Close())
	e := store.Entry{Report: r, Aim: store.Aim(r.Fingerprint, "asked"), Name: store.Name{Registry: "r.example", Repository: fmt.Sprintf("app%d", i), Tag: "1"}, Blobs: map[string]string{}}
	for name, text := range map[string]string{"tape.jsonl.zst": packed.String(), "payloads/" + sum(left(i)): left(i)} {
		e.Blobs[name], _, err = w.blobs.Put(t.Context(), strings.NewReader(text))
		must(t, err)
	}
	_, err = w.Put(t.Context(), e)
	must(t, err)
}

func (w *world) options(t *testing.T, told *[]rejudge.Change) rejudge.Options {
	return rejudge.Options{
		Store: w, Blobs: w.blobs, Deps: deps(t, true), Concurrency: 1,
		Tell: func(c rejudge.Change) { *told = append(*told, c) },
		Aim: func(old *store.Entry, now detonaut.Fingerprint) string {
			if old.Aim != store.Aim(old.Report.Fingerprint, "asked") {
				return ""
			}
			return store.Aim(now, "asked")
		},
	}
}

// check makes sure that every image has the report of today, and that only those changed which
// a new rule finds.
func (w *world) check(t *testing.T, but ...int) {
	t.Helper()
	for i := range images {
		e, err := w.Get(t.Context(), digest(i), "")
		must(t, err)
		want, rules := detonaut.Clean, detonaut.Digest("sha256:today")
		if bad(i) {
			want = detonaut.Unwanted
		}
		if slices.Contains(but, i) {
			want, rules = detonaut.Clean, "sha256:then"
		}
		if r := e.Report; r.Verdict.Word != want || r.Fingerprint.Rules != rules || len(e.Blobs) != 2 || e.Name.Tag != "1" {
			t.Errorf("image %d is %s by %s, want %s by %s: %+v", i, r.Verdict.Word, r.Fingerprint.Rules, want, rules, e.Blobs)
		}
		if e.Aim != store.Aim(e.Report.Fingerprint, "asked") {
			t.Errorf("image %d has another aim", i)
		}
		found := slices.ContainsFunc(e.Report.Findings, func(f detonaut.Finding) bool { return f.ID == "reads/it" })
		if found != (rules == "sha256:today") {
			t.Errorf("image %d: what it left was read: %v", i, found)
		}
		if before, err := w.Analyses(t.Context(), digest(i)); err != nil || (len(before) == 2) != (rules == "sha256:today") {
			t.Errorf("image %d has %d reports, %v", i, len(before), err)
		}
	}
}

// TestSurvey judges a survey again by a new rule: first dry, then in earnest, then once more.
func TestSurvey(t *testing.T) {
	w := newWorld(t)
	var told []rejudge.Change
	o := w.options(t, &told)
	o.Dry = true
	want := rejudge.Counts{Looked: images, Judged: images, Changed: images / 3, Left: map[rejudge.Reason]int{}}
	counts, err := rejudge.Survey(t.Context(), "all", o)
	if diff := cmp.Diff(want, counts); err != nil || diff != "" || len(w.puts) > 0 {
		t.Errorf("dry: %v, %d puts (-want +got):\n%s", err, len(w.puts), diff)
	}
	dry := told
	told = nil
	o.Dry, o.Concurrency = false, 4
	last := rejudge.Counts{}
	o.Progress = func(c rejudge.Counts) { last = c }
	counts, err = rejudge.Survey(t.Context(), "all", o)
	if diff := cmp.Diff(want, counts); err != nil || diff != "" || len(w.puts) != images || !cmp.Equal(counts, last) {
		t.Errorf("%v, %d puts, told %+v (-want +got):\n%s", err, len(w.puts), last, diff)
	}
	w.check(t)
	foretold, came := map[detonaut.Digest]detonaut.Word{}, map[detonaut.Digest]detonaut.Word{}
	for _, c := range dry {
		foretold[c.Digest] = c.Is.Word
	}
	for _, c := range told {
		came[c.Digest] = c.Is.Word
		if c.Was.Word != detonaut.Clean || c.Name.Repository == "" || c.From == c.To || c.To == "" {
			t.Errorf("told %+v", c)
		}
	}
	if diff := cmp.Diff(foretold, came); diff != "" || len(came) != images/3 {
		t.Errorf("changes (-foretold +came):\n%s", diff)
	}

	told, w.puts = nil, nil
	counts, err = rejudge.Survey(t.Context(), "all", o)
	want = rejudge.Counts{Looked: images, Current: images, Left: map[rejudge.Reason]int{}}
	if diff := cmp.Diff(want, counts); err != nil || diff != "" || len(w.puts)+len(told) > 0 {
		t.Errorf("once more: %v, %d puts (-want +got):\n%s", err, len(w.puts), diff)
	}
}

// TestInterrupted ends in the middle, and goes on with what is left.
func TestInterrupted(t *testing.T) {
	w := newWorld(t)
	var told []rejudge.Change
	o := w.options(t, &told)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Progress = func(c rejudge.Counts) {
		if c.Looked == images/2 {
			cancel()
		}
	}
	if counts, err := rejudge.All(ctx, o); !errors.Is(err, context.Canceled) || counts.Judged != images/2 {
		t.Fatalf("got %+v, %v", counts, err)
	}
	o.Progress = nil
	counts, err := rejudge.All(t.Context(), o)
	if err != nil || counts.Current != images/2 || counts.Judged != images/2 || len(w.puts) != images {
		t.Errorf("got %+v, %v, and %d puts in all", counts, err, len(w.puts))
	}
	w.check(t)
}

// TestLeft leaves reports as they are whose tapes are gone or damaged, and says of what else is
// missing that it is.
func TestLeft(t *testing.T) {
	w := newWorld(t)
	file := func(i int, name string) string {
		e, err := w.Get(t.Context(), digest(i), "")
		must(t, err)
		sum := e.Blobs[name]
		return filepath.Join(w.dir, sum[:2], sum)
	}
	must(t, os.Remove(file(0, "tape.jsonl.zst")))
	must(t, os.WriteFile(file(3, "tape.jsonl.zst"), []byte("noise"), 0o600))
	whole, err := os.ReadFile(file(6, "tape.jsonl.zst"))
	must(t, err)
	must(t, os.WriteFile(file(6, "tape.jsonl.zst"), whole[:len(whole)/2], 0o600))
	must(t, os.Remove(file(9, "payloads/"+sum(left(9)))))
	var told []rejudge.Change
	counts, err := rejudge.Survey(t.Context(), "all", w.options(t, &told))
	want := rejudge.Counts{Looked: images, Judged: images - 3, Changed: images/3 - 3, Left: map[rejudge.Reason]int{rejudge.NoTape: 1, rejudge.BadTape: 2}}
	if diff := cmp.Diff(want, counts); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	e, err := w.Get(t.Context(), digest(9), "")
	must(t, err)
	if i := slices.IndexFunc(e.Report.Stages, func(s detonaut.Stage) bool { return s.Name == detonaut.StageRead }); e.Report.Stages[i].State != detonaut.Partial {
		t.Errorf("a payload is missing: %+v", e.Report.Stages[i])
	}
	if e, err := w.Get(t.Context(), digest(0), ""); err != nil || e.Report.Fingerprint.Rules != "sha256:then" {
		t.Errorf("without a tape: %v, %+v", err, e.Report.Fingerprint)
	}
}

// panics is a detector that cannot bear a connection.
type panics struct{ connects }

func (*panics) Observe(m behavior.Moment) {
	if m.Event.Kind == tape.SocketConnect {
		panic("a connection")
	}
}

// TestBroken goes on when something of ours breaks at one report.
func TestBroken(t *testing.T) {
	w := newWorld(t)
	var told []rejudge.Change
	o := w.options(t, &told)
	o.Deps.Detectors = func(detonaut.Image) []behavior.Detector { return []behavior.Detector{&panics{}} }
	counts, err := rejudge.Survey(t.Context(), "all", o)
	if err != nil || counts.Left[rejudge.Broken] != images/3 || counts.Judged != images-images/3 {
		t.Errorf("got %+v, %v", counts, err)
	}
}

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}
