package tape_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

// document is docs/tape.md, which these tests hold to the code.
const document = "../../docs/tape.md"

// row is a line of a table whose first cell is code.
var row = regexp.MustCompile("^\\| `([^`]+)` \\|([^|]*)\\|")

// tables returns, by the heading above it, the first two cells of every row
// of each table.
func tables(t *testing.T) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]string{}
	heading := ""
	for line := range strings.Lines(string(text)) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			heading = strings.TrimSpace(title)
		}
		m := row.FindStringSubmatch(strings.ReplaceAll(line, `\|`, ""))
		if m == nil {
			continue
		}
		if found[heading] == nil {
			found[heading] = map[string]string{}
		}
		if _, twice := found[heading][m[1]]; twice {
			t.Errorf("%s lists %s twice", heading, m[1])
		}
		found[heading][m[1]] = strings.TrimSpace(m[2])
	}
	return found
}

func TestDocumentListsFields(t *testing.T) {
	documented := tables(t)
	seen := map[reflect.Type]bool{}
	var visit func(reflect.Type)
	visit = func(s reflect.Type) {
		if seen[s] {
			return
		}
		seen[s] = true
		want := map[string]string{}
		for i := range s.NumField() {
			f := s.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				t.Errorf("%s.%s has no name in JSON", s.Name(), f.Name)
			}
			kind, inner := jsonType(t, f.Type)
			want[name] = kind
			if inner != nil {
				visit(inner)
			}
		}
		if diff := cmp.Diff(want, documented[s.Name()]); diff != "" {
			t.Errorf("fields of %s (-code +document):\n%s", s.Name(), diff)
		}
	}
	visit(reflect.TypeFor[tape.Event]())
	if !seen[reflect.TypeFor[plan.Limits]()] {
		t.Error("the walk over the fields did not reach the limits of a plan")
	}
}

// jsonType returns what the document calls a type, and the struct in it.
func jsonType(t *testing.T, f reflect.Type) (name string, inner reflect.Type) {
	t.Helper()
	switch f.Kind() {
	case reflect.Pointer:
		return jsonType(t, f.Elem())
	case reflect.Struct:
		return f.Name(), f
	case reflect.Slice:
		name, inner = jsonType(t, f.Elem())
		return "list of " + name, inner
	case reflect.Map:
		name, inner = jsonType(t, f.Elem())
		return "map of " + name, inner
	case reflect.String:
		return "string", nil
	case reflect.Bool:
		return "boolean", nil
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer", nil
	default:
		t.Fatalf("a field of kind %s has no name in the document", f.Kind())
		return "", nil
	}
}

func TestDocumentListsWords(t *testing.T) {
	documented := tables(t)
	words := constants(t)
	for heading, typeName := range map[string]string{"Kinds": "Kind", "Reasons": "Reason", "Origins": "Origin"} {
		var got []string
		for word := range documented[heading] {
			got = append(got, word)
		}
		slices.Sort(got)
		want := words[typeName]
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-code +document):\n%s", heading, diff)
		}
	}
	var kinds []string
	for _, k := range tape.Kinds() {
		kinds = append(kinds, string(k))
	}
	if diff := cmp.Diff(words["Kind"], kinds); diff != "" {
		t.Errorf("Kinds (-constants +list):\n%s", diff)
	}
}

// constants returns the values of the string constants of tape.go by the
// names of their types.
func constants(t *testing.T) map[string][]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "tape.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			continue
		}
		for _, spec := range gen.Specs {
			values := spec.(*ast.ValueSpec)
			typeName, ok := values.Type.(*ast.Ident)
			if !ok {
				continue
			}
			for _, v := range values.Values {
				s, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				found[typeName.Name] = append(found[typeName.Name], s)
			}
		}
	}
	return found
}

// TestDocumentExample shows that the example is a tape.
func TestDocumentExample(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	events, err := decode(strings.NewReader(example))
	if !errors.Is(err, io.EOF) {
		t.Fatalf("after %d events: %v", len(events), err)
	}
	last := events[len(events)-1].End
	if want := uint64(len(events)); last.Events != want {
		t.Errorf("its run.end counts %d events, want %d", last.Events, want)
	}
}

// TestDocumentLimits holds the numbers in the text to the code.
func TestDocumentLimits(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"at most " + strconv.Itoa(tape.MaxLine>>10) + " KiB, its newline included",
		"the `version` of `run.start` is " + strconv.Itoa(tape.Version),
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the document does not say %q", want)
		}
	}
}
