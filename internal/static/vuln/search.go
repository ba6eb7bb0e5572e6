package vuln

import (
	"context"
	"fmt"
	"strings"

	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/vulnerability"
)

// maxTold is how many problems a stage tells, maxReason the bytes of each, and maxSeen
// how many are told apart.
const (
	maxTold   = 4
	maxReason = 300
	maxSeen   = 1000
)

// search is one Match: its bounds, and what went wrong. It belongs to the goroutine
// that matches.
type search struct {
	ctx context.Context
	end context.CancelFunc

	limits   Limits
	matches  int
	told     []string
	seen     map[string]bool
	count    int
	panicked bool
}

func newSearch(ctx context.Context, limits Limits) *search {
	s := &search{limits: limits, seen: map[string]bool{}}
	s.ctx, s.end = context.WithTimeout(ctx, limits.Time)
	return s
}

// problem notes what could not be found out, each thing once.
func (s *search) problem(format string, args ...any) {
	text := bounded(fmt.Sprintf(format, args...), maxReason)
	if s.seen[text] {
		return
	}
	if len(s.seen) < maxSeen {
		s.seen[text] = true
	}
	s.count++
	if len(s.told) < maxTold {
		s.told = append(s.told, text)
	}
}

func (s *search) reason() string {
	text := strings.Join(s.told, "; ")
	if more := s.count - len(s.told); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// guard makes each matcher keep to the bounds of s.
func (s *search) guard(all []match.Matcher) []match.Matcher {
	for i := range all {
		all[i] = guarded{all[i], s}
	}
	return all
}

// guarded is a matcher that takes nobody down: its panics and errors are problems of
// one package, and the others are looked up all the same.
type guarded struct {
	match.Matcher
	*search
}

// Match implements match.Matcher.
func (g guarded) Match(from vulnerability.Provider, p pkg.Package) (found []match.Match, filters []match.IgnoreFilter, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			found, filters, err = nil, nil, nil
			g.panicked = true
			g.problem("%s: %s: panic: %v", g.Type(), p.Name, reason)
		}
	}()
	switch {
	case g.ctx.Err() != nil:
		g.problem("not looked for in all packages, because the time was over")
		return nil, nil, nil
	case g.matches >= g.limits.Matches:
		g.problem("not looked for in all packages, because there were more than %d matches", g.limits.Matches)
		return nil, nil, nil
	}
	found, filters, err = g.Matcher.Match(from, p)
	if err != nil {
		g.problem("%s: %s: %v", g.Type(), p.Name, err)
	}
	if room := g.limits.Matches - g.matches; len(found) > room {
		g.problem("not looked for in all packages, because there were more than %d matches", g.limits.Matches)
		found = found[:room]
	}
	g.matches += len(found)
	return found, filters, nil
}
