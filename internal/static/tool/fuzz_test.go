package tool

import (
	"testing"
	"testing/fstest"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static/malware/facts"
	"github.com/detonaut/detonaut/internal/static/pattern"
)

// Whatever a file of a catalogue says, it is read or refused within its bounds, and what
// was read can be used.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(file(hydra, netcat, clamav)))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Load(fstest.MapFS{"a.yaml": &fstest.MapFile{Data: b}})
		if err != nil {
			t.Fatal(err)
		}
		inv := &detonaut.Inventory{}
		for k := range c.byKey {
			inv.Packages = append(inv.Packages, detonaut.Package{Name: k.name, Type: k.kind})
		}
		found := map[string]bool{}
		for _, f := range c.Check(inv) {
			found[f.ID] = true
		}
		hits := make([]pattern.Hit, len(c.Patterns()))
		for i := range hits {
			hits[i] = pattern.Hit{Pattern: i, Count: 1, Places: []pattern.Place{{Offset: int64(i)}}}
		}
		for _, tool := range c.Tools() {
			if len(tool.keys) > 0 && !found["tool/"+tool.Name] {
				t.Errorf("%s is not found by its packages", tool.Name)
			}
			if len(tool.marks) == 0 {
				continue
			}
			if len(c.Match(&facts.Facts{Type: tool.marks[0].types[0]}, hits)) == 0 {
				t.Errorf("%s is not found by its marks", tool.Name)
			}
		}
	})
}
