package pipeline_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/detonate/fake"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/static"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const digest = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

// aTape is the tape of a subject that connects somewhere and ends as end says.
func aTape(end tape.End) []*tape.Event {
	if end.Events == 0 {
		end.Events = 4
	}
	return []*tape.Event{
		{Seq: 1, Kind: tape.RunStart, Start: &tape.Start{Version: tape.Version, Wall: 1e18, Plan: aPlan()}},
		{Seq: 2, Time: 1e6, Kind: tape.ProcessExec, PID: 1, TID: 1, Process: &tape.Process{Executable: "/app", Args: []string{"/app"}, Origin: tape.FromImage}},
		{Seq: 3, Time: 2e6, Kind: tape.SocketConnect, PID: 1, TID: 1, Socket: &tape.Socket{Family: "inet", Type: "stream", Address: "192.0.2.1:3333"}},
		{Seq: 4, Time: 3e6, Kind: tape.RunEnd, End: &end},
	}
}

func aPlan() plan.Plan {
	return plan.Plan{
		Digest: digest, Profile: plan.Default, Args: []string{"/app"}, Dir: "/", Hostname: "h", Network: plan.None,
		Detail: plan.Normal, Limits: plan.DefaultLimits(),
	}
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

// world is everything around one run, and what became of it.
type world struct {
	gaps      []string
	platform  string
	pullErr   error
	planErr   error
	detectors []behavior.Detector
	sandbox   detonate.Sandbox
	analyzers []static.Analyzer
	likeness  func(context.Context, static.File) (detonaut.Likeness, error)
	read      func(context.Context, func(string)) (static.Reading, error)
	keepErr   error
	// keepNothing leaves out the recorder.
	keepNothing bool

	closed bool
	kept   recorder
	stages []string
	events int
	told   detonaut.Image // what the detectors were told of the image
}

// recorder keeps nothing but the numbers of events.
type recorder struct {
	seqs     []uint64
	blobs    []string
	closed   bool
	whole    bool
	closeErr error
}

func (r *recorder) Record(e *tape.Event) error { r.seqs = append(r.seqs, e.Seq); return nil }
func (r *recorder) Artifacts() artifact.Sink   { return blobs{&r.blobs} }
func (r *recorder) Close(whole bool) error     { r.closed, r.whole = true, whole; return r.closeErr }

func (w *world) run(ctx context.Context) (*detonaut.Report, error) {
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if w.platform == "" {
		w.platform = "linux/" + runtime.GOARCH
	}
	keep := func(detonaut.Digest) (pipeline.Recorder, error) { return &w.kept, w.keepErr }
	if w.keepNothing {
		keep = nil
	}
	return pipeline.Run(ctx, pipeline.Deps{
		Likeness: w.likeness,
		Pull: func(_ context.Context, ref detonaut.Ref) (*pipeline.Subject, error) {
			if w.pullErr != nil {
				return nil, w.pullErr
			}
			return &pipeline.Subject{
				Image: detonaut.Image{Ref: ref, Digest: digest, Platform: w.platform},
				Root:  "/cache/root.erofs", FS: fstest.MapFS{}, Programs: programs{"/app", "/other"},
				Read:  w.read,
				Close: func() error { w.closed = true; return nil },
			}, nil
		},
		Plan:      func(detonaut.Image, fs.FS) (plan.Plan, error) { return aPlan(), w.planErr },
		Sandbox:   w.sandbox,
		Detectors: func(img detonaut.Image) []behavior.Detector { w.told = img; return w.detectors },
		Rules:     "sha256:rules",
		Analyzers: w.analyzers,
		Gaps:      w.gaps,
		Now:       func() time.Time { clock = clock.Add(time.Second); return clock },
	}, pipeline.Job{
		Ref:     "app:1",
		Keep:    keep,
		OnStage: func(s string) { w.stages = append(w.stages, s) },
		OnEvent: func(*tape.Event) { w.events++ },
	})
}

// programs are the paths of some, which are all different.
type programs []string

func (p programs) Programs() iter.Seq2[string, [32]byte] {
	return func(yield func(string, [32]byte) bool) {
		for _, path := range p {
			if !yield(path, sha256.Sum256([]byte(path))) {
				return
			}
		}
	}
}

func (p programs) Resolve(path string) string { return path }

// blobs is a sink that keeps blobs.
type blobs struct{ to *[]string }

func (b blobs) Capture([]byte) error   { return nil }
func (b blobs) Record([]byte) error    { return nil }
func (b blobs) Blob(body []byte) error { *b.to = append(*b.to, string(body)); return nil }
func (b blobs) Payload(p []byte) error { *b.to = append(*b.to, string(p)); return nil }

func replays(end tape.End) detonate.Sandbox { return &fake.Sandbox{Events: aTape(end)} }

func TestRun(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name       string
		world      world
		wantWord   detonaut.Word
		wantErr    error // nil, or what the error must wrap
		wantReason string
		wantState  detonaut.State // of the stage detonate
		wantRun    bool
	}{
		{
			name: "clean", world: world{sandbox: replays(tape.End{Reason: tape.Exited})},
			wantWord: detonaut.Clean, wantReason: "nothing bad was seen", wantState: detonaut.Complete, wantRun: true,
		},
		{
			name: "clean until its time is over", world: world{sandbox: replays(tape.End{Reason: tape.TimeLimit})},
			wantWord: detonaut.Clean, wantReason: "nothing bad was seen", wantState: detonaut.Complete, wantRun: true,
		},
		{
			name: "bad", world: world{sandbox: replays(tape.End{Reason: tape.Exited}), detectors: []behavior.Detector{&connects{}}},
			wantWord: detonaut.Unwanted, wantReason: "Connects", wantState: detonaut.Complete, wantRun: true,
		},
		{
			name: "lost events", world: world{sandbox: replays(tape.End{Reason: tape.Exited, Dropped: 1})},
			wantWord: detonaut.Inconclusive, wantReason: "1 events were lost", wantState: detonaut.Complete, wantRun: true,
		},
		{
			name: "bounds", world: world{sandbox: replays(tape.End{Reason: tape.Exited, Bounds: []string{"processes"}})},
			wantWord: detonaut.Inconclusive, wantReason: "limit of its plan: processes", wantState: detonaut.Complete, wantRun: true,
		},
		{
			name: "config that cannot be run", world: world{planErr: fmt.Errorf("%w: config.user: no such user", detonaut.ErrRun)},
			wantWord: detonaut.Inconclusive, wantReason: "config.user: no such user", wantState: detonaut.Skipped,
		},
		{
			name: "other architecture", world: world{platform: "linux/mips"},
			wantWord: detonaut.Inconclusive, wantReason: "config.architecture: the image is for linux/mips", wantState: detonaut.Skipped,
		},
		{
			name: "unreadable image", world: world{planErr: broken},
			wantWord: detonaut.Inconclusive, wantErr: broken, wantReason: "broken", wantState: detonaut.Failed,
		},
		{
			name: "sandbox unavailable", world: world{sandbox: &fake.Sandbox{Err: fmt.Errorf("%w: no", detonaut.ErrSandbox)}},
			wantWord: detonaut.Inconclusive, wantErr: detonaut.ErrSandbox, wantReason: "sandbox unavailable: no", wantState: detonaut.Failed,
		},
		{
			name: "sandbox failed", wantErr: detonaut.ErrSandbox,
			world: world{
				sandbox:   replays(tape.End{Reason: tape.Broken, Detail: "the sentry died"}),
				detectors: []behavior.Detector{&connects{}},
			},
			wantWord: detonaut.Inconclusive, wantReason: "the sentry died", wantState: detonaut.Failed,
		},
		{
			name: "tape cannot be kept", world: world{keepErr: broken, sandbox: replays(tape.End{Reason: tape.Exited})},
			wantWord: detonaut.Inconclusive, wantErr: broken, wantReason: "keep run: broken", wantState: detonaut.Failed,
		},
		{
			name:     "tape cannot be closed",
			world:    world{kept: recorder{closeErr: broken}, sandbox: replays(tape.End{Reason: tape.Exited})},
			wantWord: detonaut.Inconclusive, wantErr: broken, wantReason: "keep run: broken", wantState: detonaut.Failed,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &test.world
			r, err := w.run(t.Context())
			if !errors.Is(err, test.wantErr) {
				t.Fatalf("got error %v, want %v", err, test.wantErr)
			}
			if r == nil {
				t.Fatal("there is no report")
			}
			if got := r.Verdict.Word; got != test.wantWord {
				t.Errorf("got verdict %s, want %s: %v", got, test.wantWord, r.Verdict.Reasons)
			}
			if got := r.Verdict.Reasons[0].Text; !strings.Contains(got, test.wantReason) {
				t.Errorf("got reason %q, want one with %q", got, test.wantReason)
			}
			if got := r.Stages[1]; got.Name != detonaut.StageDetonate || got.State != test.wantState {
				t.Errorf("got stage %+v, want detonate %s", got, test.wantState)
			}
			if got := r.Run != nil; got != test.wantRun {
				t.Errorf("the report has a run: %t, want %t", got, test.wantRun)
			}
			if r.Coverage.Full != (test.wantWord == detonaut.Clean || test.wantWord == detonaut.Unwanted) {
				t.Errorf("coverage %+v does not fit", r.Coverage)
			}
			if !w.closed {
				t.Error("the image was not closed")
			}
		})
	}
}

// TestReport looks at all of one report.
func TestReport(t *testing.T) {
	w := &world{sandbox: replays(tape.End{Reason: tape.Exited, Folded: 2}), detectors: []behavior.Detector{&connects{}}}
	r, err := w.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := detonaut.Report{
		Schema: detonaut.Schema,
		Image: detonaut.Image{
			Ref: "app:1", Digest: digest, Platform: "linux/" + runtime.GOARCH, Layers: []detonaut.Layer{},
		},
		Fingerprint: detonaut.Fingerprint{Tool: "devel", Rules: "sha256:rules", Plan: detonate.Digest(aPlan())},
		Started:     time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC),
		Elapsed:     time.Second,
		Verdict: detonaut.Verdict{
			Word: detonaut.Unwanted, Sentence: "It mines cryptocurrency (which the image does not say).", Category: detonaut.Miner,
			Reasons:       []detonaut.Reason{{Text: "Connects", Finding: "network/connect"}},
			Vulnerability: detonaut.UnknownSeverity,
		},
		Findings: []detonaut.Finding{{
			ID: "network/connect", Title: "Connects", Severity: detonaut.High, Confidence: detonaut.Certain, Category: detonaut.Miner,
			Count: 1, Evidence: []detonaut.Evidence{{Events: []uint64{3}}},
		}},
		Stories: []detonaut.Story{{
			Title: "pid 1 connected to 192.0.2.1:3333", Severity: detonaut.High, PID: 1, Findings: []string{"network/connect"},
			Steps: []detonaut.Step{{Event: 3, PID: 1, Text: "connected to 192.0.2.1:3333", Findings: []string{"network/connect"}}},
		}},
		Stages: []detonaut.Stage{
			{Name: detonaut.StagePull, State: detonaut.Complete},
			{Name: detonaut.StageDetonate, State: detonaut.Complete},
			{Name: detonaut.StageExplain, State: detonaut.Complete},
		},
		Coverage: detonaut.Coverage{
			Full: true, Exercised: []string{"default profile for 3ms"}, Events: 4, Folded: 2,
			Unstarted: &detonaut.Unstarted{Programs: 2, Count: 1, Paths: []string{"/other"}},
		},
		Run: r.Run, // package behavior has tests for it
	}
	if diff := cmp.Diff(&want, r); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]uint64{1, 2, 3, 4}, w.kept.seqs); diff != "" || !w.kept.closed || !w.kept.whole {
		t.Errorf("kept tape, closed %t, whole %t (-want +got):\n%s", w.kept.closed, w.kept.whole, diff)
	}
	if diff := cmp.Diff([]string{"pull", "detonate", "explain"}, w.stages); diff != "" || w.events != 4 {
		t.Errorf("told of %d events, and of stages (-want +got):\n%s", w.events, diff)
	}
}

// TestGaps has what the rules lack in every report, whether the image runs or not.
func TestGaps(t *testing.T) {
	for name, w := range map[string]*world{
		"runs":          {sandbox: replays(tape.End{Reason: tape.Exited})},
		"cannot be run": {planErr: detonaut.ErrRun},
	} {
		w.gaps = []string{"a rule is missing"}
		r, err := w.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict.Word != detonaut.Inconclusive || r.Coverage.Full || !slices.Contains(r.Coverage.Gaps, "a rule is missing") {
			t.Errorf("%s: got %s with %+v", name, r.Verdict.Word, r.Coverage)
		}
	}
}

// TestArtifacts hands over what is no event, and tells whether all of it came.
func TestArtifacts(t *testing.T) {
	broken := errors.New("broken")
	handOver := func(err error) func(artifact.Sink) error {
		return func(s artifact.Sink) error { return errors.Join(s.Blob([]byte("body")), err) }
	}
	for _, end := range []struct {
		reason tape.Reason
		err    error
	}{{tape.Exited, nil}, {tape.Broken, nil}, {tape.Exited, broken}} {
		w := &world{sandbox: &fake.Sandbox{Events: aTape(tape.End{Reason: end.reason}), Artifacts: handOver(end.err)}}
		if _, err := w.run(t.Context()); end.err != nil && !errors.Is(err, end.err) {
			t.Errorf("got %v, want %v", err, end.err)
		}
		if diff := cmp.Diff([]string{"body"}, w.kept.blobs); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if want := end.err == nil; !w.kept.closed || w.kept.whole != want {
			t.Errorf("%s, %v: closed %t, whole %t, want %t", end.reason, end.err, w.kept.closed, w.kept.whole, want)
		}
	}
}

func TestPullFails(t *testing.T) {
	w := &world{pullErr: fmt.Errorf("pull app:1: %w", detonaut.ErrNotFound)}
	r, err := w.run(t.Context())
	if r != nil || !errors.Is(err, detonaut.ErrNotFound) {
		t.Errorf("got report %v and error %v, want none and ErrNotFound", r, err)
	}
}

// TestInterrupted ends the context of a subject that never ends.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := &world{
		sandbox: sandboxFunc(func(ctx context.Context, p plan.Plan, sink tape.Sink, artifacts artifact.Sink) (detonate.Result, error) {
			endless := &fake.Sandbox{Events: aTape(tape.End{})[:3]}
			return endless.Run(ctx, p, tape.SinkFunc(func(e *tape.Event) error {
				if e.Seq == 3 {
					cancel()
				}
				return sink.Record(e)
			}), artifacts)
		}),
		detectors: []behavior.Detector{&connects{}},
	}
	r, err := w.run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict.Word != detonaut.Unwanted || r.Coverage.Full || r.Stages[1].State != detonaut.Partial {
		t.Errorf("got %s, %+v, %+v: want what was seen until then, and that it is not all", r.Verdict.Word, r.Coverage, r.Stages)
	}
}

type sandboxFunc func(context.Context, plan.Plan, tape.Sink, artifact.Sink) (detonate.Result, error)

func (f sandboxFunc) Run(ctx context.Context, p plan.Plan, sink tape.Sink, artifacts artifact.Sink) (detonate.Result, error) {
	return f(ctx, p, sink, artifacts)
}

// source gives events, then an error.
type source struct {
	events []*tape.Event
	err    error
}

func (s *source) Next() (*tape.Event, error) {
	if len(s.events) == 0 {
		return nil, s.err
	}
	e := s.events[0]
	s.events = s.events[1:]
	return e, nil
}

// TestDetectorsAreToldOfTheImage looks at what detectors know of the image whose run
// they are for.
func TestDetectorsAreToldOfTheImage(t *testing.T) {
	w := world{sandbox: replays(tape.End{Reason: tape.Exited})}
	if _, err := w.run(t.Context()); err != nil || w.told.Ref != "app:1" || w.told.Digest != digest {
		t.Errorf("run: told %+v, %v", w.told, err)
	}
	for name, tt := range map[string]struct{ known, want detonaut.Image }{
		"a tape with a report": {detonaut.Image{Ref: "app:1", Digest: digest}, detonaut.Image{Ref: "app:1", Digest: digest}},
		"a tape alone":         {detonaut.Image{Ref: "tapes/tape.jsonl"}, detonaut.Image{}}, // that is no name of an image
	} {
		var told detonaut.Image
		deps := pipeline.Deps{Detectors: func(img detonaut.Image) []behavior.Detector { told = img; return nil }}
		_, err := pipeline.Replay(t.Context(), deps, pipeline.Stored{Image: tt.known, Tape: &source{aTape(tape.End{Reason: tape.Exited}), io.EOF}})
		if diff := cmp.Diff(tt.want, told); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestReplay(t *testing.T) {
	deps := pipeline.Deps{Detectors: func(detonaut.Image) []behavior.Detector { return []behavior.Detector{&connects{}} }}
	r, err := pipeline.Replay(t.Context(), deps, pipeline.Stored{Image: detonaut.Image{Ref: "t"}, Tape: &source{aTape(tape.End{Reason: tape.Exited}), io.EOF}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Image.Digest != digest || r.Verdict.Word != detonaut.Unwanted || len(r.Stories) != 1 || !r.Coverage.Full || r.Elapsed != 3*time.Millisecond {
		t.Errorf("got %+v", r)
	}
	if want := time.Unix(1e9, 0).UTC(); !r.Started.Equal(want) {
		t.Errorf("started %v, want the time of the tape, %v", r.Started, want)
	}

	_, err = pipeline.Replay(t.Context(), deps, pipeline.Stored{Tape: &source{aTape(tape.End{})[:2], tape.ErrTruncated}})
	if !errors.Is(err, detonaut.ErrCorrupt) {
		t.Errorf("a tape that is cut off: got %v, want ErrCorrupt", err)
	}
	_, err = pipeline.Replay(t.Context(), deps, pipeline.Stored{Image: detonaut.Image{Digest: "sha256:other"}, Tape: &source{aTape(tape.End{}), io.EOF}})
	if !errors.Is(err, detonaut.ErrCorrupt) {
		t.Errorf("a tape of another image: got %v, want ErrCorrupt", err)
	}
}
