package rule

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of one document.
const (
	maxDocument = 64 << 10
	maxSteps    = 8
	maxKinds    = 32
	maxUnless   = 16
	maxCount    = 10_000
	maxDistinct = 256
	minRegular  = 6 // events: fewer than five intervals are even by chance
	maxRegular  = 64
	maxExamples = 32
)

// document is a rule as it is written.
type document struct {
	ID         string   `yaml:"id"`
	Title      string   `yaml:"title"`
	Meaning    string   `yaml:"meaning"`
	Severity   string   `yaml:"severity"`
	Confidence string   `yaml:"confidence"`
	Category   string   `yaml:"category"`
	Family     string   `yaml:"family"`
	Attack     []string `yaml:"attack"`
	References []string `yaml:"references"`

	stepDocument `yaml:",inline"`
	Count        int            `yaml:"count"`
	Distinct     source         `yaml:"distinct"`
	Regular      float64        `yaml:"regular"`
	Sequence     []stepDocument `yaml:"sequence"`
	Within       string         `yaml:"within"`
	In           string         `yaml:"in"`
	Unless       []source       `yaml:"unless"`

	Yes []example `yaml:"yes"`
	No  []example `yaml:"no"`

	lines map[string]int // of its fields
	steps []int          // of the steps of a sequence
}

// at says in which line an error about a field is.
func (d *document) at(field string, err error) error {
	if err == nil {
		return nil
	}
	return &lineError{max(d.lines[field], 1), err}
}

// atStep is the same for a step of a sequence, or for what stands in its place.
func (d *document) atStep(i int, err error) error {
	if i < len(d.steps) {
		return &lineError{d.steps[i], err}
	}
	return d.at("on", err)
}

// locate notes the lines of what root, the node of the whole, has.
func (d *document) locate(root *yaml.Node) {
	d.lines = make(map[string]int)
	if len(root.Content) == 0 || root.Content[0].Kind != yaml.MappingNode {
		return
	}
	fields := root.Content[0].Content
	for i := 0; i+1 < len(fields); i += 2 {
		d.lines[fields[i].Value] = fields[i].Line
		if fields[i].Value == "sequence" {
			for _, step := range fields[i+1].Content {
				d.steps = append(d.steps, step.Line)
			}
		}
	}
}

type stepDocument struct {
	On   []string `yaml:"on"`
	When source   `yaml:"when"`
	Key  source   `yaml:"key"`
}

// source is the text of a condition and where it is written.
type source struct {
	text string
	line int
}

// UnmarshalYAML notes the line.
func (s *source) UnmarshalYAML(n *yaml.Node) error {
	s.line = n.Line
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a condition is text", n.Line)
	}
	s.text = n.Value
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		s.line++ // the text begins below the indicator
	}
	return nil
}

// lineError is an error in a document.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }
func (e *lineError) Unwrap() error { return e.err }

// parse reads a document and holds it to its bounds.
func parse(data []byte) (*document, error) {
	if len(data) > maxDocument {
		return nil, fmt.Errorf("%w: more than %d bytes", detonaut.ErrLimit, maxDocument)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, yamlError(err)
	}
	if n := reference(&root); n != nil {
		return nil, &lineError{n.Line, errors.New("anchors and aliases are not understood")}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	doc := new(document)
	if err := dec.Decode(doc); err != nil {
		return nil, yamlError(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	doc.locate(&root)
	return doc, nil
}

// reference finds an anchor or alias: they let a few bytes stand for many.
func reference(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return n
	}
	for _, c := range n.Content {
		if found := reference(c); found != nil {
			return found
		}
	}
	return nil
}

// yamlError finds the line that the library put into its message.
func yamlError(err error) error {
	message := err.Error()
	var wrong *yaml.TypeError
	if errors.As(err, &wrong) && len(wrong.Errors) > 0 {
		message = wrong.Errors[0]
	}
	message = strings.TrimPrefix(message, "yaml: ")
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		if digits, text, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(digits); err == nil {
				return &lineError{line, errors.New(text)}
			}
		}
	}
	return errors.New(message)
}

// check reports the first thing in d that makes no sense.
func (d *document) check() error {
	grouped := d.Count != 0 || len(d.Sequence) > 0
	severities, confidences := detonaut.Severities()[:5], detonaut.Confidences()
	for _, c := range []struct {
		bad    bool
		field  string
		format string
		args   []any
	}{
		{d.ID == "" || d.Title == "" || d.Meaning == "", "id", "id, title and meaning are required", nil},
		{strings.ContainsRune(d.Title, '\n'), "title", "the title is one line", nil},
		{strings.ContainsRune(d.Meaning, '\n'), "meaning", "the meaning is one line", nil},
		{!slices.Contains(severities, detonaut.Severity(d.Severity)), "severity", "severity %q is none of %v", []any{d.Severity, severities}},
		{!slices.Contains(confidences, detonaut.Confidence(d.Confidence)), "confidence", "confidence %q is none of %v", []any{d.Confidence, confidences}},
		{d.Category != "" && !slices.Contains(detonaut.Categories(), detonaut.Category(d.Category)), "category", "category %q is unknown", []any{d.Category}},
		{len(d.Sequence) > 0 && (len(d.On) > 0 || d.When.text != "" || d.Key.text != "" || d.Count != 0), "sequence", "a sequence has on, when and key in its steps, and no count", nil},
		{len(d.Sequence) == 1 || len(d.Sequence) > maxSteps, "sequence", "a sequence has 2 to %d steps", []any{maxSteps}},
		{len(d.Unless) > maxUnless, "unless", "more than %d conditions in unless", []any{maxUnless}},
		{len(d.Yes)+len(d.No) > maxExamples, "no", "more than %d examples", []any{maxExamples}},
		{d.Count < 0 || d.Count == 1 || d.Count > maxCount, "count", "count is 2 to %d", []any{maxCount}},
		{d.Distinct.text != "" && (d.Count == 0 || d.Count > maxDistinct), "distinct", "distinct goes with a count of at most %d", []any{maxDistinct}},
		{d.Regular != 0 && !d.isRegular(), "regular", "regular is between 0 and 1, and goes with a count of %d to %d and no distinct", []any{minRegular, maxRegular}},
		{d.Count != 0 && d.Within == "", "count", "count needs within", nil},
		{!grouped && d.Within != "", "within", "within, in and key go with count or sequence", nil},
		{!grouped && d.In != "", "in", "within, in and key go with count or sequence", nil},
		{!grouped && d.Key.text != "", "key", "within, in and key go with count or sequence", nil},
		{d.In != "" && !slices.Contains([]scope{inProcess, inSubtree, inRun}, scope(d.In)), "in", "in %q is none of process, subtree and run", []any{d.In}},
	} {
		if c.bad {
			return d.at(c.field, fmt.Errorf(c.format, c.args...))
		}
	}
	for i, s := range d.Sequence {
		if (s.Key.text == "") != (d.Sequence[0].Key.text == "") {
			return d.atStep(i, fmt.Errorf("step %d: either all steps have a key or none", i+1))
		}
	}
	return cmp.Or(d.at("attack", checkTechniques(d.Attack)), d.at("family", checkFamily(d.Family)))
}

func (d *document) isRegular() bool {
	return d.Regular > 0 && d.Regular < 1 && d.Count >= minRegular && d.Count <= maxRegular && d.Distinct.text == ""
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
