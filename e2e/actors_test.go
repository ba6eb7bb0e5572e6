package e2e_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
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
	seen := make([]*detonaut.Report, len(cast.All()))
	t.Run("cast", func(t *testing.T) { play(t, dir, seen) })
	publishActors(t, seen)
}

// play has every actor play, and puts what is said of it where it belongs.
func play(t *testing.T, dir string, seen []*detonaut.Report) {
	t.Helper()
	scans := turns{ahead: 6}
	defer scans.end()
	for _, a := range cast.All() {
		flags := []string{"--duration", "20s"}
		if a.Waits {
			flags = []string{"--profile", "time", "--duration", "2m"}
		}
		scans.add(func() *exec.Cmd { return scanCommand(t, nil, "oci-dir:"+filepath.Join(dir, a.Name), flags...) })
	}
	for i, a := range cast.All() {
		t.Run(a.Name, func(t *testing.T) {
			r, err := scans.wait(i)
			if err != nil {
				t.Fatal(err)
			}
			seen[i] = r
			compare(t, a, r)
		})
	}
}

// compare holds what was said of an actor to what should be said.
func compare(t *testing.T, a cast.Actor, r *detonaut.Report) {
	t.Helper()
	if diff := cmp.Diff(a.Rules, findings(r)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if r.Verdict.Word != a.Word {
		t.Errorf("verdict = %s (%v), want %s", r.Verdict.Word, r.Verdict.Reasons, a.Word)
	}
	if r.Coverage.Dropped != 0 {
		t.Errorf("%d events dropped, want 0", r.Coverage.Dropped)
	}
	want := tape.Exited
	if a.Goes {
		want = tape.Quiescent
	}
	if r.Run.EndReason != string(want) || r.Run.ExitCode != 0 {
		t.Errorf("the run ended with %s (%s) and exit code %d, want %s and 0; output:\n%s",
			r.Run.EndReason, r.Run.EndDetail, r.Run.ExitCode, want, r.Run.Output)
	}
}

// publishActors holds the document's table of actors to what was found.
func publishActors(t *testing.T, seen []*detonaut.Report) {
	t.Helper()
	if slices.Contains(seen, nil) {
		return // some were left out
	}
	var b strings.Builder
	b.WriteString("| actor | verdict | findings |\n|---|---|---|\n")
	wanted, found, extra, bad := 0, 0, 0, 0
	for i, a := range cast.All() {
		r := seen[i]
		fmt.Fprintf(&b, "| %s | %s | %s |\n", a.Name, r.Verdict.Word, strings.Join(findings(r), ", "))
		wanted += len(a.Rules)
		for _, id := range findings(r) {
			if slices.Contains(a.Rules, id) {
				found++
			} else {
				extra++
			}
		}
		if a.Word != detonaut.Clean {
			bad++
		}
	}
	fmt.Fprintf(&b, "\n%d actors, %d of them with a deed that is not clean. Of %d findings that they are to show, %d were found: recall %.1f %%. %d others were.\n",
		len(seen), bad, wanted, found, 100*float64(found)/float64(wanted), extra)
	detection(t, "actors", b.String())
}

// The list of what the actors show names each finding once a sample at most.
func TestActorsRulesAreSorted(t *testing.T) {
	for _, a := range cast.All() {
		if !slices.IsSorted(a.Rules) || len(slices.Compact(slices.Clone(a.Rules))) != len(a.Rules) {
			t.Errorf("%s: rules are not sorted, or named twice: %v", a.Name, a.Rules)
		}
	}
}
