package rule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/rulebook"
)

// Bounds of one document.
const (
	maxSteps    = 8
	maxKinds    = 32
	maxUnless   = 16
	maxCount    = 10_000
	maxDistinct = 256
	minRegular  = 6 // events: fewer than five intervals are even by chance
	maxRegular  = 64
)

// document is a rule as it is written.
type document struct {
	rulebook.Head `yaml:",inline"`
	stepDocument  `yaml:",inline"`
	Count         int               `yaml:"count"`
	Distinct      rulebook.Source   `yaml:"distinct"`
	Regular       float64           `yaml:"regular"`
	Sequence      []stepDocument    `yaml:"sequence"`
	Within        string            `yaml:"within"`
	In            string            `yaml:"in"`
	Unless        []rulebook.Source `yaml:"unless"`

	Yes []example `yaml:"yes"`
	No  []example `yaml:"no"`

	*rulebook.Lines `yaml:"-"`
}

// atStep says in which line an error about a step of a sequence is, or about what stands
// in its place.
func (d *document) atStep(i int, err error) error { return d.AtItem("sequence", i, "on", err) }

type stepDocument struct {
	On   []string        `yaml:"on"`
	When rulebook.Source `yaml:"when"`
	Key  rulebook.Source `yaml:"key"`
}

// parse reads a document and holds it to its bounds.
func parse(data []byte) (d *document, err error) {
	d = new(document)
	d.Lines, err = rulebook.Decode(data, d)
	return d, err
}

// check reports the first thing in d that makes no sense.
func (d *document) check() error {
	grouped := d.Count != 0 || len(d.Sequence) > 0
	err := cmp.Or(d.CheckHead(d.Lines), d.First(
		rulebook.Refuse(len(d.Sequence) > 0 && (len(d.On) > 0 || d.When.Text != "" || d.Key.Text != "" || d.Count != 0), "sequence", "a sequence has on, when and key in its steps, and no count"),
		rulebook.Refuse(len(d.Sequence) == 1 || len(d.Sequence) > maxSteps, "sequence", "a sequence has 2 to %d steps", maxSteps),
		rulebook.Refuse(len(d.Unless) > maxUnless, "unless", "more than %d conditions in unless", maxUnless),
		rulebook.Refuse(len(d.Yes)+len(d.No) > rulebook.MaxExamples, "no", "more than %d examples", rulebook.MaxExamples),
		rulebook.Refuse(d.Count < 0 || d.Count == 1 || d.Count > maxCount, "count", "count is 2 to %d", maxCount),
		rulebook.Refuse(d.Distinct.Text != "" && (d.Count == 0 || d.Count > maxDistinct), "distinct", "distinct goes with a count of at most %d", maxDistinct),
		rulebook.Refuse(d.Regular != 0 && !d.isRegular(), "regular", "regular is between 0 and 1, and goes with a count of %d to %d and no distinct", minRegular, maxRegular),
		rulebook.Refuse(d.Count != 0 && d.Within == "", "count", "count needs within"),
		rulebook.Refuse(!grouped && d.Within != "", "within", "within, in and key go with count or sequence"),
		rulebook.Refuse(!grouped && d.In != "", "in", "within, in and key go with count or sequence"),
		rulebook.Refuse(!grouped && d.Key.Text != "", "key", "within, in and key go with count or sequence"),
		rulebook.Refuse(d.In != "" && !slices.Contains([]scope{inProcess, inSubtree, inRun}, scope(d.In)), "in", "in %q is none of process, subtree and run", d.In),
	))
	for i, s := range d.Sequence {
		if err == nil && (s.Key.Text == "") != (d.Sequence[0].Key.Text == "") {
			return d.atStep(i, fmt.Errorf("step %d: either all steps have a key or none", i+1))
		}
	}
	return err
}

func (d *document) isRegular() bool {
	return d.Regular > 0 && d.Regular < 1 && d.Count >= minRegular && d.Count <= maxRegular && d.Distinct.Text == ""
}

// within reads a time.
func (d *document) within() (time.Duration, error) {
	if d.Within == "" {
		return 0, nil
	}
	t, err := time.ParseDuration(d.Within)
	if err != nil || t <= 0 {
		return 0, fmt.Errorf("within %q is no time such as 5s", d.Within)
	}
	return t, nil
}

// checkKinds refuses kinds that no event has.
func checkKinds(kinds []string) error {
	if len(kinds) == 0 || len(kinds) > maxKinds {
		return fmt.Errorf("on needs 1 to %d kinds of events", maxKinds)
	}
	known := tape.Kinds()
	for _, k := range kinds {
		family, wild := strings.CutSuffix(k, "*")
		name, call := strings.CutPrefix(family, tape.CallPrefix)
		switch {
		case call && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" && (wild || name != ""):
		case wild && slices.ContainsFunc(known, func(t tape.Kind) bool { return strings.HasPrefix(string(t), family) }):
		case !wild && slices.Contains(known, tape.Kind(k)):
		default:
			return fmt.Errorf("no event has kind %q", k)
		}
	}
	return nil
}
