package e2e_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

// ahead is how many actors play at once. Most of them wait most of the time.
const ahead = 6

// play has every actor play, and puts what is said of it where it belongs.
func play(t *testing.T, dir string, seen []*detonaut.Report) {
	t.Helper()
	actors := cast.All()
	turns := make([]func() (*detonaut.Report, error), len(actors))
	for i, a := range actors {
		flags := []string{"--duration", "20s"}
		if a.Waits {
			flags = []string{"--profile", "time", "--duration", "2m"}
		}
		ref := "oci-dir:" + filepath.Join(dir, a.Name)
		turns[i] = sync.OnceValues(func() (*detonaut.Report, error) { return outcome(scanCommand(t, nil, ref, flags...)) })
	}
	var playing sync.WaitGroup
	defer playing.Wait()
	for i, a := range actors {
		t.Run(a.Name, func(t *testing.T) {
			for _, turn := range turns[i:min(i+ahead, len(turns))] {
				playing.Go(func() { _, _ = turn() }) // whoever waits for it is told
			}
			r, err := turns[i]()
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
