package rule

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/behavior"
)

// maxRules is how many rules are loaded at most.
const maxRules = 4096

// Set is a set of rules, ready to be matched. It is immutable, and safe for
// any number of goroutines.
type Set struct {
	rules    []*Rule
	index    *index
	problems []Problem
	digest   detonaut.Digest
}

// Problem says why a rule is not in the set.
type Problem struct {
	// System is the number of its file system among those of [Load], from 0, and
	// File its path in it.
	System int
	File   string
	// Line is where in the file, from 1; 0 if that is not known.
	Line int
	// Reason is one line.
	Reason string
}

// Error is "file:line: reason".
func (p Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason)
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
	l := &loader{lang: lang, seen: make(map[string]bool)}
	for i, fsys := range systems {
		l.walk(i, fsys)
	}
	slices.SortFunc(l.set.rules, func(a, b *Rule) int { return cmp.Compare(a.Finding.ID, b.Finding.ID) })
	slices.Sort(l.sums)
	sum := sha256.Sum256([]byte(strings.Join(l.sums, "\n")))
	l.set.digest = detonaut.Digest(fmt.Sprintf("sha256:%x", sum))
	l.set.index = newIndex(l.set.rules, lang.shared)
	return &l.set, nil
}

// Rules are sorted by id. The list must not be changed.
func (s *Set) Rules() []*Rule { return s.rules }

// Problems are in the order of the file systems and the files in them.
func (s *Set) Problems() []Problem { return s.problems }

// Digest is that of the text of all rules of the set, whatever their order.
func (s *Set) Digest() detonaut.Digest { return s.digest }

// Detector returns a new detector of all rules, for one run of an image.
func (s *Set) Detector(img detonaut.Image) behavior.Detector {
	gaps := make([]string, len(s.problems))
	for i, p := range s.problems {
		gaps[i] = "a rule could not be loaded: " + p.File
	}
	return newDetector(s.index, factsOf(img), gaps)
}

type loader struct {
	lang *language
	set  Set
	seen map[string]bool
	sums []string // one line a rule
}

func (l *loader) problem(system int, file string, err error) {
	p := Problem{System: system, File: file, Reason: strings.ReplaceAll(err.Error(), "\n", " ")}
	var at *lineError
	if errors.As(err, &at) {
		p.Line = at.line
	}
	l.set.problems = append(l.set.problems, p)
}

func (l *loader) walk(system int, fsys fs.FS) {
	full := false
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			l.problem(system, name, err)
			return nil
		case d.IsDir() || path.Ext(name) != ".yaml":
			return nil
		case len(l.set.rules)+len(l.set.problems) >= maxRules:
			full = true
			return fs.SkipAll
		}
		if err := l.load(system, fsys, name); err != nil {
			l.problem(system, name, err)
		}
		return nil
	})
	if full {
		err = fmt.Errorf("%w: more than %d rules; the others are not loaded", detonaut.ErrLimit, maxRules)
	}
	if err != nil {
		l.problem(system, ".", err)
	}
}

func (l *loader) load(system int, fsys fs.FS, name string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return fmt.Errorf("open rule: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err != nil {
		return fmt.Errorf("read rule: %w", err)
	}
	r, err := compile(l.lang, data)
	if err != nil {
		return err
	}
	if want := strings.TrimSuffix(name, ".yaml"); r.Finding.ID != want {
		return &lineError{r.line, fmt.Errorf("the id is %q; by its path it must be %q", r.Finding.ID, want)}
	}
	if l.seen[r.Finding.ID] {
		return &lineError{r.line, errors.New("another rule has this id")}
	}
	l.seen[r.Finding.ID] = true
	r.System, r.File = system, name
	l.set.rules = append(l.set.rules, r)
	l.sums = append(l.sums, fmt.Sprintf("%s %x", r.Finding.ID, sha256.Sum256(data)))
	return nil
}

// compile makes a rule of a document.
func compile(lang *language, data []byte) (_ *Rule, err error) {
	// The parsers recover from panics of their own making only, and the bytes
	// are anybody's.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("not understood: %v", r)
		}
	}()
	d, err := parse(bytes.TrimPrefix(data, []byte("\ufeff")))
	if err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	r := &Rule{
		Finding: detonaut.Finding{
			ID: d.ID, Title: d.Title, Meaning: d.Meaning, Severity: detonaut.Severity(d.Severity),
			Confidence: detonaut.Confidence(d.Confidence), Category: detonaut.Category(d.Category), Family: d.Family, Techniques: d.Attack,
		},
		References: d.References, line: d.lines["id"], count: d.Count, regular: d.Regular, scope: scope(d.In), yes: d.Yes, no: d.No,
	}
	if r.within, err = d.within(); err != nil {
		return nil, d.at("within", err)
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
	condition := func(s source, want *cel.Type, mayLookBack bool) *condition {
		if s.text == "" || err != nil {
			return nil
		}
		c, e := lang.compile(s.text, want, mayLookBack)
		if e != nil {
			err = &lineError{s.line, e}
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
