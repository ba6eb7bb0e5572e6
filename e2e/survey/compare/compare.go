// Package compare holds what a survey of a hub says to what is planted there.
package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/e2e/survey/hub"
	"github.com/detonaut/detonaut/internal/store"
)

// line is what is said of a repository, and what should be.
type line struct {
	State         store.ItemState
	Reason        store.Reason
	Digest        string
	Verdict       detonaut.Word
	Category      detonaut.Category
	Rules         []string
	Vulnerability detonaut.Severity
	Criticals     []string
	Secrets       int
	Does          hub.Does
}

// Results compares all results of a survey, and returns how often each digest is under them.
func Results(tb testing.TB, h *hub.Hub, s store.Surveys, name string) map[string]int {
	tb.Helper()
	digests := map[string]int{}
	said := map[string]line{}
	for after, more := (store.Place{}), true; more; {
		found, err := s.Results(tb.Context(), name, after, store.MaxResults)
		if err != nil {
			tb.Fatal(err)
		}
		for _, r := range found {
			after = store.Place{Candidate: r.Candidate.Number}
			if r.Item != nil {
				after.Item = r.Item.Number
			}
			if _, twice := said[r.Candidate.Name]; twice {
				tb.Errorf("%s has several results", r.Candidate.Name)
			}
			l := lineOf(r)
			said[r.Candidate.Name] = l
			if l.Digest != "" {
				digests[l.Digest]++
			}
		}
		more = len(found) > 0
	}
	differ := 0
	for _, r := range h.Repositories() {
		got, ok := said[r.Name]
		if !ok {
			got.State = "missing"
		}
		delete(said, r.Name)
		if diff := cmp.Diff(planted(h.Outcome(r)), got); diff != "" {
			if differ++; differ <= 20 {
				tb.Errorf("%s, which is %s %s (-planted +said):\n%s", r.Name, r.Kind, h.Outcome(r).Planted.Role.Name, diff+asked(h, r.Name))
			}
		}
	}
	if differ > 20 {
		tb.Errorf("and of %d others something else is said than is planted", differ-20)
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		tb.Errorf("%s is not in the hub", name)
	}
	return digests
}

func planted(o hub.Outcome) line {
	l := line{State: o.State, Reason: o.Reason}
	if o.State != store.ItemDone {
		return l
	}
	p := o.Planted
	l.Digest, l.Verdict, l.Category, l.Rules, l.Does = p.Digest, p.Role.Word, p.Role.Category, p.Role.Rules, p.Role.Does
	l.Vulnerability = p.Vulnerability
	for _, v := range hub.Packages() {
		if v.Severity == detonaut.Critical && slices.Contains(p.Packages, v.Name) {
			l.Criticals = append(l.Criticals, v.Name)
		}
	}
	if p.Secret {
		l.Secrets = 1
	}
	return l
}

func lineOf(r store.Result) line {
	l := line{Reason: r.Candidate.Reason}
	if r.Candidate.State == store.CandidateSkipped {
		l.State = store.ItemSkipped
	}
	if r.Item != nil {
		l.State, l.Reason = r.Item.State, r.Item.Reason
	}
	if l.State != store.ItemDone {
		if l.State == "" {
			l.State = store.ItemState(fmt.Sprintf("%s, without items", r.Candidate.State))
		}
		return l
	}
	l.Digest = string(r.Item.Digest)
	m := r.Measured
	if m == nil {
		l.Reason = "without a report"
		return l
	}
	l.Verdict, l.Category, l.Vulnerability = m.Verdict, m.Category, m.Vulnerability
	l.Rules = slices.Sorted(slices.Values(m.Rules))
	for _, p := range m.Criticals {
		l.Criticals = append(l.Criticals, p.Name)
	}
	slices.Sort(l.Criticals)
	if m.Secrets != nil {
		l.Secrets = m.Secrets.Count
	}
	if m.Run != nil {
		l.Does = hub.Does{
			AtOnce: m.Run.AtOnce(), Fails: m.Run.Exit != 0, Needs: m.Needs != "",
			Serves: m.Run.Serves(), Phones: m.Run.Phones(), Fetches: m.Run.Fetches != "",
		}
	}
	return l
}

// asked are the first requests about a repository.
func asked(h *hub.Hub, name string) string {
	var b strings.Builder
	n := 0
	for _, a := range h.Asked() {
		if strings.Contains(a.What, "/v2/"+name+"/") {
			if n++; n <= 20 {
				fmt.Fprintf(&b, "%s %s\n", a.At.Format(time.TimeOnly), a.What)
			}
		}
	}
	return b.String()
}

// Counts are how many repositories are in each state, with each reason.
func Counts(h *hub.Hub) map[string]int {
	counts := map[string]int{}
	for _, r := range h.Repositories() {
		o := h.Outcome(r)
		counts[strings.TrimSpace(string(o.State)+" "+string(o.Reason))]++
	}
	return counts
}

// Polite holds what was asked since began to what may be: at no time more than the rate, in requests
// a second, allows by then.
func Polite(tb testing.TB, h *hub.Hub, began time.Time, rate float64, burst int) {
	tb.Helper()
	asked := h.Asked()
	for i, a := range asked {
		if may := float64(burst) + rate*a.At.Sub(began).Seconds(); float64(i+1) > may {
			tb.Errorf("after %s there were %d requests, %.0f may be", a.At.Sub(began), i+1, may)
			break
		}
	}
	tb.Logf("%d requests in %s", len(asked), time.Since(began))
}
