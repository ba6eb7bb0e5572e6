package tool

import (
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/static/malware/facts"
	"github.com/detonaut/detonaut/rules"
)

// least is how many tools the catalogue that comes with Detonaut has at least.
const least = 100

func ours(t *testing.T) *Catalogue {
	t.Helper()
	c, err := Load(rules.Tools())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Problems() {
		t.Error(p)
	}
	return c
}

func TestCatalogueOfOurs(t *testing.T) {
	c := ours(t)
	marks, uses := 0, map[Use]int{}
	for _, tool := range c.Tools() {
		marks += len(tool.marks)
		uses[tool.Use]++
	}
	if len(c.Tools()) < least {
		t.Errorf("%d tools, want %d", len(c.Tools()), least)
	}
	t.Logf("%d tools (%v), %d packages, %d modules of Go, %d assemblies, %d marks of %d texts",
		len(c.Tools()), uses, len(c.byKey), len(c.byGo), len(c.byDotNet), marks, len(c.Patterns()))
}

// Each mark is found in its own texts, and not in all but one of them, nor in a picture.
func TestMarksOfOurs(t *testing.T) {
	c := ours(t)
	for _, tool := range c.Tools() {
		for _, m := range tool.marks {
			alone := &Catalogue{}
			for range m.texts {
				alone.of = append(alone.of, marked{tool, &mark{types: m.types, texts: m.texts}})
			}
			alone.patterns = c.patterns[m.first:][:len(m.texts)]
			for _, kind := range m.types {
				if got := match(t, alone, strings.Join(m.texts, "\x00"), facts.Facts{Type: kind}); len(got) != 1 {
					t.Errorf("%s: %q in %s: %v", tool.Name, m.texts, kind, got)
				}
			}
			if got := match(t, alone, strings.Join(m.texts, "\x00"), facts.Facts{Type: "png"}); len(got) != 0 {
				t.Errorf("%s: %v in a picture", tool.Name, got)
			}
			for i, text := range m.texts {
				others := strings.Join(append(append([]string{}, m.texts[:i]...), m.texts[i+1:]...), "\x00")
				if strings.Contains(others, text) {
					t.Errorf("%s: %q is in the other texts", tool.Name, text)
				} else if got := match(t, alone, others, facts.Facts{Type: m.types[0]}); len(got) != 0 {
					t.Errorf("%s: %v without %q", tool.Name, got, text)
				}
			}
		}
	}
}
