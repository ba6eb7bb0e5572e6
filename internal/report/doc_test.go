package report_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
)

var docRow = regexp.MustCompile("^\\| `([a-z0-9_]+)` \\|")

// TestDoc holds docs/report.md to the structs: a section for each, a row for
// each field, in their order.
func TestDoc(t *testing.T) {
	text, err := os.ReadFile("../../docs/report.md")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	section := ""
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(name)
		}
		if m := docRow.FindStringSubmatch(line); m != nil {
			got[section] = append(got[section], m[1])
		}
	}
	want := map[string][]string{}
	structFields(reflect.TypeFor[detonaut.Report](), want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/report.md and the structs differ (-structs +doc):\n%s", diff)
	}
}

// structFields adds the JSON names of t's fields, and those of every struct of
// ours that they lead to.
func structFields(t reflect.Type, fields map[string][]string) {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() || fields[t.Name()] != nil {
		return
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[t.Name()] = append(fields[t.Name()], name)
		structFields(f.Type, fields)
	}
}
