package rule

import (
	"io/fs"
	"slices"

	"github.com/google/cel-go/cel"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/rulebook"
)

// Set is a set of rules, ready to be matched. It is immutable, and safe for
// any number of goroutines.
type Set struct {
	rules []*Rule
	index *index
	book  *rulebook.Book
}

// Load reads every file of the systems that ends in .yaml as one rule; the id
// of a rule is the path of its file without that ending. Rules that cannot be
// used are left out and reported by [Set.Problems]; they are gaps in the
// coverage of whatever the set explains. An error means that no rule could be.
func Load(systems ...fs.FS) (*Set, error) {
	lang, err := newLanguage()
	if err != nil {
		return nil, err
	}
	set := new(Set)
	set.book = rulebook.Read(func(data []byte, from rulebook.Place) (string, int, func(), error) {
		r, err := compile(lang, data)
		if err != nil {
			return "", 0, nil, err
		}
		r.Place = from
		return r.Finding.ID, r.line, func() { set.rules = append(set.rules, r) }, nil
	}, systems...)
	slices.SortFunc(set.rules, func(a, b *Rule) int { return rulebook.ByID(&a.Finding, &b.Finding) })
	set.index = newIndex(set.rules, lang.shared)
	return set, nil
}

// Rules are sorted by id. The list must not be changed.
func (s *Set) Rules() []*Rule { return s.rules }

// Problems are in the order of the file systems and the files in them.
func (s *Set) Problems() []rulebook.Problem { return s.book.Problems }

// Digest is that of the text of all rules of the set, whatever their order.
func (s *Set) Digest() detonaut.Digest { return s.book.Digest }

// Detector returns a new detector of all rules, for one run of an image.
func (s *Set) Detector(img detonaut.Image) behavior.Detector {
	gaps := make([]string, len(s.book.Problems))
	for i, p := range s.book.Problems {
		gaps[i] = "a rule could not be loaded: " + p.File
	}
	return newDetector(s.index, factsOf(img), gaps)
}

// compile makes a rule of a document.
func compile(lang *language, data []byte) (*Rule, error) {
	d, err := parse(data)
	if err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	r := &Rule{
		Finding:    d.Finding(),
		References: d.References, line: d.Of("id"), count: d.Count, regular: d.Regular, scope: scope(d.In), yes: d.Yes, no: d.No,
	}
	if r.within, err = d.within(); err != nil {
		return nil, d.At("within", err)
	}
	steps := d.Sequence
	if len(steps) == 0 {
		steps = []stepDocument{d.stepDocument}
	}
	if r.scope == "" {
		r.scope = inProcess
		if len(steps) > 1 {
			r.scope = inSubtree
		}
	}
	return r, r.compile(lang, d, steps)
}

func (r *Rule) compile(lang *language, d *document, steps []stepDocument) (err error) {
	condition := func(s rulebook.Source, want *cel.Type, mayLookBack bool) *condition {
		if s.Text == "" || err != nil {
			return nil
		}
		c, e := lang.compile(s.Text, want, mayLookBack)
		if e != nil {
			err = &rulebook.LineError{Line: s.Line, Err: e}
			return nil
		}
		r.readsImage = r.readsImage || c.readsImage
		return c
	}
	for i, s := range steps {
		if err := checkKinds(s.On); err != nil {
			return d.atStep(i, err)
		}
		r.steps = append(r.steps, step{
			kinds: s.On, when: condition(s.When, cel.BoolType, i > 0), key: condition(s.Key, cel.StringType, false),
		})
	}
	r.distinct = condition(d.Distinct, cel.StringType, false)
	for _, u := range d.Unless {
		r.unless = append(r.unless, condition(u, cel.BoolType, len(steps) > 1))
	}
	return err
}
