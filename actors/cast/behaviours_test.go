package cast_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/actors/cast"
	"github.com/detonaut/detonaut/internal/behavior/rule"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/rules"
)

// unacted are the rules that no actor shows, each with the reason.
var unacted = map[string]string{
	"impact/busy-processor": "none: how much of the processor it gets is up to the machine",
}

// tactics are those of ATT&CK, in its order.
var tactics = []string{
	"initial-access", "execution", "persistence", "privilege-escalation", "defense-evasion", "credential-access", "discovery", "lateral-movement", "collection",
	"command-and-control", "exfiltration", "impact",
}

const behaviours = "../../docs/behaviours.md"

// docs/behaviours.md lists every rule with the techniques that it tells of and the
// actors that show it. "go test ./actors/cast -run Behaviours -update" writes it anew.
func TestBehaviours(t *testing.T) {
	set, err := rule.Load(rules.Behavior())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range set.Problems() {
		t.Error(p)
	}
	text, err := os.ReadFile(behaviours)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- behaviours -->\n", "<!-- end of behaviours -->"
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/behaviours.md has no section behaviours")
	}
	want := table(t, set)
	if golden.Updating() {
		if err := os.WriteFile(behaviours, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		got = want
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/behaviours.md is stale; run the test with -update (-want +got):\n%s", diff)
	}
}

// table is the table of all rules, by tactic.
func table(t *testing.T, set *rule.Set) string {
	t.Helper()
	shown := make(map[string][]string)
	for _, a := range cast.All() {
		for _, id := range a.Rules {
			shown[id] = append(shown[id], a.Name)
		}
	}
	rows := make(map[string][]string)
	for _, r := range set.Rules() {
		f := r.Finding
		tactic, name, _ := strings.Cut(f.ID, "/")
		if !slices.Contains(tactics, tactic) {
			t.Errorf("%s: %q is no tactic", f.ID, tactic)
		}
		by := unacted[f.ID]
		switch actors := shown[f.ID]; {
		case (by != "") == (len(actors) > 0):
			t.Errorf("%s: actors %q, excuse %q: one of both is needed", f.ID, actors, by)
		case by == "":
			by = "`" + strings.Join(actors, "`, `") + "`"
		}
		rows[tactic] = append(rows[tactic], fmt.Sprintf("| [%s](../rules/behavior/%s.yaml) | %s | %s, %s | %s | %s |\n",
			name, f.ID, f.Title, f.Severity, f.Confidence, strings.Join(f.Techniques, ", "), by))
	}
	var b strings.Builder
	for _, tactic := range tactics {
		if len(rows[tactic]) > 0 {
			fmt.Fprintf(&b, "\n## %s\n\n| rule | what it tells | severity, confidence | techniques | actors |\n|---|---|---|---|---|\n%s",
				strings.ReplaceAll(tactic, "-", " "), strings.Join(rows[tactic], ""))
		}
	}
	return b.String()
}

// Every rule names techniques, in the form that ATT&CK has.
func TestBehavioursHaveTechniques(t *testing.T) {
	set, err := rule.Load(rules.Behavior())
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`^T1[0-9]{3}([.][0-9]{3})?$`)
	for _, r := range set.Rules() {
		if len(r.Finding.Techniques) == 0 || len(r.References) == 0 {
			t.Errorf("%s: techniques %q, references %q: one of each is needed", r.Finding.ID, r.Finding.Techniques, r.References)
		}
		for _, technique := range r.Finding.Techniques {
			if !id.MatchString(technique) {
				t.Errorf("%s: %q is no technique", r.Finding.ID, technique)
			}
		}
	}
}
