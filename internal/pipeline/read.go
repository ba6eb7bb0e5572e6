package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/verdict"
)

// Read analyses one image without running it: it needs no sandbox, and no plan. The
// report is that of [Run] without a run, so that what it does not find makes no image
// clean. A report and an error say that some reader failed on our side.
func Read(ctx context.Context, d Deps, job Job) (*detonaut.Report, error) {
	return d.analyse(ctx, job, func(r *report, s *Subject) error {
		reading, err := r.readImage(ctx, job, s)
		return errors.Join(err, r.describe(ctx, d, reading, nil, nil))
	})
}

// analyse pulls an image, has it analysed, and judges.
func (d Deps) analyse(ctx context.Context, job Job, how func(*report, *Subject) error) (*detonaut.Report, error) {
	now := d.clock()
	started := now()
	job.stage(detonaut.StagePull)
	subject, err := d.Pull(ctx, job.Ref)
	if err != nil {
		return nil, err
	}
	defer func() { _ = subject.Close() }() // it was only read

	r := newReport(subject.Image, d, started)
	r.done(detonaut.StagePull)
	err = how(r, subject)
	behavior.Sort(r.Findings)
	r.judge()
	r.Elapsed = now().Sub(started)
	return &r.Report, err
}

// readImage reads the files of the image, if somebody can. An error is a failure of
// ours, already in the report.
func (r *report) readImage(ctx context.Context, job Job, s *Subject) (static.Reading, error) {
	if s.Read == nil {
		return static.Reading{}, nil
	}
	reading, err := s.Read(ctx, job.stage)
	r.Findings = append(r.Findings, reading.Findings...)
	r.Stages = append(r.Stages, reading.Stages...)
	r.Inventory, r.Database = reading.Inventory, reading.Database
	r.Vulnerabilities, r.Suppressed = reading.Vulnerabilities, reading.Suppressed
	if r.Database != nil {
		r.Fingerprint.Database = r.Database.Digest
	}
	if err != nil {
		return reading, fmt.Errorf("read image: %w", err)
	}
	return reading, nil
}

// judge gives the verdict.
func (r *report) judge() {
	r.Verdict = verdict.Decide(r.Image, r.Findings, r.Coverage, r.Stages)
	if r.Database != nil {
		r.Verdict.Vulnerability = worst(r.Vulnerabilities)
	}
}

// worst is the worst severity of vulnerabilities that were looked for.
func worst(all []detonaut.Vulnerability) detonaut.Severity {
	severity := detonaut.NoSeverity
	for i := range all {
		if s := all[i].Severity; severity == detonaut.NoSeverity || s.Rank() > severity.Rank() {
			severity = s
		}
	}
	return severity
}

// reach says which packages the subject used: those that own a file of the image that
// it executed or loaded. Vulnerabilities of these come first.
func (r *report) reach(used []behavior.Use, owners func(string) []int) {
	if owners == nil || r.Inventory == nil {
		return
	}
	for _, u := range used {
		for _, i := range owners(u.Path) {
			if p := &r.Inventory.Packages[i]; p.Reached == nil {
				p.Reached = &detonaut.Reached{How: u.How, Path: u.Path, Event: u.Event}
			}
		}
	}
	r.markReached()
}

// markReached says which vulnerabilities are in packages that the subject used.
func (r *report) markReached() {
	if r.Inventory == nil {
		return
	}
	reached := map[string]bool{}
	for i := range r.Inventory.Packages {
		if p := &r.Inventory.Packages[i]; p.Reached != nil {
			reached[p.Type+"\x00"+p.Name+"\x00"+p.Version+"\x00"+first(p.Locations)] = true
		}
	}
	for _, list := range [][]detonaut.Vulnerability{r.Vulnerabilities, r.Suppressed} {
		for i := range list {
			v := &list[i]
			v.Reached = reached[v.Type+"\x00"+v.Package+"\x00"+v.Version+"\x00"+v.Path]
		}
		slices.SortStableFunc(list, func(a, b detonaut.Vulnerability) int {
			return cmp.Compare(weight(b.Reached), weight(a.Reached))
		})
	}
}

// ran says which of the contents that something was found in were run: that weighs more
// than what only lies there.
func (r *report) ran(used []behavior.Use, reading static.Reading) {
	if reading.Open == nil {
		return
	}
	at := map[string]int{}
	for i := range r.Findings {
		at[r.Findings[i].ID] = i
	}
	for _, u := range used {
		f, ok := reading.Open(u.Path)
		if !ok {
			continue
		}
		for _, id := range reading.Within[f.SHA256] {
			if i, ok := at[id]; ok {
				markRan(&r.Findings[i], detonaut.Evidence{Path: u.Path, Layer: f.Places[0].Layer, SHA256: f.SHA256, Use: detonaut.Ran})
			}
		}
	}
}

// markRan notes that a content that f is about ran. Of evidence there may be no more than
// some, and what ran is worth more than its last piece.
func markRan(f *detonaut.Finding, ran detonaut.Evidence) {
	if f.Weakness {
		return
	}
	same := func(e detonaut.Evidence) bool { return e.SHA256 == ran.SHA256 && e.Layer != "" }
	i := slices.IndexFunc(f.Evidence, func(e detonaut.Evidence) bool { return same(e) && e.Path == ran.Path })
	if i < 0 {
		if j := slices.IndexFunc(f.Evidence, same); j >= 0 {
			ran.Summary, ran.Offset = f.Evidence[j].Summary, f.Evidence[j].Offset
		}
		if len(f.Evidence) < static.MaxEvidence {
			f.Evidence = append(f.Evidence, ran)
			return
		}
		i = slices.IndexFunc(f.Evidence, func(e detonaut.Evidence) bool { return e.Use == "" })
		if i < 0 {
			return
		}
		f.Evidence[i] = ran
	}
	f.Evidence[i].Use = detonaut.Ran
}

// first is the first place of a package, as a vulnerability of it tells.
func first(l []detonaut.Location) string {
	if len(l) == 0 {
		return ""
	}
	return l[0].Path
}

func weight(b bool) int {
	if b {
		return 1
	}
	return 0
}
