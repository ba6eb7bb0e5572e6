// Package pipeline is the sentence that the whole program says about one
// image: pull it, read it, run it, read what it left, explain what it did, judge
// it, report.
//
// It decides in which order things happen and what a failure of each means. It
// does none of the work, and names no implementation.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/behavior/story"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/static"
)

// Deps are those who do the work. They may be shared by several calls of
// [Run] at once.
type Deps struct {
	// Pull gets an image. The caller of Pull closes the subject.
	Pull func(context.Context, detonaut.Ref) (*Subject, error)
	// Plan says how to run it. A subject that nobody can run is
	// [detonaut.ErrRun].
	Plan func(detonaut.Image, fs.FS) (plan.Plan, error)
	// Sandbox runs it.
	Sandbox detonate.Sandbox
	// Detectors makes new detectors for one run of an image. What is not known of
	// the image is empty.
	Detectors func(detonaut.Image) []behavior.Detector
	// Rules is the digest of the rules that they apply.
	Rules detonaut.Digest
	// Analyzers read what a run wrote, ran and deleted; without any nothing of it
	// is asked for, and there is no such stage.
	Analyzers []static.Analyzer
	// Likeness makes the hashes of a content by which others are found that are like it;
	// nil makes none.
	Likeness func(context.Context, static.File) (detonaut.Likeness, error)
	// Reads names what [Subject.Read] depends on, as "name@version".
	Reads []string
	// Matching looks packages up again that a report lists; nil leaves them as they are.
	Matching *Matching
	// Gaps are what every report lacks, whatever it is of: rules that cannot be used.
	Gaps []string
	// Now is the clock; nil is [time.Now].
	Now func() time.Time
}

// Subject is an image that was pulled.
type Subject struct {
	Image detonaut.Image
	// Root is the path of its EROFS image, FS the files in it. Both are valid
	// until Close.
	Root string
	FS   fs.FS
	// Programs are those in it; nil if they are not known.
	Programs behavior.Programs
	// Read reads it without running it, and tells the name of each stage as it
	// begins, one at a time. Its error is a failure of ours, and in the stages, too. Nil
	// reads nothing.
	Read  func(ctx context.Context, tell func(stage string)) (static.Reading, error)
	Close func() error
}

// Job is one image to analyse.
type Job struct {
	Ref detonaut.Ref
	// Keep opens the place where the run of this image is kept; nil keeps
	// nothing. Run closes what it returns.
	Keep func(detonaut.Digest) (Recorder, error)
	// OnStage is told the name of each stage as it begins, and OnEvent every
	// event of the run, which it must not keep or change. Both are called from
	// Run's goroutines, one at a time, and may be nil.
	OnStage func(string)
	OnEvent func(*tape.Event)
}

// Recorder keeps a run: its tape, and what it leaves besides.
type Recorder interface {
	tape.Sink
	// Artifacts takes what is no event; nil wants none of it. It is called from
	// another goroutine than Record.
	Artifacts() artifact.Sink
	// Close ends it, when nothing is called any more. whole tells that nothing
	// of the run is missing; otherwise what was kept may end anywhere. After an
	// error it is not whole either.
	Close(whole bool) error
}

// Run analyses one image. It returns
//   - a report and no error when the subject was analysed, whatever it did,
//     and when its config cannot be run by anybody;
//   - a report that is inconclusive and an error when detonating it failed on
//     our side;
//   - an error alone when there is no subject: it could not be pulled.
//
// When ctx ends during the detonation, the report tells what was seen until
// then.
func Run(ctx context.Context, d Deps, job Job) (*detonaut.Report, error) {
	return d.analyse(ctx, job, func(r *report, s *Subject) error {
		reading, failed := r.readImage(ctx, job, s)
		if s.Image.Files > large {
			debug.FreeOSMemory() // what reading took: the run may idle for long, beside others
		}
		err := r.detonate(ctx, d, job, s, reading)
		return errors.Join(failed, err)
	})
}

// large is how many files an image has of which reading takes more memory than it is worth to look for
// at once: that costs as much of the processor as all else that is done with a small image.
const large = 2000

func (d Deps) clock() func() time.Time {
	if d.Now == nil {
		return time.Now
	}
	return d.Now
}

// Stored is a run that was kept.
type Stored struct {
	// Image is what is known of its image.
	Image detonaut.Image
	// Tape is its tape.
	Tape behavior.Source
	// Left are the payloads and bodies that are kept beside it, in any order.
	Left []static.File
	// Symbols are those that were kept beside its report; nil if none were.
	Symbols io.Reader
}

// Replay judges a stored run again. The report has the digest that the tape has.
// A tape that is not whole supports no report: that is an error,
// [detonaut.ErrCorrupt]. An error beside a report is that of an analyzer.
func Replay(ctx context.Context, d Deps, run Stored) (*detonaut.Report, error) {
	told, err := explain(d, run)
	if err != nil {
		return nil, err
	}
	known := run.Image
	known.Digest = detonaut.Digest(told.plan.Digest)
	r := newReport(known, d, told.started)
	r.Fingerprint.Plan = detonate.Digest(told.plan)
	err = r.detonated(ctx, d, Job{}, told.result, left{run.Left, told.exchanged.told})
	err = errors.Join(err, r.describe(ctx, d, static.Reading{}, nil, r.payloads(run.Left)))
	r.Stories = told.teller.Tell(r.Findings)
	r.Elapsed = told.result.Run.Elapsed
	r.judge()
	return &r.Report, err
}

// told is what a stored tape tells.
type told struct {
	plan      plan.Plan
	started   time.Time
	result    behavior.Result
	exchanged *bodies
	teller    *story.Teller
}

// explain explains a stored tape. An error says that it is no whole tape, or of another image.
func explain(d Deps, run Stored) (*told, error) {
	about := run.Image
	if about.Digest == "" {
		about = detonaut.Image{} // a name alone is that of the tape
	}
	t := &told{exchanged: new(bodies), teller: story.New()}
	var err error
	t.result, err = behavior.Run(sourceFunc(func() (*tape.Event, error) {
		e, err := run.Tape.Next()
		if err == nil && e.Start != nil {
			t.plan, t.started = e.Start.Plan, time.Unix(0, e.Start.Wall)
		}
		if err == nil {
			err = t.exchanged.Record(e)
		}
		return e, err
	}), append(d.Detectors(about), t.teller)...)
	if err != nil {
		if errors.Is(err, tape.ErrInvalid) && !errors.Is(err, detonaut.ErrCorrupt) {
			err = fmt.Errorf("%w: %w", detonaut.ErrCorrupt, err)
		}
		return nil, err
	}
	if run.Image.Digest != "" && string(run.Image.Digest) != t.plan.Digest {
		return nil, fmt.Errorf("%w: the tape is of image %s, not of %s", detonaut.ErrCorrupt, t.plan.Digest, run.Image.Digest)
	}
	return t, nil
}

type sourceFunc func() (*tape.Event, error)

func (f sourceFunc) Next() (*tape.Event, error) { return f() }

// report is a report in the making. It begins without coverage: what is not
// said to have been seen was not.
type report struct {
	detonaut.Report
	reads bool // what a run leaves
}

func newReport(img detonaut.Image, d Deps, started time.Time) *report {
	if img.Layers == nil {
		img.Layers = []detonaut.Layer{}
	}
	return &report{reads: len(d.Analyzers) > 0, Report: detonaut.Report{
		Schema:      detonaut.Schema,
		Image:       img,
		Fingerprint: detonaut.Fingerprint{Tool: version.String(), Rules: d.Rules, Analyzers: d.Versions()},
		Started:     started.UTC(),
		Coverage:    detonaut.Coverage{Gaps: slices.Clone(d.Gaps)},
		Findings:    []detonaut.Finding{},
	}}
}

// Versions are those of all that reads files, each once, sorted.
func (d Deps) Versions() []string {
	all := slices.Concat(static.Versions(d.Analyzers), d.Reads)
	slices.Sort(all)
	return slices.Compact(all)
}

func (r *report) stage(name string, s detonaut.State, reason string) {
	r.Stages = append(r.Stages, detonaut.Stage{Name: name, State: s, Reason: reason})
}

func (r *report) done(name string) { r.stage(name, detonaut.Complete, "") }

// missed closes a detonation that supports no verdict. The reason is that of
// the stage; coverage only says what follows from it.
func (r *report) missed(s detonaut.State, reason string) {
	r.stage(detonaut.StageDetonate, s, reason)
	if r.reads {
		r.stage(detonaut.StageRead, detonaut.Skipped, "there is no whole tape")
	}
	r.stage(detonaut.StageExplain, detonaut.Skipped, "there is no whole tape")
	r.Coverage.Gaps = append(r.Coverage.Gaps, "no run was observed to its end")
}

// detonate plans, runs and explains, and says what of the image that was read came into
// use. An error is a failure of ours, already in the report.
func (r *report) detonate(ctx context.Context, d Deps, job Job, s *Subject, reading static.Reading) error {
	job.stage(detonaut.StageDetonate)
	p, err := d.plan(s)
	if errors.Is(err, detonaut.ErrRun) || errors.Is(err, detonaut.ErrPlatform) {
		r.missed(detonaut.Skipped, err.Error())
		return r.describe(ctx, d, reading, nil, nil)
	}
	if err != nil {
		err = fmt.Errorf("plan run: %w", err)
		r.missed(detonaut.Failed, err.Error())
		return err
	}
	r.Fingerprint.Plan = detonate.Digest(p)
	p.Image = s.Root
	teller := story.New()
	analysis := behavior.NewAnalysis(append(d.Detectors(s.Image), teller)...)
	spooled, exchanged := new(payloads), new(bodies)
	defer func() { _ = spooled.Close() }() // it was only read
	if err := d.run(ctx, job, p, spooled, analysis, exchanged); err != nil {
		r.missed(detonaut.Failed, err.Error())
		return err
	}
	res := analysis.Result()
	if s.Programs != nil {
		res.Coverage.Unstarted = res.Unstarted(s.Programs)
	}
	err = r.detonated(ctx, d, job, res, left{spooled.Files(), exchanged.told})
	r.ran(res.Used, reading)
	r.reach(res.Used, reading.Owners)
	r.Stories = teller.Tell(r.Findings)
	return errors.Join(err, r.describe(ctx, d, reading, res.Used, r.payloads(spooled.Files())))
}

// plan asks for a plan, of an image that this machine can run.
func (d Deps) plan(s *Subject) (plan.Plan, error) {
	if want := "linux/" + runtime.GOARCH; s.Image.Platform != want && !strings.HasPrefix(s.Image.Platform, want+"/") {
		return plan.Plan{}, fmt.Errorf("%w: config.architecture: the image is for %s, this machine runs %s",
			detonaut.ErrPlatform, s.Image.Platform, want)
	}
	return d.Plan(s.Image, s.FS)
}

// run runs p and gives its tape to everybody who wants it.
func (d Deps) run(ctx context.Context, job Job, p plan.Plan, left *payloads, sinks ...tape.Sink) (err error) {
	var artifacts artifact.Sink
	if len(d.Analyzers) > 0 {
		artifacts = left
	}
	whole := false
	if job.Keep != nil {
		kept, kerr := job.Keep(detonaut.Digest(p.Digest))
		if kerr != nil {
			return fmt.Errorf("keep run: %w", kerr)
		}
		defer func() {
			if cerr := kept.Close(whole); cerr != nil && err == nil {
				err = fmt.Errorf("keep run: %w", cerr)
			}
		}()
		sinks = append(sinks, kept)
		left.kept = kept.Artifacts()
		if left.kept != nil && artifacts == nil {
			artifacts = left.kept
		}
	}
	res, err := d.Sandbox.Run(ctx, p, tape.SinkFunc(func(e *tape.Event) error {
		for _, s := range sinks {
			if err := s.Record(e); err != nil {
				return err
			}
		}
		if job.OnEvent != nil {
			job.OnEvent(e)
		}
		return nil
	}), artifacts)
	whole = err == nil
	switch {
	case err != nil:
		return fmt.Errorf("detonate %s: %w", job.Ref, err)
	case res.End.Reason == tape.Broken:
		return fmt.Errorf("detonate %s: %w: %s", job.Ref, detonaut.ErrSandbox, res.End.Detail)
	}
	return nil
}

// detonated takes over what a whole tape told, and what is found in the files
// that the run left. An error is a failure of ours, already in the report.
func (r *report) detonated(ctx context.Context, d Deps, job Job, res behavior.Result, left left) error {
	r.Coverage = res.Coverage
	if len(d.Gaps) > 0 {
		r.Coverage.Full = false
		r.Coverage.Gaps = slices.Concat(r.Coverage.Gaps, d.Gaps)
	}
	r.Run = &res.Run
	if tape.Reason(res.Run.EndReason) == tape.Killed {
		r.stage(detonaut.StageDetonate, detonaut.Partial, "interrupted")
	} else {
		r.done(detonaut.StageDetonate) // what the subject kept from us is a gap of the coverage
	}
	err := r.read(ctx, d, job, left)
	job.stage(detonaut.StageExplain)
	r.Findings = slices.Concat(r.Findings, res.Findings)
	behavior.Sort(r.Findings)
	r.done(detonaut.StageExplain)
	return err
}

func (j Job) stage(name string) {
	if j.OnStage != nil {
		j.OnStage(name)
	}
}
