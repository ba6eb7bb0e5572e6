package verdict

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/detonaut/detonaut"
)

//go:embed table.yaml
var tableYAML []byte

// judgement is the table that comes with Detonaut; a test has read it.
var judgement = sync.OnceValue(func() *table {
	t, err := parseTable(tableYAML)
	if err != nil {
		panic(err)
	}
	return t
})

// table is how findings become a word, as table.yaml has it.
type table struct {
	Rows     []row                         `yaml:"rows"`
	Aside    []string                      `yaml:"aside"`
	Labels   []string                      `yaml:"labels"`
	Declares map[detonaut.Category]names   `yaml:"declares"`
	Phrases  map[detonaut.Category]phrases `yaml:"phrases"`
}

// row is the word for a subject that fits.
type row struct {
	Word detonaut.Word `yaml:"word"`
	// Has are its requirements; each needs findings of its own kind.
	Has []requirement `yaml:"has"`
	// Apart is how many of the findings must be independent of each other.
	Apart int `yaml:"apart"`
	// Missed is set in the row of subjects of which not everything was seen.
	Missed bool `yaml:"missed"`
}

// requirement is a number of findings of one kind.
type requirement struct {
	Severity   detonaut.Severity     `yaml:"severity"`
	Confidence []detonaut.Confidence `yaml:"confidence"`
	Category   categories            `yaml:"category"`
	Declared   []declaration         `yaml:"declared"` // none is any
	Use        []detonaut.Use        `yaml:"use"`      // none is any
	Findings   int                   `yaml:"findings"`
}

// categories is a set of categories.
type categories struct {
	all, none bool
	list      []detonaut.Category
	except    bool // the list is what is not in the set; nor is the empty one
}

// UnmarshalYAML reads any, none, a list, or {except: list}.
func (c *categories) UnmarshalYAML(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.ScalarNode && n.Value == "any":
		c.all = true
		return nil
	case n.Kind == yaml.ScalarNode && n.Value == "none":
		c.none = true
		return nil
	case n.Kind == yaml.SequenceNode:
		return n.Decode(&c.list)
	case n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "except":
		c.except = true
		return n.Content[1].Decode(&c.list)
	}
	return fmt.Errorf("line %d: category: want any, none, a list, or except and a list", n.Line)
}

func (c *categories) has(k detonaut.Category) bool {
	switch {
	case c.all:
		return true
	case c.none:
		return k == ""
	case c.except:
		return k != "" && !slices.Contains(c.list, k)
	default:
		return slices.Contains(c.list, k)
	}
}

// fits tells whether a finding is of the kind that q asks for.
func (q *requirement) fits(s *sighting) bool {
	return s.Severity.Rank() >= q.Severity.Rank() && slices.Contains(q.Confidence, s.Confidence) &&
		q.Category.has(s.Category) && (len(q.Declared) == 0 || slices.Contains(q.Declared, s.declared)) &&
		(len(q.Use) == 0 || slices.Contains(q.Use, s.use()))
}

// requires returns the number of the first requirement of r that s fits, and -1 if
// there is none.
func (r *row) requires(s *sighting) int {
	return slices.IndexFunc(r.Has, func(q requirement) bool { return q.fits(s) })
}

// fits tells whether r is the row of a subject of which that was seen, and
// something missed or not.
func (r *row) fits(seen []sighting, missed bool) bool {
	if r.Missed && !missed {
		return false
	}
	for i := range r.Has {
		found := map[string]bool{}
		for j := range seen {
			if r.Has[i].fits(&seen[j]) {
				found[seen[j].ID] = true
			}
		}
		if len(found) < r.Has[i].Findings {
			return false
		}
	}
	if r.Apart == 0 {
		return true
	}
	var those []sighting
	for i := range seen {
		if r.requires(&seen[i]) >= 0 {
			those = append(those, seen[i])
		}
	}
	return apart(those) >= r.Apart
}

// names are words by which an image declares tools of a category.
type names struct {
	Any   []string `yaml:"any"`
	Tools []string `yaml:"tools"`
}

// phrases are what the sentence says of a category.
type phrases struct {
	Does  string `yaml:"does"`
	Holds string `yaml:"holds"`
}

// parseTable reads a table, and holds it to what makes it one.
func parseTable(text []byte) (*table, error) {
	t := new(table)
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(t); err != nil {
		return nil, fmt.Errorf("read table: %w", err)
	}
	if err := dec.Decode(new(table)); !errors.Is(err, io.EOF) {
		return nil, errors.New("read table: more than one document")
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("read table: %w", err)
	}
	return t, nil
}

func (t *table) check() error {
	if n := len(t.Rows); n < 2 || t.Rows[n-1].Word != detonaut.Clean || t.Rows[n-2].Word != detonaut.Inconclusive {
		return errors.New("the last rows are not inconclusive and clean")
	}
	for i := range t.Rows {
		r := &t.Rows[i]
		if err := r.check(); err != nil {
			return fmt.Errorf("row %d: %w", i+1, err)
		}
		if i > 0 && r.Word.Rank() > t.Rows[i-1].Word.Rank() {
			return fmt.Errorf("row %d: %s is worse than the row before", i+1, r.Word)
		}
	}
	for _, c := range detonaut.Categories() {
		if p := t.Phrases[c]; p.Does == "" || p.Holds == "" {
			return fmt.Errorf("phrases: nothing to say of %s", c)
		}
	}
	for _, name := range t.Aside {
		if name == detonaut.StageDetonate || name == detonaut.StageExplain || name == "" {
			return fmt.Errorf("aside: %q is never", name)
		}
	}
	for c, n := range t.Declares {
		for _, word := range slices.Concat(n.Any, n.Tools) {
			if w := wordsOf(word); len(w) != 1 || w[0] != word {
				return fmt.Errorf("declares %s: %q is not one word", c, word)
			}
		}
	}
	return nil
}

func (r *row) check() error {
	if !slices.Contains(detonaut.Words(), r.Word) {
		return fmt.Errorf("no such word: %q", r.Word)
	}
	judged := r.Word.Rank() > detonaut.Inconclusive.Rank()
	if judged != (len(r.Has) > 0) || r.Missed != (r.Word == detonaut.Inconclusive) {
		return fmt.Errorf("a row of %s asks for findings just when it is worse than inconclusive, and for what was missed when it is that", r.Word)
	}
	total := 0
	for i := range r.Has {
		q := &r.Has[i]
		if q.Findings == 0 {
			q.Findings = 1
		}
		total += q.Findings
		if err := q.check(); err != nil {
			return fmt.Errorf("requirement %d: %w", i+1, err)
		}
		if slices.Contains(q.Confidence, detonaut.Tentative) && r.Word.Rank() > detonaut.Suspicious.Rank() {
			return fmt.Errorf("requirement %d: what is tentative makes nothing %s", i+1, r.Word)
		}
	}
	if r.Apart < 0 || r.Apart > total {
		return fmt.Errorf("apart: %d of %d findings", r.Apart, total)
	}
	return nil
}

func (q *requirement) check() error {
	if !slices.Contains(detonaut.Severities()[:5], q.Severity) {
		return fmt.Errorf("no such severity: %q", q.Severity)
	}
	if len(q.Confidence) == 0 || q.Findings < 0 {
		return errors.New("want a confidence, and a number of findings")
	}
	for _, c := range q.Confidence {
		if !slices.Contains(detonaut.Confidences(), c) {
			return fmt.Errorf("no such confidence: %q", c)
		}
	}
	if k := q.Category; !k.all && !k.none && len(k.list) == 0 {
		return errors.New("no category")
	}
	for _, c := range q.Category.list {
		if !slices.Contains(detonaut.Categories(), c) {
			return fmt.Errorf("no such category: %q", c)
		}
	}
	for _, d := range q.Declared {
		if d != byName && d != byLabel && d != undeclared {
			return fmt.Errorf("declared: want name, label or no, not %q", d)
		}
	}
	for _, u := range q.Use {
		if u != asDeed && !slices.Contains(detonaut.Uses(), u) {
			return fmt.Errorf("use: want %s or one of %v, not %q", asDeed, detonaut.Uses(), u)
		}
	}
	return nil
}

// apart is the greatest number of findings of which each has a tactic and an event
// of its own: rules that say the same of one deed are no more than one of them.
func apart(seen []sighting) int {
	deeds := map[string][]string{} // by tactic
	for i := range seen {
		tactic, _, _ := strings.Cut(seen[i].ID, "/")
		deeds[tactic] = append(deeds[tactic], seen[i].deed())
	}
	taken := map[string]string{} // the tactic that has a deed
	n := 0
	for tactic := range deeds {
		if place(tactic, deeds, taken, map[string]bool{}) {
			n++
		}
	}
	return n
}

// place finds a deed for a tactic, and another one for whoever has it.
func place(tactic string, deeds map[string][]string, taken map[string]string, tried map[string]bool) bool {
	for _, d := range deeds[tactic] {
		if tried[d] {
			continue
		}
		tried[d] = true
		if owner, ok := taken[d]; !ok || place(owner, deeds, taken, tried) {
			taken[d] = tactic
			return true
		}
	}
	return false
}
