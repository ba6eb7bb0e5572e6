package rule_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/rulebook"
)

// techniques reads the tactics of every technique.
func techniques(t *testing.T) map[string][]string {
	t.Helper()
	data, err := os.ReadFile("testdata/attack.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]string)
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		tactic, ids, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			t.Fatalf("no tactic: %s", line)
		}
		for _, id := range strings.Fields(ids) {
			id, last, many := strings.Cut(id, "-")
			all[id] = append(all[id], tactic)
			if !many {
				continue
			}
			technique, first, _ := strings.Cut(id, ".")
			from, err := strconv.Atoi(first)
			to, err2 := strconv.Atoi(last)
			if err != nil || err2 != nil || to <= from {
				t.Fatalf("%s: no range", id)
			}
			for n := from + 1; n <= to; n++ {
				part := fmt.Sprintf("%s.%03d", technique, n)
				all[part] = append(all[part], tactic)
			}
		}
	}
	return all
}

// TestRulesNameTechniquesThatExist holds the ids of the rules to ATT&CK, and their
// folders to its tactics.
func TestRulesNameTechniquesThatExist(t *testing.T) {
	all := techniques(t)
	var tactics []string
	for _, of := range all {
		tactics = append(tactics, of...)
	}
	for _, r := range load(t).Rules() {
		tactic, _, _ := strings.Cut(r.Finding.ID, "/")
		if !slices.Contains(tactics, tactic) {
			t.Errorf("%s: ATT&CK has no such tactic", r.Finding.ID)
		}
		if len(r.Finding.Techniques) == 0 {
			t.Errorf("%s names no technique", r.Finding.ID)
		}
		for _, id := range r.Finding.Techniques {
			if all[id] == nil {
				t.Errorf("%s: ATT&CK has no %s", r.Finding.ID, id)
			}
		}
	}
	for _, file := range []string{"testdata/attack.txt", "../../../docs/new-rule.md"} {
		if text, err := os.ReadFile(file); err != nil || !regexp.MustCompile(`MITRE ATT&CK (Enterprise, version )?`+regexp.QuoteMeta(rulebook.Attack)+`\b`).Match(text) {
			t.Errorf("%s is not about version %s: %v", file, rulebook.Attack, err)
		}
	}
	if n := len(slices.Collect(maps.Keys(all))); n < 650 {
		t.Errorf("there are only %d techniques", n)
	}
}
