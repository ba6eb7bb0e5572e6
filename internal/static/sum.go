package static

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

const (
	// MaxEvidence is how many pieces of evidence a finding keeps.
	MaxEvidence = 8
	// maxErrors is how many failures are told. There may be one for every file.
	maxErrors = 8
)

// Why a file was not read, or not whole.
const (
	tooLarge      = "files too large to be read"
	tooMuch       = "files not read, because there was too much"
	interrupted   = "files not read, because it was interrupted"
	late          = "files not read, because its time was over"
	slow          = "files not read to their end, for lack of time"
	tooManyClaims = "findings left out, because there were too many"
)

// Result is what was read in files.
type Result struct {
	// Findings are sorted by ID, one for each. Their evidence is in the order of
	// the files.
	Findings []detonaut.Finding
	// Stages tell how far each analyzer got, by its name and in the order in which
	// they were given: partial when a bound was hit or ctx ended, failed when it was.
	Stages []detonaut.Stage
	// Within are the IDs of the findings in each content that may count in a verdict,
	// by its hash in hex.
	Within map[string][]string
}

// Stage is all stages as one of that name.
func (r Result) Stage(name string) detonaut.Stage {
	worst := []detonaut.State{detonaut.Complete, detonaut.Partial, detonaut.Failed}
	one := detonaut.Stage{Name: name, State: detonaut.Complete}
	var reasons []string
	for _, s := range r.Stages {
		if slices.Index(worst, s.State) > slices.Index(worst, one.State) {
			one.State = s.State
		}
		if s.Reason != "" {
			reasons = append(reasons, s.Name+": "+s.Reason)
		}
	}
	one.Reason = strings.Join(reasons, "; ")
	return one
}

// sum adds up what came of tasks.
type sum struct {
	analyzers []Analyzer
	limit     int // of findings
	findings  map[string]*detonaut.Finding
	within    map[string][]string
	missed    []map[string]int // of each analyzer, how many, by what to say of them
	failed    [][]error        // of each analyzer
	lacks     []string         // of each analyzer, what it lacks
	errs      []error          // the first of all
}

func newSum(analyzers []Analyzer, limit int) *sum {
	s := &sum{analyzers: analyzers, limit: limit, findings: map[string]*detonaut.Finding{}, within: map[string][]string{}}
	s.missed, s.failed = make([]map[string]int, len(analyzers)), make([][]error, len(analyzers))
	s.lacks = make([]string, len(analyzers))
	for i := range analyzers {
		s.missed[i] = map[string]int{}
	}
	return s
}

func (s *sum) miss(analyzer int, why string) { s.missed[analyzer][why]++ }

// fail is a failure that is nobody's in particular.
func (s *sum) fail(err error) {
	s.errs = append(s.errs, err)
	for i := range s.failed {
		s.failed[i] = append(s.failed[i], err)
	}
}

// lacking asks the analyzers what they lack. One that can do nothing has failed.
func (s *sum) lacking() {
	for i, a := range s.analyzers {
		l, ok := a.(Limited)
		if !ok {
			continue
		}
		switch state, why := l.Lack(); state {
		case detonaut.Complete:
		case detonaut.Failed:
			err := errors.New(why)
			s.failed[i] = append(s.failed[i], err)
			s.errs = append(s.errs, fmt.Errorf("analyzer %s: %w", a.Name(), err))
		default:
			s.lacks[i] = why
		}
	}
}

// take adds what came of a task.
func (s *sum) take(t *task) {
	switch {
	case t.err == nil:
	case errors.Is(t.err, errInterrupted):
		s.miss(t.analyzer, interrupted)
	case errors.Is(t.err, errLate):
		s.miss(t.analyzer, late)
	case errors.Is(t.err, errSlow):
		s.miss(t.analyzer, slow)
	case len(s.failed[t.analyzer]) < maxErrors:
		err := fmt.Errorf("file %s: %w", t.file.SHA256, t.err)
		s.failed[t.analyzer] = append(s.failed[t.analyzer], err)
		if len(s.errs) < maxErrors {
			s.errs = append(s.errs, fmt.Errorf("analyzer %s: %w", s.analyzers[t.analyzer].Name(), err))
		}
	}
	for i := range t.found {
		s.add(&t.found[i], t)
	}
}

// add adds what was found in a file to the finding of that ID.
func (s *sum) add(found *detonaut.Finding, t *task) {
	have := s.findings[found.ID]
	if have == nil {
		if len(s.findings) >= s.limit {
			s.miss(t.analyzer, tooManyClaims)
			return
		}
		have = new(detonaut.Finding)
		*have = *found
		have.Count, have.Evidence = 0, nil
		s.findings[found.ID] = have
	}
	if !found.Weakness && found.Severity.Rank() >= detonaut.Medium.Rank() {
		s.within[t.file.SHA256] = append(s.within[t.file.SHA256], found.ID)
	}
	have.Count += max(found.Count, 1)
	given := found.Evidence
	if len(given) == 0 {
		given = make([]detonaut.Evidence, 1)
	}
	places := t.file.Places
	if len(places) == 0 {
		places = make([]Place, 1)
	}
	for _, e := range given {
		if t.file.From != "" {
			e.Summary = t.file.From + ": " + e.Summary
		}
		for _, p := range places {
			if len(have.Evidence) == MaxEvidence {
				return
			}
			have.Evidence = append(have.Evidence, detonaut.Evidence{
				Events: t.file.Events, Summary: e.Summary, Layer: p.Layer, Path: p.Path, Hidden: p.Hidden, Offset: e.Offset, SHA256: t.file.SHA256,
				Use: t.file.Use,
			})
		}
	}
}

func (s *sum) result() Result {
	res := Result{Findings: []detonaut.Finding{}, Within: s.within}
	for _, f := range s.findings {
		res.Findings = append(res.Findings, *f)
	}
	slices.SortFunc(res.Findings, func(a, b detonaut.Finding) int { return cmp.Compare(a.ID, b.ID) })
	for i, a := range s.analyzers {
		stage := detonaut.Stage{Name: a.Name(), State: detonaut.Complete}
		var reasons []string
		if s.lacks[i] != "" {
			stage.State, reasons = detonaut.Partial, []string{s.lacks[i]}
		}
		for _, say := range slices.Sorted(maps.Keys(s.missed[i])) {
			stage.State = detonaut.Partial
			reasons = append(reasons, fmt.Sprintf("%s: %d", say, s.missed[i][say]))
		}
		for _, err := range s.failed[i] {
			stage.State = detonaut.Failed
			reasons = append(reasons, err.Error())
		}
		stage.Reason = strings.Join(reasons, "; ")
		res.Stages = append(res.Stages, stage)
	}
	return res
}

// Join makes one list of several, sorted by ID: findings of one ID become one, with the
// evidence of all in their order.
func Join(lists ...[]detonaut.Finding) []detonaut.Finding {
	at := map[string]int{}
	joined := []detonaut.Finding{}
	for _, f := range slices.Concat(lists...) {
		i, ok := at[f.ID]
		if !ok {
			at[f.ID] = len(joined)
			joined = append(joined, f)
			continue
		}
		have := &joined[i]
		have.Count += f.Count
		have.Evidence = slices.Concat(have.Evidence, f.Evidence)
		have.Evidence = have.Evidence[:min(len(have.Evidence), MaxEvidence)]
	}
	slices.SortFunc(joined, func(a, b detonaut.Finding) int { return cmp.Compare(a.ID, b.ID) })
	return joined
}
