package story_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/behavior/rule"
	"github.com/detonaut/detonaut/internal/behavior/story"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/rules"
)

// tell tells the stories of a tape, by the rules that come with Detonaut.
func tell(t *testing.T, file string) []detonaut.Story {
	t.Helper()
	set, err := rule.Load(rules.Behavior())
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	teller := story.New()
	result, err := behavior.Run(tape.NewDecoder(f), set.Detector(detonaut.Image{}), teller)
	if err != nil {
		t.Fatal(err)
	}
	return teller.Tell(result.Findings)
}

// TestTapes compares the stories of whole tapes with what a person has looked at.
// "go test -run TestTapes -update" writes them anew.
func TestTapes(t *testing.T) {
	tapes, err := filepath.Glob("../rule/testdata/*.jsonl")
	if err != nil || len(tapes) == 0 {
		t.Fatalf("tapes: %v, %v", tapes, err)
	}
	ours, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(ours) == 0 {
		t.Fatalf("tapes: %v, %v", ours, err)
	}
	for _, path := range append(tapes, ours...) {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			enc := json.NewEncoder(&got)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(tell(t, path)); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, name+".golden.json", got.Bytes())
		})
	}
}
