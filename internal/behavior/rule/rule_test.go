package rule_test

import (
	"sync"
	"testing"

	"github.com/detonaut/detonaut/internal/behavior/rule"
	"github.com/detonaut/detonaut/rules"
)

var loadOnce = sync.OnceValues(func() (*rule.Set, error) { return rule.Load(rules.Behavior()) })

// load returns the rules that come with Detonaut.
func load(tb testing.TB) *rule.Set {
	tb.Helper()
	set, err := loadOnce()
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range set.Problems() {
		tb.Error(p)
	}
	return set
}

func TestDefaultRulesHoldToTheirExamples(t *testing.T) {
	set := load(t)
	for _, f := range set.Test() {
		t.Errorf("%s: %s: %s", f.File, f.Example, f.Reason)
	}
}
