package page

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// A technique that a rule names has a name, and serves a tactic.
func TestTechniques(t *testing.T) {
	ids := regexp.MustCompile(`\bT1[0-9]{3}(\.[0-9]{3})?\b`)
	lists := regexp.MustCompile(`(?m)^\s*attack: *\[?(.*)$`)
	seen := 0
	rules := os.DirFS("../../../rules")
	err := fs.WalkDir(rules, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(p, ".yaml") {
			return err
		}
		b, err := fs.ReadFile(rules, p)
		for _, list := range lists.FindAllStringSubmatch(string(b), -1) {
			for _, id := range ids.FindAllString(list[1], -1) {
				seen++
				if k := techniqueOf(id); k.name == "" || len(k.tactics) == 0 || tacticRank(k.tactics[0]) == len(tactics) {
					t.Errorf("%s: no name or tactic of %s: %+v", p, id, k)
				}
			}
		}
		return err
	})
	if err != nil || seen < 100 {
		t.Fatalf("%d techniques, %v", seen, err)
	}
	for id := range techniques {
		if !isTechnique(id) || techniqueOf(id).name == "" || tacticRank(techniqueOf(id).tactics[0]) == len(tactics) {
			t.Errorf("%s is %+v", id, techniqueOf(id))
		}
	}
}
