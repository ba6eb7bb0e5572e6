package detonaut_test

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A source is one Go file of either module.
type source struct {
	dir, name string // dir is "." for the root
	file      *ast.File
	fset      *token.FileSet
	lines     int
}

func (s *source) path() string { return path.Join(s.dir, s.name) }
func (s *source) test() bool   { return strings.HasSuffix(s.name, "_test.go") }

func (s *source) imports() (paths []string) {
	for _, spec := range s.file.Imports {
		p, _ := strconv.Unquote(spec.Path.Value) // the parser has seen to it
		paths = append(paths, p)
	}
	return paths
}

// walk visits the files of the house, generated and foreign ones left out.
func walk(t *testing.T, visit func(p string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (slices.Contains([]string{"bin", "testdata"}, d.Name()) || strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if d.Type().IsRegular() {
			visit(filepath.ToSlash(p))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sources(t *testing.T) (all []source) {
	t.Helper()
	fset := token.NewFileSet()
	walk(t, func(p string) {
		if path.Ext(p) != ".go" {
			return
		}
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(fset, p, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source{path.Dir(p), path.Base(p), file, fset, strings.Count(string(text), "\n")})
	})
	return all
}

// inside tells whether dir is one of the trees, or below one.
func inside(dir string, trees ...string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool { return dir == tree || strings.HasPrefix(dir, tree+"/") })
}

// floor returns the number of the floor of dir, and -1 if it is on none.
func floor(dir string) int {
	best, longest := -1, -1
	for i, trees := range layers {
		for _, tree := range trees {
			if (tree == "" && dir == "." || tree != "" && inside(dir, tree)) && len(tree) > longest {
				best, longest = i, len(tree)
			}
		}
	}
	return best
}

// local returns the directory of a package of ours.
func local(importPath string) (dir string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func TestHouseImports(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range s.imports() {
			for _, complaint := range judgeImport(&s, imported) {
				t.Errorf("%s imports %s: %s", s.path(), imported, complaint)
			}
		}
	}
}

func judgeImport(s *source, imported string) (complaints []string) {
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	for dependency, trees := range doors {
		if inside(imported, dependency) && !inside(s.dir, trees...) {
			complain("only %v may", trees)
		}
	}
	if inside(imported, "gvisor.dev/gvisor") && !slices.Contains(gvisor, s.dir) {
		complain("only %v may, and nothing below them", gvisor)
	}
	dir, ours := local(imported)
	if s.test() {
		return complaints // tests may climb
	}
	if ours && strings.HasSuffix(dir, "test") && !inside(s.dir, "actors", "e2e", "internal/testenv") && !strings.HasSuffix(s.dir, "test") {
		complain("it is for tests")
	}
	if ours && !inside(s.dir, "chamber") {
		if floor(s.dir) < 0 {
			complain("%s is on no floor of the house: add it to layers", s.dir)
		} else if floor(dir) > floor(s.dir) {
			complain("imports go down only")
		}
	}
	if ours && inside(s.dir, "chamber") && !inside(dir, "chamber") {
		complain("the chamber knows nothing of the main module")
	}
	standard := !strings.Contains(strings.Split(imported, "/")[0], ".")
	if allowed, ok := alone[s.dir]; ok && !standard && !slices.Contains(allowed, imported) && !(ours && slices.Contains(allowed, dir)) {
		complain("%s imports the standard library and %v only", s.dir, allowed)
	}
	if inside(s.dir, pure...) && slices.Contains(impure, imported) {
		complain("%s is a pure function of its input", s.dir)
	}
	return complaints
}

// contracts are the packages whose sub-folders implement them.
var contracts = []string{"internal/detonate", "internal/static"}

// Implementations are named in cmd only: a contract's sub-folders are imported
// by nobody else, tests and siblings apart.
func TestHouseImplementations(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range s.imports() {
			dir, ours := local(imported)
			for _, contract := range contracts {
				if !ours || s.test() || !inside(dir, contract) || dir == contract {
					continue
				}
				if !inside(s.dir, "cmd", contract, "e2e") {
					t.Errorf("%s imports %s: only cmd chooses an implementation", s.path(), imported)
				}
			}
		}
	}
}

func TestHousePureCode(t *testing.T) {
	for _, s := range sources(t) {
		if !inside(s.dir, pure...) || s.test() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Sleep"}, sel.Sel.Name) {
					t.Errorf("%s: time.%s: pure code has no clock", s.fset.Position(n.Pos()), sel.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestHouseSizes(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		if s.lines > maxFile {
			t.Errorf("%s has %d lines, more than %d: split it by noun", s.path(), s.lines, maxFile)
		}
		if s.name == "main.go" && inside(s.dir, "cmd", "chamber") && s.file.Name.Name == "main" && s.lines > maxMain {
			t.Errorf("%s has %d lines, more than %d: a main only wires", s.path(), s.lines, maxMain)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || isTable(f) {
				continue
			}
			from, to := s.fset.Position(f.Pos()), s.fset.Position(f.End())
			if n := to.Line - from.Line + 1; n > maxFunction {
				t.Errorf("%s: %s has %d lines, more than %d", from, f.Name.Name, n, maxFunction)
			}
		}
	}
}

// isTable tells whether all that f does is to return a literal.
func isTable(f *ast.FuncDecl) bool {
	if f.Body == nil || len(f.Body.List) != 1 {
		return false
	}
	ret, ok := f.Body.List[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return false
	}
	_, ok = ret.Results[0].(*ast.CompositeLit)
	return ok
}

// Every package has one comment, and a name that says something.
func TestHousePackages(t *testing.T) {
	comments := map[string][]string{}
	for _, s := range sources(t) {
		if strings.HasSuffix(s.file.Name.Name, "_test") {
			continue
		}
		if _, ok := comments[s.dir]; !ok {
			comments[s.dir] = nil
		}
		if s.file.Doc != nil && !s.test() {
			comments[s.dir] = append(comments[s.dir], s.name)
		}
		stem := strings.TrimSuffix(strings.TrimSuffix(s.name, ".go"), "_test")
		for _, name := range []string{s.file.Name.Name, stem} {
			if slices.Contains(nameless, name) {
				t.Errorf("%s: %q says nothing: name it for what it holds", s.path(), name)
			}
		}
	}
	for dir, files := range comments {
		if len(files) != 1 {
			t.Errorf("%s has %d package comments %v, want one", dir, len(files), files)
		}
	}
}

var (
	link     = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	codePath = regexp.MustCompile("`((?:cmd|chamber|internal|rules|actors|docs|e2e|testdata|tools|\\.ci)/[A-Za-z0-9_./-]*)`")
)

// Links and paths in the documents lead somewhere.
func TestHouseDocuments(t *testing.T) {
	seen := 0
	walk(t, func(p string) {
		if path.Ext(p) != ".md" {
			return
		}
		seen++
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(p), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", p, m[1])
			}
		}
		for _, m := range codePath.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(m[1]); err != nil {
				t.Errorf("%s names %s, which is not there", p, m[1])
			}
		}
	})
	if seen < 5 {
		t.Errorf("found %d documents: is this the root of the repository?", seen)
	}
}

// Every decision record is in the index, once.
func TestHouseDecisions(t *testing.T) {
	index, err := os.ReadFile("docs/adr/README.md")
	if err != nil {
		t.Fatal(err)
	}
	records, err := filepath.Glob("docs/adr/[0-9]*.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(records) == 0 {
		t.Error("docs/adr has no records")
	}
	for i, r := range records {
		name := filepath.Base(r)
		if n := strings.Count(string(index), "("+name+")"); n != 1 {
			t.Errorf("docs/adr/README.md links to %s %d times, want once", name, n)
		}
		if want := fmt.Sprintf("%04d-", i+1); !strings.HasPrefix(name, want) {
			t.Errorf("%s: want the number %s", name, want)
		}
	}
}

// A rule is rules/behavior/TACTIC/NAME.yaml or rules/files/CATEGORY/NAME.yaml, and its id is
// what stands behind the first of these. Lists are rules/packages/ECOSYSTEM.yaml, of
// malicious packages, and rules/tools/KIND.yaml; what is in one is for its own tests.
func TestHouseRules(t *testing.T) {
	rules, lists := 0, 0
	walk(t, func(p string) {
		if !inside(path.Dir(p), "rules") || path.Ext(p) == ".go" || path.Ext(p) == ".md" || p == "rules/rules.zip" {
			return
		}
		if path.Ext(p) == ".yaml" && (path.Dir(p) == "rules/packages" || path.Dir(p) == "rules/tools") {
			lists++
			return
		}
		rules++
		parts := strings.Split(p, "/")
		if len(parts) != 4 || !slices.Contains([]string{"behavior", "files"}, parts[1]) || path.Ext(p) != ".yaml" {
			t.Errorf("%s: want rules/behavior/TACTIC/NAME.yaml, rules/files/CATEGORY/NAME.yaml, rules/packages/ECOSYSTEM.yaml or rules/tools/KIND.yaml", p)
			return
		}
		want := "id: " + parts[2] + "/" + strings.TrimSuffix(parts[3], ".yaml")
		if !hasLine(t, p, want) {
			t.Errorf("%s: no line %q", p, want)
		}
	})
	if rules == 0 || lists == 0 {
		t.Error("no rules, or no lists")
	}
}

func hasLine(t *testing.T, file, want string) bool {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if lines.Text() == want {
			return true
		}
	}
	return false
}
