package rule_test

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
	"github.com/detonaut/detonaut/internal/golden"
)

// explain runs the rules that come with Detonaut over a tape in testdata.
func explain(t *testing.T, name string) behavior.Result {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	result, err := behavior.Run(tape.NewDecoder(f), load(t).Detector(detonaut.Image{}))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestTapes compares everything that whole tapes tell with what a person has
// looked at. "go test -run TestTapes -update" writes it anew.
func TestTapes(t *testing.T) {
	tapes, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(tapes) == 0 {
		t.Fatalf("tapes: %v, %v", tapes, err)
	}
	for _, path := range tapes {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			enc := json.NewEncoder(&got)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(explain(t, name)); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, name+".golden.json", got.Bytes())
		})
	}
}

// TestOrdinaryServersAreQuiet holds the rules to saying nothing above low of
// images that millions run.
func TestOrdinaryServersAreQuiet(t *testing.T) {
	for name, listeners := range map[string]int{"nginx": 2, "postgres": 2, "redis": 2, "service": 1} {
		r := explain(t, name)
		for _, f := range r.Findings {
			if f.Severity.Rank() > detonaut.Low.Rank() {
				t.Errorf("%s: %s (%s): %v", name, f.ID, f.Severity, f.Evidence)
			}
		}
		if !r.Coverage.Full || len(r.Run.Listeners) != listeners {
			t.Errorf("%s: gaps %q, listeners %v", name, r.Coverage.Gaps, r.Run.Listeners)
		}
	}
}
