package tool

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// TestPage holds the list in docs/new-rule.md to what is understood.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../../../docs/new-rule.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(string(text), "```yaml\ntools:\n")
	list, _, _ := strings.Cut(page, "```")
	c, err := Load(fstest.MapFS{"page.yaml": {Data: []byte("tools:\n" + list)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Problems() {
		t.Error(p)
	}
	if len(c.Tools()) != 1 {
		t.Errorf("there are %d tools in the page, want one", len(c.Tools()))
	}
}
