package study_test

import (
	"os"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/store/measure"
	"github.com/detonaut/detonaut/internal/survey/study"
)

// docs/study.md explains every table and every word.
func TestPage(t *testing.T) {
	b, err := os.ReadFile("../../../docs/study.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	r := study.New(study.Options{}).Report()
	for _, table := range r.Tables {
		if !strings.Contains(page, "\n| `"+table.ID+"` | ") {
			t.Errorf("docs/study.md does not explain the table %s", table.ID)
		}
	}
	if got := strings.Count(page[strings.Index(page, "\n## Tables"):strings.Index(page, "\n## What it does not see")], "\n| `"); got != len(r.Tables) {
		t.Errorf("docs/study.md has %d tables, there are %d", got, len(r.Tables))
	}
	for _, u := range r.Uses {
		if !strings.Contains(page, "`"+u.ID+"`") {
			t.Errorf("docs/study.md does not explain the quantiles of %s", u.ID)
		}
	}
	for _, c := range measure.Classes() {
		if c != measure.ClassNone && !strings.Contains(page, "`"+string(c)+"`") {
			t.Errorf("docs/study.md does not explain the class %s", c)
		}
	}
	for _, n := range measure.Needs() {
		if !strings.Contains(page, "\n| `"+string(n)+"` | ") {
			t.Errorf("docs/study.md does not explain the need %s", n)
		}
	}
}
