package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/detonate/fake"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/static"
)

// judged is a report of a run that left something, of an image in which something was found.
func judged(t *testing.T) *detonaut.Report {
	t.Helper()
	w := &world{
		sandbox: &fake.Sandbox{Events: keeps(), Artifacts: hands("second", "first")}, analyzers: []static.Analyzer{reads{}},
		read: func(context.Context, func(string)) (static.Reading, error) {
			reading := aReading()
			// It was found in the image, too, more often than evidence tells.
			reading.Findings = append(reading.Findings, detonaut.Finding{
				ID: "reads/first", Title: "first", Severity: detonaut.Low, Confidence: detonaut.Certain, Count: 30,
				Evidence: []detonaut.Evidence{{Path: "/first", Layer: "sha256:l", SHA256: hash("first"), Summary: "text"}},
			})
			reading.Stages = append(reading.Stages, done(detonaut.StageVulnerabilities), done(detonaut.StageImage+"reads"))
			return reading, nil
		},
	}
	r, err := w.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.Fingerprint.Analyzers = []string{"inventory@1", "reads@3", "vuln@1"}
	return stored(t, r)
}

func done(name string) detonaut.Stage { return detonaut.Stage{Name: name, State: detonaut.Complete} }

// stored is a report as a store keeps it.
func stored(t *testing.T, r *detonaut.Report) *detonaut.Report {
	t.Helper()
	text, err := json.Marshal(r)
	kept := new(detonaut.Report)
	if err == nil {
		err = json.Unmarshal(text, kept)
	}
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// left are files of what a run left.
func leftBehind(t *testing.T, texts ...string) []static.File {
	t.Helper()
	s := new(static.Spool)
	t.Cleanup(func() { _ = s.Close() })
	for _, text := range texts {
		if err := s.Put([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return s.Files()
}

// again judges a report of that tape again, with deps that can neither pull nor run.
func again(t *testing.T, old *detonaut.Report, d pipeline.Deps) (*detonaut.Report, error) {
	t.Helper()
	if d.Detectors == nil {
		d.Detectors = func(detonaut.Image) []behavior.Detector { return nil }
	}
	d.Rules = "sha256:rules"
	before := stored(t, old)
	r, err := pipeline.Rejudge(t.Context(), d, old, pipeline.Stored{
		Tape: &source{keeps(), io.EOF}, Left: leftBehind(t, "second", "first", "body"), Symbols: strings.NewReader("symbols"),
	})
	if diff := cmp.Diff(before, old, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the old report was changed (-before +after):\n%s", diff)
	}
	if r != nil {
		if diff := cmp.Diff(d.Rejudged(old), r.Fingerprint); diff != "" {
			t.Errorf("fingerprint (-foretold +made):\n%s", diff)
		}
	}
	return r, err
}

// TestRejudgeFindsTheSame judges a report again by the rules by which it was judged.
func TestRejudgeFindsTheSame(t *testing.T) {
	old := judged(t)
	for name, d := range map[string]pipeline.Deps{
		"what was left is read again": {Analyzers: []static.Analyzer{reads{}}},
		"it is not":                   {},
	} {
		r, err := again(t, old, d)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(old, stored(t, r), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-before +again):\n%s", name, diff)
		}
	}
}

// sends finds something bad in every request.
type sends struct{ connects }

func (s *sends) Observe(m behavior.Moment) {
	if m.Event.Kind == tape.HTTPExchange {
		s.events = append(s.events, m.Event.Seq)
	}
}

func (s *sends) Conclude() ([]detonaut.Finding, []string) {
	found, gaps := s.connects.Conclude()
	found[0].ID = "network/sends"
	return found, gaps
}

// TestRejudgeByANewRule changes what follows from the tape, and nothing else.
func TestRejudgeByANewRule(t *testing.T) {
	old := judged(t)
	r, err := again(t, old, pipeline.Deps{
		Analyzers: []static.Analyzer{reads{}}, Gaps: []string{"a rule could not be loaded"},
		Detectors: func(detonaut.Image) []behavior.Detector { return []behavior.Detector{&sends{}} },
	})
	if err != nil {
		t.Fatal(err)
	}
	if old.Verdict.Word != detonaut.Suspicious && old.Verdict.Word != detonaut.Clean || r.Verdict.Word != detonaut.Unwanted {
		t.Errorf("was %s, is %s", old.Verdict.Word, r.Verdict.Word)
	}
	if len(r.Findings) != len(old.Findings)+1 || len(r.Stories) != len(old.Stories) || r.Coverage.Full {
		t.Errorf("got %d findings of %d, %d stories, %+v", len(r.Findings), len(old.Findings), len(r.Stories), r.Coverage)
	}
	if stories := r.Stories[0].Findings; !slices.Contains(stories, "network/sends") {
		t.Errorf("the story is of %v", stories)
	}
	ignored := cmpopts.IgnoreFields(detonaut.Report{}, "Findings", "Stories", "Verdict", "Coverage")
	if diff := cmp.Diff(old, stored(t, r), ignored, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-before +again):\n%s", diff)
	}
	back, err := again(t, stored(t, r), pipeline.Deps{Analyzers: []static.Analyzer{reads{}}})
	if diff := cmp.Diff(old, stored(t, back), cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("by the old rules again: %v (-before +after):\n%s", err, diff)
	}
}

// newer is [reads] as it is today.
type newer struct{ reads }

func (newer) Version() string { return "4" }

// TestRejudgeSaysWhatItCouldNotDo names an analyzer that has not read the image.
func TestRejudgeSaysWhatItCouldNotDo(t *testing.T) {
	old := judged(t)
	r, err := again(t, old, pipeline.Deps{Analyzers: []static.Analyzer{newer{}}, Reads: []string{"config@7"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"inventory@1", "reads@3", "reads@4", "vuln@1"}, r.Fingerprint.Analyzers); diff != "" {
		t.Errorf("analyzers (-want +got):\n%s", diff)
	}
	stage := func(name string) (found detonaut.Stage) {
		for _, s := range r.Stages {
			if s.Name == name {
				found = s
			}
		}
		return found
	}
	if s := stage("image/reads"); s.State != detonaut.Complete || s.Reason != "as reads@3 found it; the image was not at hand for reads@4" {
		t.Errorf("got %+v", s)
	}
	if s := stage(detonaut.StageRead); s.State != detonaut.Complete || s.Reason != "" {
		t.Errorf("got %+v", s)
	}
}

// TestRejudgeMatches looks packages up in another database.
func TestRejudgeMatches(t *testing.T) {
	old := judged(t)
	var symbols string
	m := &pipeline.Matching{
		Inventory: "inventory@1", Versions: []string{"suppress@1", "vuln@2"}, Database: "sha256:today",
		Match: func(_ context.Context, r *detonaut.Report, from io.Reader) (static.Reading, error) {
			b, err := io.ReadAll(from)
			symbols = string(b)
			place := r.Inventory.Packages[0].Locations[0].Path
			return static.Reading{
				Vulnerabilities: []detonaut.Vulnerability{
					{ID: "CVE-8", Severity: detonaut.Critical, Package: "idle", Version: "1", Type: "deb", Path: place},
					{ID: "CVE-9", Severity: detonaut.Low, Package: "app", Version: "1", Type: "deb", Path: place},
				},
				Database: &detonaut.Database{Digest: "sha256:today"},
				Stages:   []detonaut.Stage{{Name: detonaut.StageVulnerabilities, State: detonaut.Complete, Reason: "today"}},
			}, err
		},
	}
	d := pipeline.Deps{Analyzers: []static.Analyzer{reads{}}, Matching: m}
	r, err := again(t, old, d)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Vulnerabilities) != 2 || r.Vulnerabilities[0].ID != "CVE-9" || !r.Vulnerabilities[0].Reached || r.Vulnerabilities[1].Reached || r.Suppressed != nil {
		t.Errorf("got %+v and %+v, want that which was reached first", r.Vulnerabilities, r.Suppressed)
	}
	if r.Verdict.Vulnerability != detonaut.Critical || r.Fingerprint.Database != "sha256:today" || r.Database.Digest != "sha256:today" || symbols != "symbols" {
		t.Errorf("got %+v, %+v, symbols %q", r.Verdict, r.Fingerprint, symbols)
	}
	if diff := cmp.Diff([]string{"inventory@1", "reads@3", "suppress@1", "vuln@2"}, r.Fingerprint.Analyzers); diff != "" {
		t.Errorf("analyzers (-want +got):\n%s", diff)
	}

	m.Inventory = "inventory@2" // which has not listed them
	r, err = again(t, old, d)
	if err != nil || r.Fingerprint.Database != "sha256:db" || len(r.Vulnerabilities) != 2 || r.Vulnerabilities[0].ID != "CVE-1" {
		t.Errorf("of another inventory: got %v, %+v", err, r)
	}
}

// TestRejudgeWithoutATape leaves a report as it is whose tape is not there, or not whole.
func TestRejudgeWithoutATape(t *testing.T) {
	old := judged(t)
	d := pipeline.Deps{Detectors: func(detonaut.Image) []behavior.Detector { return nil }}
	for name, tt := range map[string]struct {
		tape behavior.Source
		want error
	}{
		"none":    {nil, detonaut.ErrNotFound},
		"cut off": {&source{keeps()[:3], tape.ErrTruncated}, detonaut.ErrCorrupt},
		"another": {&source{func() []*tape.Event {
			e := keeps()
			p := aPlan()
			p.Digest = "sha256:other"
			e[0].Start.Plan = p
			return e
		}(), io.EOF}, detonaut.ErrCorrupt},
	} {
		if r, err := pipeline.Rejudge(t.Context(), d, old, pipeline.Stored{Tape: tt.tape}); r != nil || !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, %v, want %v", name, r, err, tt.want)
		}
	}
}

// TestRejudgeOfWhatNeverRan looks packages up, and leaves the rest.
func TestRejudgeOfWhatNeverRan(t *testing.T) {
	w := &world{platform: "linux/vax", read: func(context.Context, func(string)) (static.Reading, error) { return aReading(), nil }}
	r, err := w.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old := stored(t, r)
	r, err = again(t, old, pipeline.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(old, stored(t, r), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-before +again):\n%s", diff)
	}
}
