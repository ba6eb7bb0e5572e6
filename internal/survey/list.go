package survey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/source"
)

// place is where the listing of a survey goes on. In the store it is its cursor.
type place struct {
	// Source is the number of the source, At the cursor that it gave.
	Source int    `json:"source"`
	At     string `json:"at,omitempty"`
	// Tries is how often that page could not be had.
	Tries int `json:"tries,omitempty"`
	// Lacks are why the list is not whole, in plain words.
	Lacks []string `json:"lacks,omitempty"`
}

// Bounds of a place.
const (
	maxTries = 5
	maxLacks = 50
	maxLack  = 300 // bytes
)

func parsePlace(cursor string) (p place, err error) {
	if cursor == "" {
		return p, nil
	}
	if err = json.Unmarshal([]byte(cursor), &p); err != nil || p.Source < 0 {
		return p, fmt.Errorf("%w: the cursor of the survey is none", store.ErrInvalid)
	}
	return p, nil
}

func (p *place) String() string {
	b, _ := json.Marshal(p) // of strings and numbers alone
	return string(b)
}

// lack notes that the list of a source is not whole.
func (p *place) lack(spec, why string) {
	text := spec + ": " + why
	if len(text) > maxLack {
		text = text[:maxLack] + "..."
	}
	switch n := len(p.Lacks); {
	case slices.Contains(p.Lacks, text): // it was read before
	case n < maxLacks:
		p.Lacks = append(p.Lacks, text)
	case n == maxLacks:
		p.Lacks = append(p.Lacks, "and more than these")
	}
}

// Lacks are why what a survey has listed is not all that its sources have: its strings may be
// those of a registry.
func Lacks(s store.Survey) []string {
	p, err := parsePlace(s.Cursor)
	if err != nil {
		return []string{err.Error()}
	}
	return p.Lacks
}

// list goes on with the list of a survey. An error is that of the store.
func (e *Engine) list(ctx context.Context, s store.Survey, log *slog.Logger) (store.Outcome, error) {
	p, err := parsePlace(s.Cursor)
	if err != nil {
		return store.Outcome{}, err
	}
	began := time.Now()
	var from source.Source
	for opened := -1; ; {
		switch {
		case s.State != store.SurveyListing:
			return store.Outcome{}, nil // it was paused, or has ended
		case p.Source >= len(s.Sources):
			return store.Outcome{}, e.o.Store.Listed(ctx, s.Name, nil, p.String(), true)
		case ctx.Err() != nil:
			return store.Outcome{}, ctx.Err()
		case time.Since(began) > e.o.Stint:
			return store.Outcome{Later: 1, Why: "others have their turn"}, nil
		}
		spec := s.Sources[p.Source]
		if Local(spec) {
			return store.Outcome{Later: e.o.Pause, Why: "it is being listed by who began the survey"}, nil
		}
		if opened != p.Source {
			if from, err = e.o.Open(spec); err != nil {
				log.Error("a source cannot be opened", "source", spec, "error", err)
				p.lack(spec, err.Error())
				p = place{Source: p.Source + 1, Lacks: p.Lacks}
				continue
			}
			opened = p.Source
		}
		later, err := e.page(ctx, s, &p, from, log)
		if err != nil || later.Later > 0 {
			return later, err
		}
		if s, err = e.survey(ctx, s.Name); err != nil {
			return store.Outcome{}, err
		}
	}
}

// page lists a page of a source, and keeps it. The outcome is one of later, or nothing.
func (e *Engine) page(ctx context.Context, s store.Survey, p *place, from source.Source, log *slog.Logger) (store.Outcome, error) {
	spec := s.Sources[p.Source]
	limited, cancel := context.WithTimeout(ctx, e.o.Limit)
	found, next, end, err := from.List(limited, p.At)
	cancel()
	if err != nil {
		if ctx.Err() != nil {
			return store.Outcome{}, ctx.Err()
		}
		if b, ok := busy(err); ok {
			return store.Outcome{Later: max(b.Wait, 1), Why: b.Error()}, nil
		}
		cut, ok := errors.AsType[*source.Cut](err)
		if !ok {
			return e.noPage(ctx, s, p, err, log)
		}
		log.Warn("something is left out of a list", "source", spec, "why", cut.Why)
		p.lack(spec, cut.Why)
	}
	return store.Outcome{}, e.keep(ctx, s, p, found, next, end)
}

// keep keeps a page of a source, and where it goes on.
func (e *Engine) keep(ctx context.Context, s store.Survey, p *place, found []store.Candidate, next string, end bool) error {
	if !end && next == p.At { // or it would go on for ever
		p.lack(s.Sources[p.Source], "it goes in circles")
		end = true
	}
	*p = place{Source: p.Source, At: next, Lacks: p.Lacks}
	if end {
		*p = place{Source: p.Source + 1, Lacks: p.Lacks}
	}
	return e.o.Store.Listed(ctx, s.Name, found, p.String(), p.Source >= len(s.Sources))
}

// noPage has a page be asked for again, or, when that was done often enough, goes on with the
// next source.
func (e *Engine) noPage(ctx context.Context, s store.Survey, p *place, failed error, log *slog.Logger) (store.Outcome, error) {
	log.Warn("a source does not answer", "source", s.Sources[p.Source], "try", p.Tries+1, "error", failed)
	out := store.Outcome{}
	if p.Tries++; p.Tries < maxTries && !hopeless(failed) {
		out = store.Outcome{Later: e.rest(p.Tries), Why: failed.Error()}
	} else {
		p.lack(s.Sources[p.Source], failed.Error())
		*p = place{Source: p.Source + 1, Lacks: p.Lacks}
	}
	return out, e.o.Store.Listed(ctx, s.Name, nil, p.String(), p.Source >= len(s.Sources))
}

// Local tells whether a source is on the machine where a survey begins, and is listed there.
func Local(spec string) bool { return spec == "-" || strings.HasPrefix(spec, "file:") }

// Reading is the local source of a survey that is being listed, or was when who began the survey was
// interrupted; empty if there is none.
func Reading(s store.Survey) string {
	p, err := parsePlace(s.Cursor)
	if over := s.State == store.SurveyDone || s.State == store.SurveyCancelled; err != nil || over || p.Source >= len(s.Sources) || !Local(s.Sources[p.Source]) {
		return ""
	}
	return s.Sources[p.Source]
}

// ListLocal lists the sources of a survey that begins which are local. They are its first. Where it
// was interrupted it begins with the source anew: standard input is another then, and a file may be.
func (e *Engine) ListLocal(ctx context.Context, name string) error {
	s, err := e.survey(ctx, name)
	if err != nil {
		return err
	}
	p, err := parsePlace(s.Cursor)
	if err != nil {
		return err
	}
	p.At = ""
	for p.Source < len(s.Sources) && Local(s.Sources[p.Source]) {
		spec := s.Sources[p.Source]
		from, err := e.o.Open(spec)
		if err != nil {
			return err
		}
		for number := p.Source; p.Source == number; {
			found, next, end, err := from.List(ctx, p.At)
			if cut, ok := errors.AsType[*source.Cut](err); ok {
				p.lack(spec, cut.Why)
			} else if err != nil {
				return fmt.Errorf("read source %s: %w", spec, err)
			}
			if err := e.keep(ctx, s, &p, found, next, end); err != nil {
				return err
			}
		}
	}
	return nil
}
