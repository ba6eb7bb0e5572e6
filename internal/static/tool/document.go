package tool

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/rulebook"
	"github.com/detonaut/detonaut/internal/static/pattern"
)

// Bounds of a catalogue, and of one entry.
const (
	maxFiles    = 256
	maxTools    = 4096
	maxProblems = 256
	maxNames    = 64 // of packages, modules or assemblies, in one list
	maxMarks    = 16
	maxTypes    = 8
	maxTexts    = 16 // of one mark
	maxName     = 256
	maxSentence = 300 // bytes
)

// document is one file of the catalogue.
type document struct {
	Tools []entry `yaml:"tools"`
}

// entry is a tool as it is written.
type entry struct {
	Name     string              `yaml:"name"`
	Kind     string              `yaml:"kind"`
	Category string              `yaml:"category"`
	Use      string              `yaml:"use"`
	What     string              `yaml:"what"`
	Home     string              `yaml:"home"`
	Packages map[string][]string `yaml:"packages"`
	Go       []string            `yaml:"go"`
	DotNet   []string            `yaml:"dotnet"`
	Marks    []struct {
		Types []string `yaml:"types"`
		All   []string `yaml:"all"`
	} `yaml:"marks"`
}

// reader makes a catalogue.
type reader struct {
	made  Catalogue
	files int
	names map[string]bool
	sums  []string // one line a file
}

func newReader() *reader {
	return &reader{
		made:  Catalogue{byKey: map[key]*Tool{}, byGo: map[string]*Tool{}, byDotNet: map[string]*Tool{}},
		names: map[string]bool{},
	}
}

func (r *reader) catalogue() *Catalogue {
	slices.Sort(r.sums)
	r.made.digest = detonaut.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(strings.Join(r.sums, "\n")))))
	return &r.made
}

func (r *reader) problem(at rulebook.Place, err error) {
	if len(r.made.problems) >= maxProblems {
		return
	}
	p := rulebook.Problem{Place: at, Reason: strings.ReplaceAll(err.Error(), "\n", " ")}
	var in *rulebook.LineError
	if errors.As(err, &in) {
		p.Line = in.Line
	}
	r.made.problems = append(r.made.problems, p)
}

func (r *reader) walk(system int, fsys fs.FS) {
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		at := rulebook.Place{System: system, File: name}
		switch {
		case err != nil:
			r.problem(at, err)
			return nil
		case d.IsDir() || path.Ext(name) != ".yaml":
			return nil
		case r.files >= maxFiles || len(r.made.tools) >= maxTools:
			r.problem(at, fmt.Errorf("%w: more than %d files or %d tools; the others are not loaded", detonaut.ErrLimit, maxFiles, maxTools))
			return fs.SkipAll
		}
		r.files++
		if err := r.read(at, fsys); err != nil {
			r.problem(at, err)
		}
		return nil
	})
	if err != nil {
		r.problem(rulebook.Place{System: system, File: "."}, err)
	}
}

func (r *reader) read(at rulebook.Place, fsys fs.FS) (err error) {
	f, err := fsys.Open(at.File)
	if err != nil {
		return fmt.Errorf("open tools: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, rulebook.MaxDocument+1))
	if err != nil {
		return fmt.Errorf("read tools: %w", err)
	}
	// The parser recovers from panics of its own making only, and the bytes are anybody's.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not understood: %v", p)
		}
	}()
	var doc document
	lines, err := rulebook.Decode(bytes.TrimPrefix(data, []byte("\ufeff")), &doc)
	if err != nil {
		return err
	}
	for i := range doc.Tools {
		t, err := doc.Tools[i].tool(lines)
		if err == nil {
			t.Place = at
			err = r.keep(t)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", cmp.Or(doc.Tools[i].Name, "a tool without a name"), err)
			r.problem(at, lines.AtItem("tools", i, "tools", err))
		}
	}
	r.sums = append(r.sums, fmt.Sprintf("%s %x", at.File, sha256.Sum256(data)))
	return nil
}

// keep adds a tool, unless another has its name or something that it is known by.
func (r *reader) keep(t *Tool) error {
	c := &r.made
	if len(c.tools) >= maxTools {
		return fmt.Errorf("%w: more than %d tools", detonaut.ErrLimit, maxTools)
	}
	if r.names[t.Name] {
		return errors.New("another tool has this name")
	}
	for _, k := range t.keys {
		if other := c.byKey[k]; other != nil {
			return fmt.Errorf("%s, too, has the package %s of %s", other.Name, k.name, k.kind)
		}
	}
	for _, p := range t.golang {
		if other := c.byGo[p]; other != nil {
			return fmt.Errorf("%s, too, has the module %s", other.Name, p)
		}
	}
	for _, n := range t.dotnet {
		if other := c.byDotNet[n]; other != nil {
			return fmt.Errorf("%s, too, has the assembly %s", other.Name, n)
		}
	}
	r.names[t.Name] = true
	c.tools = append(c.tools, t)
	for _, k := range t.keys {
		c.byKey[k] = t
	}
	for _, p := range t.golang {
		c.byGo[p] = t
	}
	for _, n := range t.dotnet {
		c.byDotNet[n] = t
	}
	return nil
}

// tool checks an entry, and makes a tool of it.
func (e *entry) tool(lines *rulebook.Lines) (*Tool, error) {
	t := &Tool{Name: e.Name, Kind: e.Kind, What: e.What, Home: e.Home, Use: Use(e.Use), Category: detonaut.Category(e.Category)}
	if err := e.check(); err != nil {
		return nil, err
	}
	if err := t.head(detonaut.Certain).CheckHead(lines); err != nil {
		return nil, err
	}
	for _, kind := range slices.Sorted(maps.Keys(e.Packages)) {
		keys, err := keysOf(kind, e.Packages[kind])
		if err != nil {
			return nil, err
		}
		t.keys = append(t.keys, keys...)
	}
	for _, p := range e.Go {
		plain := plainPath(p)
		if plain == "" {
			return nil, fmt.Errorf("go: %q is no path of a module", p)
		}
		t.golang = append(t.golang, plain)
	}
	for _, n := range e.DotNet {
		t.dotnet = append(t.dotnet, strings.ToLower(n))
	}
	for _, m := range e.Marks {
		t.marks = append(t.marks, mark{types: m.Types, texts: m.All})
	}
	return t, t.checkMarks()
}

// check reports the first thing in an entry that makes no sense.
func (e *entry) check() error {
	long := func(list []string) bool {
		return len(list) > maxNames || slices.ContainsFunc(list, func(s string) bool { return s == "" || len(s) > maxName })
	}
	switch {
	case e.Name == "" || len(e.Kind) > maxName || len(e.What) > maxSentence || len(e.Home) > maxName:
		return errors.New("its name is missing, or a text is too long")
	case !strings.HasPrefix(e.Kind, "a ") && !strings.HasPrefix(e.Kind, "an ") && !strings.HasPrefix(e.Kind, "the "):
		return errors.New("kind: want a noun with its article")
	case !strings.HasSuffix(e.What, ".") || strings.ContainsRune(e.What, '\n'):
		return errors.New("what: want one sentence")
	case !strings.HasPrefix(e.Home, "https://") && !strings.HasPrefix(e.Home, "http://"):
		return errors.New("home: want a URL")
	case !slices.Contains(uses, Use(e.Use)):
		return fmt.Errorf("use %q is none of %v", e.Use, uses)
	case Use(e.Use) == Defence && e.Category != "":
		return errors.New("what serves defence has no category")
	case len(e.Packages) == 0 && len(e.Go) == 0 && len(e.DotNet) == 0 && len(e.Marks) == 0:
		return errors.New("there is nothing by which it could be found")
	case long(e.Go) || long(e.DotNet):
		return errors.New("too many names, or one that is empty or too long")
	}
	for _, names := range e.Packages {
		if long(names) {
			return errors.New("too many packages, or a name that is empty or too long")
		}
	}
	return nil
}

// checkMarks reports a mark that cannot be looked for.
func (t *Tool) checkMarks() error {
	if len(t.marks) > maxMarks {
		return fmt.Errorf("more than %d marks", maxMarks)
	}
	for _, m := range t.marks {
		if len(m.types) == 0 || len(m.types) > maxTypes || len(m.texts) == 0 || len(m.texts) > maxTexts {
			return fmt.Errorf("a mark has 1 to %d types and 1 to %d texts", maxTypes, maxTexts)
		}
		if slices.Contains(m.types, "") {
			return errors.New("a mark has an empty type")
		}
		for _, text := range m.texts {
			if err := pattern.Check(pattern.Pattern{Name: text, Text: text}); err != nil {
				return err
			}
		}
	}
	return nil
}
