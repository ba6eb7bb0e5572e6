package pipeline_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// reads is an analyzer that finds what every file holds.
type reads struct{ err error }

func (reads) Name() string           { return "reads" }
func (reads) Version() string        { return "3" }
func (reads) Wants(static.File) bool { return true }
func (a reads) Analyze(_ context.Context, f static.File) ([]detonaut.Finding, error) {
	c, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	b, err := io.ReadAll(io.NewSectionReader(c, 0, f.Size))
	return []detonaut.Finding{{
		ID: "reads/" + string(b), Title: string(b), Severity: detonaut.Low, Confidence: detonaut.Certain,
		Evidence: []detonaut.Evidence{{Summary: f.Type}},
	}}, errors.Join(a.err, err)
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// keeps is the tape of a subject that writes a program, runs it, deletes it, and sends
// something to somebody; all of it was kept.
func keeps() []*tape.Event {
	keep := func(seq uint64, how tape.How, path, text string) *tape.Event {
		return &tape.Event{Seq: seq, Time: int64(seq), Kind: tape.PayloadKeep, PID: 1, TID: 1, Payload: &tape.Payload{
			How: how, Path: path, SHA256: hash(text), Size: int64(len(text)), Type: "text", Kept: true,
		}}
	}
	sent := &tape.Event{Seq: 6, Time: 6, Kind: tape.HTTPExchange, HTTP: &tape.HTTP{
		Method: "POST", URL: "http://host.example/x", Version: "HTTP/1.1", Status: 200, Body: &tape.Body{Size: 4, SHA256: hash("body"), Kept: true},
	}}
	events := aTape(tape.End{Reason: tape.Exited, Events: 7})
	return append(append(events[:2:2],
		keep(3, tape.Deleted, "/tmp/z", "second"), keep(4, tape.Executed, "/tmp/x", "first"), keep(5, tape.Deleted, "/tmp/y", "first"), sent),
		&tape.Event{Seq: 7, Time: 7, Kind: tape.RunEnd, End: events[3].End})
}

// hands hands over payloads, and more that is not wanted by analyzers.
func hands(texts ...string) func(artifact.Sink) error {
	return func(s artifact.Sink) error {
		err := s.Blob([]byte("body"))
		for _, text := range texts {
			err = errors.Join(err, s.Payload([]byte(text)))
		}
		return err
	}
}

// TestRead gives what a run left to the analyzers, and keeps it as well.
func TestRead(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	w := &world{
		sandbox:   &fake.Sandbox{Events: keeps(), Artifacts: hands("second", "first", "untold")},
		analyzers: []static.Analyzer{reads{}},
	}
	r, err := w.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	finding := func(text string, e ...detonaut.Evidence) detonaut.Finding {
		for i := range e {
			e[i].Summary, e[i].SHA256 = "text", hash(text)
		}
		return detonaut.Finding{
			ID: "reads/" + text, Title: text, Severity: detonaut.Low, Confidence: detonaut.Certain, Count: 1, Evidence: e,
		}
	}
	body := finding("body", detonaut.Evidence{Events: []uint64{6}})
	body.Evidence[0].Summary = "sent by POST http://host.example/x: text"
	want := []detonaut.Finding{
		body,
		finding("first",
			detonaut.Evidence{Path: "/tmp/x", Events: []uint64{4, 5}, Use: detonaut.DroppedRan},
			detonaut.Evidence{Path: "/tmp/y", Events: []uint64{4, 5}, Use: detonaut.DroppedRan}),
		finding("second", detonaut.Evidence{Path: "/tmp/z", Events: []uint64{3}, Use: detonaut.Dropped}),
		finding("untold", detonaut.Evidence{Use: detonaut.Dropped}), // for which the report had no room
	}
	if diff := cmp.Diff(want, r.Findings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var stages []detonaut.Stage
	for _, name := range []string{detonaut.StagePull, detonaut.StageDetonate, detonaut.StageRead, detonaut.StageExplain} {
		stages = append(stages, detonaut.Stage{Name: name, State: detonaut.Complete})
	}
	if diff := cmp.Diff(stages, r.Stages); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"pull", "detonate", "read", "explain"}, w.stages); diff != "" {
		t.Errorf("told of stages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"body", "second", "first", "untold"}, w.kept.blobs); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"reads@3"}, r.Fingerprint.Analyzers); diff != "" || r.Verdict.Word != detonaut.Clean {
		t.Errorf("verdict %s, analyzers (-want +got):\n%s", r.Verdict.Word, diff)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestReadFalters shows that what was not read keeps a subject from being clean.
func TestReadFalters(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		show     string
		sandbox  fake.Sandbox
		analyzer reads
		err      error
		want     detonaut.Stage
	}{
		{
			show: "a payload that did not come", sandbox: fake.Sandbox{Events: keeps(), Artifacts: hands("first")},
			want: detonaut.Stage{State: detonaut.Partial, Reason: "payloads and bodies that the tape tells of and that are not there: 1"},
		},
		{
			show: "an analyzer that fails", sandbox: fake.Sandbox{Events: keeps(), Artifacts: hands("first", "second")},
			analyzer: reads{broken}, err: broken,
			want: detonaut.Stage{State: detonaut.Failed, Reason: "reads: file " + hash("first") + ": broken; file " + hash("second") + ": broken; file " + hash("body") + ": broken"},
		},
		{
			show: "a run that fails", sandbox: fake.Sandbox{Events: aTape(tape.End{Reason: tape.Broken})}, err: detonaut.ErrSandbox,
			want: detonaut.Stage{State: detonaut.Skipped, Reason: "there is no whole tape"},
		},
	} {
		w := &world{sandbox: &test.sandbox, analyzers: []static.Analyzer{test.analyzer}}
		r, err := w.run(t.Context())
		if !errors.Is(err, test.err) || r == nil {
			t.Errorf("%s: got %v, %v, want a report and %v", test.show, r, err, test.err)
			continue
		}
		test.want.Name = detonaut.StageRead
		if got := r.Stages[2]; got != test.want || r.Verdict.Word != detonaut.Inconclusive {
			t.Errorf("%s: got %s for %+v, want inconclusive for %+v", test.show, r.Verdict.Word, got, test.want)
		}
	}
}

// TestWants shows what is asked of a sandbox: payloads for analyzers, whatever
// is kept, and otherwise nothing.
func TestWants(t *testing.T) {
	for _, test := range []struct {
		show      string
		analyzers []static.Analyzer
		kept      bool
		want      artifact.Kinds
	}{
		{"nothing", nil, false, 0},
		{"analyzers", []static.Analyzer{reads{}}, false, artifact.Payloads | artifact.Bodies},
		{"kept", nil, true, artifact.Everything},
		{"both", []static.Analyzer{reads{}}, true, artifact.Everything},
	} {
		var got artifact.Kinds
		w := &world{analyzers: test.analyzers, keepNothing: !test.kept, sandbox: sandboxFunc(
			func(ctx context.Context, p plan.Plan, sink tape.Sink, artifacts artifact.Sink) (detonate.Result, error) {
				got = artifact.Wanted(artifacts)
				return (&fake.Sandbox{Events: aTape(tape.End{Reason: tape.Exited})}).Run(ctx, p, sink, artifacts)
			})}
		if _, err := w.run(t.Context()); err != nil || got != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.show, got, err, test.want)
		}
	}
}

// TestReplayReads gives what was kept beside a tape to the analyzers.
func TestReplayReads(t *testing.T) {
	deps := pipeline.Deps{Detectors: func(detonaut.Image) []behavior.Detector { return nil }, Analyzers: []static.Analyzer{reads{}}}
	var spool static.Spool
	defer spool.Close()
	if err := errors.Join(spool.Put([]byte("first")), spool.Put([]byte("second")), spool.Put([]byte("body"))); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		payloads []static.File
		want     detonaut.Word
		findings int
	}{{spool.Files(), detonaut.Clean, 3}, {nil, detonaut.Inconclusive, 0}} {
		r, err := pipeline.Replay(t.Context(), deps, pipeline.Stored{Tape: &source{keeps(), io.EOF}, Left: test.payloads})
		if err != nil || r.Verdict.Word != test.want || len(r.Findings) != test.findings {
			t.Errorf("%d payloads: got %+v, %v, want %s", len(test.payloads), r, err, test.want)
		}
	}
}
