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
	"github.com/detonaut/detonaut/internal/report"
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

// TestDocFormats holds docs/formats.md to a row for each format, in their order.
func TestDocFormats(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []report.Format
	table, _, _ := strings.Cut(string(text), "\n## ")
	for line := range strings.Lines(table) {
		if m := docRow.FindStringSubmatch(line); m != nil {
			got = append(got, report.Format(m[1]))
		}
	}
	if diff := cmp.Diff(report.Formats(), got); diff != "" {
		t.Errorf("docs/formats.md (-formats +doc):\n%s", diff)
	}
	for _, f := range report.Formats() {
		if report.Describe(f) == "" {
			t.Errorf("nothing describes %s", f)
		}
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
		if name == "-" {
			continue // it is beside the report
		}
		fields[t.Name()] = append(fields[t.Name()], name)
		structFields(f.Type, fields)
	}
}
