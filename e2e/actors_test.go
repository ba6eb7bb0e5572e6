package e2e_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/actors/cast"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/testenv"
)

// Each actor is seen doing its deed, and nothing else is held against it.
func TestActors(t *testing.T) {
	dir := t.TempDir()
	if err := cast.Build(t.Context(), testenv.Root(t), dir, cast.All()); err != nil {
		t.Fatal(err)
	}
	for _, a := range cast.All() {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			flags := []string{"--duration", "20s"}
			if a.Waits {
				flags = []string{"--profile", "time", "--duration", "2m"}
			}
			r := scan(t, "oci-dir:"+filepath.Join(dir, a.Name), flags...)
			if diff := cmp.Diff(a.Rules, findings(r)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if r.Verdict.Word != a.Word {
				t.Errorf("verdict = %s (%v), want %s", r.Verdict.Word, r.Verdict.Reasons, a.Word)
			}
			want := tape.Exited
			if a.Goes {
				want = tape.Quiescent
			}
			if r.Run.EndReason != string(want) || r.Run.ExitCode != 0 {
				t.Errorf("the run ended with %s (%s) and exit code %d, want %s and 0; output:\n%s",
					r.Run.EndReason, r.Run.EndDetail, r.Run.ExitCode, want, r.Run.Output)
			}
		})
	}
}

// The list of what the actors show names each finding once a sample at most.
func TestActorsRulesAreSorted(t *testing.T) {
	for _, a := range cast.All() {
		if !slices.IsSorted(a.Rules) || len(slices.Compact(slices.Clone(a.Rules))) != len(a.Rules) {
			t.Errorf("%s: rules are not sorted, or named twice: %v", a.Name, a.Rules)
		}
	}
}
