package pipeline

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/static"
)

// Matching looks packages up again that a report lists.
type Matching struct {
	// Inventory is what must have listed them, as "name@version": what another one has listed
	// is not looked up.
	Inventory string
	// Versions name what is found depends on, as [Deps.Reads] does; Database is where it is
	// looked up.
	Versions []string
	Database detonaut.Digest
	// Match returns vulnerabilities, the database and the one stage. Symbols are those that were
	// kept beside the report, nil if none were. The report is not changed.
	Match func(ctx context.Context, r *detonaut.Report, symbols io.Reader) (static.Reading, error)
}

// Rejudge makes a new report of an old one, its tape and what its run left, by the rules of
// today. Nothing is pulled, and nothing runs. What the run did is explained and read again, as
// [Replay] does it. What was read in the image stays: the image is not at hand, which the
// stages say where it matters. Packages are looked up again if d can do that, and may have them.
//
// A report of a run whose tape is not there or not whole cannot be judged again: that is an
// error, [detonaut.ErrNotFound] or [detonaut.ErrCorrupt]. An error beside a report is that of
// an analyzer. The old report is not changed.
func Rejudge(ctx context.Context, d Deps, old *detonaut.Report, run Stored) (*detonaut.Report, error) {
	r := &report{reads: len(d.Analyzers) > 0, Report: *old}
	r.Fingerprint = d.Rejudged(old)
	r.Findings = ofImage(old.Findings)
	r.Stages = d.stagesThen(old)
	err := r.match(ctx, d, old, run.Symbols)
	switch {
	case old.Run == nil: // it never ran, or not to an end that could be explained
		r.Findings, r.Stories = slices.Clone(old.Findings), old.Stories
		r.Stages = append(r.Stages, old.Stages[len(r.Stages):]...)
	case run.Tape == nil:
		return nil, fmt.Errorf("judge again: %w: there is no tape", detonaut.ErrNotFound)
	default:
		run.Image = old.Image
		told, terr := explain(d, run)
		if terr != nil {
			return nil, fmt.Errorf("judge again: %w", terr)
		}
		if len(d.Analyzers) == 0 { // what the run left is as it was found
			r.Findings = static.Join(r.Findings, ofPayloads(old.Findings))
		}
		rerr := r.detonated(ctx, d, Job{}, told.result, left{run.Left, told.exchanged.told})
		if rerr != nil {
			err = fmt.Errorf("judge again: %w", rerr)
		}
		if read := stageOf(old, detonaut.StageRead); len(d.Analyzers) == 0 {
			r.Stages = slices.Insert(r.Stages, len(r.Stages)-1, read...) // before it was explained
		}
		r.Coverage.Unstarted = old.Coverage.Unstarted
		atLeast(r.Findings, old.Findings)
		r.Stories = told.teller.Tell(r.Findings)
	}
	behavior.Sort(r.Findings)
	r.judge()
	if r.Database == nil {
		r.Verdict.Vulnerability = old.Verdict.Vulnerability
	}
	return &r.Report, err
}

// Rejudged is the fingerprint that [Rejudge] gives the report of an old one: it names what was
// done then, and what is done again.
func (d Deps) Rejudged(old *detonaut.Report) detonaut.Fingerprint {
	f := old.Fingerprint
	f.Tool, f.Rules = version.String(), d.Rules
	all := slices.Clone(f.Analyzers)
	if d.matches(old) {
		f.Database = d.Matching.Database
		all = slices.DeleteFunc(all, func(have string) bool {
			return slices.ContainsFunc(d.Matching.Versions, func(now string) bool { return nameOf(now) == nameOf(have) })
		})
		all = append(all, d.Matching.Versions...)
	}
	if old.Run != nil {
		all = append(all, static.Versions(d.Analyzers)...)
	}
	slices.Sort(all)
	f.Analyzers = slices.Compact(all)
	return f
}

// matches tells whether the packages of a report can be looked up again.
func (d Deps) matches(old *detonaut.Report) bool {
	return d.Matching != nil && old.Inventory != nil && slices.Contains(old.Fingerprint.Analyzers, d.Matching.Inventory)
}

// match looks the packages up again, in the place of what was found then.
func (r *report) match(ctx context.Context, d Deps, old *detonaut.Report, symbols io.Reader) error {
	if !d.matches(old) {
		return nil
	}
	now, err := d.Matching.Match(ctx, old, symbols)
	r.Vulnerabilities, r.Suppressed, r.Database = now.Vulnerabilities, now.Suppressed, now.Database
	r.markReached()
	for _, s := range now.Stages {
		if i := slices.IndexFunc(r.Stages, func(have detonaut.Stage) bool { return have.Name == s.Name }); i >= 0 {
			r.Stages[i] = s
		}
	}
	if err != nil {
		return fmt.Errorf("look packages up again: %w", err)
	}
	return nil
}

// stagesThen are those before the detonation, as they were. Where another version of who did one
// would do it today, they say so: they are as complete as they were, of what they were.
func (d Deps) stagesThen(old *detonaut.Report) []detonaut.Stage {
	end := slices.IndexFunc(old.Stages, func(s detonaut.Stage) bool { return s.Name == detonaut.StageDetonate })
	if end < 0 {
		end = len(old.Stages)
	}
	stages := slices.Clone(old.Stages[:end])
	for i := range stages {
		then, now := versionOf(old.Fingerprint.Analyzers, stages[i].Name), versionOf(d.Versions(), stages[i].Name)
		if then == "" || now == "" || then == now || stages[i].State == detonaut.Skipped {
			continue
		}
		note := fmt.Sprintf("as %s found it; the image was not at hand for %s", then, now)
		stages[i].Reason = strings.TrimPrefix(stages[i].Reason+"; "+note, "; ")
	}
	return stages
}

// versionOf is the version, among some as "name@version", of who does a stage.
func versionOf(versions []string, stage string) string {
	name := map[string]string{detonaut.StagePackages: "malicious", detonaut.StageVulnerabilities: "vuln"}[stage]
	if name == "" {
		name = strings.TrimPrefix(stage, detonaut.StageImage)
	}
	i := slices.IndexFunc(versions, func(v string) bool { return nameOf(v) == name })
	if i < 0 {
		return ""
	}
	return versions[i]
}

func nameOf(version string) string {
	name, _, _ := strings.Cut(version, "@")
	return name
}

func stageOf(r *detonaut.Report, name string) []detonaut.Stage {
	return slices.DeleteFunc(slices.Clone(r.Stages), func(s detonaut.Stage) bool { return s.Name != name })
}

// origin is what a piece of evidence was found in.
type origin int

const (
	inImage origin = iota
	inPayload
	onTape
)

func originOf(e *detonaut.Evidence) origin {
	switch {
	case e.Use == detonaut.Dropped || e.Use == detonaut.DroppedRan || len(e.Events) > 0 && e.SHA256 != "":
		return inPayload
	case len(e.Events) > 0:
		return onTape
	}
	return inImage
}

// ofImage are findings as far as they were made in the image, and ofPayloads in what a run left.
func ofImage(all []detonaut.Finding) []detonaut.Finding    { return from(all, inImage) }
func ofPayloads(all []detonaut.Finding) []detonaut.Finding { return from(all, inPayload) }

func from(all []detonaut.Finding, where origin) []detonaut.Finding {
	some := []detonaut.Finding{}
	for _, f := range all {
		evidence := slices.DeleteFunc(slices.Clone(f.Evidence), func(e detonaut.Evidence) bool { return originOf(&e) != where })
		if len(evidence) == 0 && (len(f.Evidence) > 0 || where != inImage) {
			continue
		}
		if len(evidence) < len(f.Evidence) {
			f.Count = len(evidence) // at least; see atLeast
		}
		f.Evidence = evidence
		some = append(some, f)
	}
	return some
}

// atLeast gives a finding that was made in the image and elsewhere the count that it had: of
// what was in the image the part is not known, if there was more than evidence tells.
func atLeast(all, old []detonaut.Finding) {
	counts := map[string]int{}
	for i := range old {
		if f := &old[i]; f.Count > len(f.Evidence) && slices.ContainsFunc(f.Evidence, func(e detonaut.Evidence) bool { return originOf(&e) == inImage }) {
			counts[f.ID] = f.Count
		}
	}
	for i := range all {
		all[i].Count = max(all[i].Count, counts[all[i].ID])
	}
}
