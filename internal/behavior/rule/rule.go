// Package rule is the rule language for behaviours: YAML documents with CEL
// conditions, compiled once and matched against any number of runs.
//
// docs/new-rule.md explains the language; rules/behavior holds the rules that
// come with Detonaut. A rule looks at single events, at a number of them
// within a time, or at a sequence of them. The package reads rules from file
// systems that it is given and does nothing else outside of itself. Rules and
// tapes are both hostile: what either can make it use is bounded, and a bound
// that hides something from a rule is reported as a gap.
package rule

import (
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/rulebook"
)

// Rule is one compiled rule. It is immutable.
type Rule struct {
	// Finding is the claim that it makes, without count and evidence.
	Finding detonaut.Finding
	// References say where the behaviour is described.
	References []string
	// Place is where it was read from.
	rulebook.Place

	line     int // of the id
	steps    []step
	unless   []*condition
	scope    scope
	within   time.Duration // 0 is without limit
	count    int           // 0 for every event
	distinct *condition    // what to count, if not events
	regular  float64       // how far intervals may be spread; 0 is without limit

	// readsImage tells that a condition has the facts of the image in it.
	readsImage bool

	yes, no []example
}

// step is one event that a rule waits for.
type step struct {
	kinds []string
	when  *condition // nil fits all
	key   *condition // nil is one key for all
}

// isOpen tells whether it wants families of events.
func (s *step) isOpen() bool {
	return slices.ContainsFunc(s.kinds, func(k string) bool { return strings.HasSuffix(k, "*") })
}

// wants tells whether events of kind are offered to s.
func (s *step) wants(kind tape.Kind) bool {
	for _, k := range s.kinds {
		family, wild := strings.CutSuffix(k, "*")
		if k == string(kind) || wild && strings.HasPrefix(string(kind), family) {
			return true
		}
	}
	return false
}

// scope is whose events a rule puts together.
type scope string

// Scopes.
const (
	inProcess scope = "process" // those of one process
	inSubtree scope = "subtree" // those of a process and its descendants
	inRun     scope = "run"     // all
)
