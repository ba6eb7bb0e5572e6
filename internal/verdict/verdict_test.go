package verdict

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
)

var (
	full   = detonaut.Coverage{Full: true, Events: 10}
	stages = []detonaut.Stage{
		{Name: detonaut.StagePull, State: detonaut.Complete},
		{Name: detonaut.StageDetonate, State: detonaut.Complete},
		{Name: detonaut.StageExplain, State: detonaut.Complete},
	}
)

func finding(id string, s detonaut.Severity, c detonaut.Confidence, k detonaut.Category) detonaut.Finding {
	return detonaut.Finding{ID: id, Title: "title of " + id, Severity: s, Confidence: c, Category: k, Count: 1}
}

func TestDecide(t *testing.T) {
	dropper := finding("drop", detonaut.High, detonaut.Probable, detonaut.Dropper)
	doubtful := finding("doubt", detonaut.Critical, detonaut.Tentative, detonaut.Backdoor)
	miner := finding("mine", detonaut.High, detonaut.Certain, detonaut.Miner)
	tool := finding("tool", detonaut.Medium, detonaut.Probable, detonaut.Hacktool)
	odd := finding("odd", detonaut.Critical, detonaut.Certain, "")
	mild := finding("mild", detonaut.Medium, detonaut.Tentative, "")
	small := finding("small", detonaut.Low, detonaut.Certain, detonaut.Exploit)
	unsaid := finding("unsaid", "", detonaut.Certain, detonaut.Exploit)
	gap := detonaut.Coverage{Gaps: []string{"3 events were lost"}, Dropped: 3}
	bare := func(text string) []detonaut.Reason { return []detonaut.Reason{{Text: text}} }
	because := func(ids ...string) (reasons []detonaut.Reason) {
		for _, id := range ids {
			reasons = append(reasons, detonaut.Reason{Text: "title of " + id, Finding: id})
		}
		return reasons
	}
	for name, tt := range map[string]struct {
		findings []detonaut.Finding
		coverage detonaut.Coverage
		stages   []detonaut.Stage
		word     detonaut.Word
		reasons  []detonaut.Reason
	}{
		"a sure threat is malicious":                {[]detonaut.Finding{mild, miner, dropper}, full, stages, detonaut.Malicious, because("drop", "mine", "mild")},
		"a threat outweighs a gap":                  {[]detonaut.Finding{dropper}, gap, stages, detonaut.Malicious, append(because("drop"), bare("3 events were lost")...)},
		"a miner alone is unwanted":                 {[]detonaut.Finding{miner}, full, stages, detonaut.Unwanted, because("mine")},
		"a tool and something odd is unwanted":      {[]detonaut.Finding{odd, tool}, full, stages, detonaut.Unwanted, because("tool", "odd")},
		"a doubtful threat is suspicious":           {[]detonaut.Finding{doubtful}, full, stages, detonaut.Suspicious, because("doubt")},
		"a behaviour that is no threat in itself":   {[]detonaut.Finding{odd}, full, stages, detonaut.Suspicious, because("odd")},
		"medium is enough for suspicion":            {[]detonaut.Finding{mild}, gap, stages, detonaut.Suspicious, append(because("mild"), bare("3 events were lost")...)},
		"low is not":                                {[]detonaut.Finding{small}, full, stages, detonaut.Clean, bare("nothing bad was seen, and nothing was missed")},
		"a gap is inconclusive":                     {[]detonaut.Finding{small}, gap, stages, detonaut.Inconclusive, bare("3 events were lost")},
		"coverage that is not full without a word":  {nil, detonaut.Coverage{}, stages, detonaut.Inconclusive, bare("not everything was observed")},
		"coverage that claims to be full":           {nil, detonaut.Coverage{Full: true, Dropped: 2}, stages, detonaut.Inconclusive, bare("2 events were lost")},
		"a severity that is no word":                {[]detonaut.Finding{unsaid}, full, stages, detonaut.Inconclusive, bare("finding unsaid has no known severity or confidence")},
		"nothing bad and nothing missed is clean":   {nil, full, stages, detonaut.Clean, bare("nothing bad was seen, and nothing was missed")},
		"a stage that was not run":                  {nil, full, stages[:2], detonaut.Inconclusive, bare("explain did not run")},
		"a stage that was skipped":                  {nil, full, append(stages[:2:2], detonaut.Stage{Name: detonaut.StageExplain, State: detonaut.Skipped, Reason: "asked to"}), detonaut.Inconclusive, bare("explain was skipped: asked to")},
		"a stage of which nothing is known, at all": {nil, full, append(stages[:3:3], detonaut.Stage{Name: "static"}), detonaut.Inconclusive, bare("static is unknown")},
	} {
		t.Run(name, func(t *testing.T) {
			want := detonaut.Verdict{Word: tt.word, Reasons: tt.reasons, Vulnerability: detonaut.UnknownSeverity}
			if diff := cmp.Diff(want, Decide(tt.findings, tt.coverage, tt.stages)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNeverCleanWithAGap tries every kind of gap beside many random inputs:
// nothing else may make them clean.
func TestNeverCleanWithAGap(t *testing.T) {
	states := []detonaut.State{detonaut.Partial, detonaut.Failed, detonaut.Skipped, "", "odd"}
	gaps := map[string]func(r *rand.Rand, c *detonaut.Coverage, s *[]detonaut.Stage){
		"not full": func(_ *rand.Rand, c *detonaut.Coverage, _ *[]detonaut.Stage) { c.Full = false },
		"a gap": func(r *rand.Rand, c *detonaut.Coverage, _ *[]detonaut.Stage) {
			c.Gaps = append(c.Gaps, []string{"", "lost"}[r.IntN(2)])
		},
		"dropped": func(r *rand.Rand, c *detonaut.Coverage, _ *[]detonaut.Stage) { c.Dropped = 1 + r.Uint64N(9) },
		"stage": func(r *rand.Rand, _ *detonaut.Coverage, s *[]detonaut.Stage) {
			(*s)[r.IntN(len(*s))].State = states[r.IntN(len(states))]
		},
		"missing": func(_ *rand.Rand, _ *detonaut.Coverage, s *[]detonaut.Stage) { *s = (*s)[:2] },
		"nothing": func(_ *rand.Rand, _ *detonaut.Coverage, s *[]detonaut.Stage) { *s = nil },
	}
	r := rand.New(rand.NewPCG(1, 2))
	for name, open := range gaps {
		for i := range 2000 {
			c := full
			s := append([]detonaut.Stage(nil), stages...)
			findings := randomFindings(r)
			open(r, &c, &s)
			got := Decide(findings, c, s)
			if got.Word == detonaut.Clean || len(got.Reasons) == 0 {
				t.Fatalf("%s, try %d: %+v for findings %+v, coverage %+v, stages %+v", name, i, got, findings, c, s)
			}
		}
	}
}

// TestFindingsOnlyMakeItWorse adds a finding to random inputs.
func TestFindingsOnlyMakeItWorse(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 5000 {
		findings := randomFindings(r)
		c := full
		c.Full = r.IntN(2) == 0
		before := Decide(findings, c, stages)
		after := Decide(append(findings, randomFindings(r)...), c, stages)
		if after.Word.Rank() < before.Word.Rank() {
			t.Fatalf("try %d: %s became %s with more findings", i, before.Word, after.Word)
		}
	}
}

func randomFindings(r *rand.Rand) []detonaut.Finding {
	severities := append(detonaut.Severities(), "odd")
	confidences := append(detonaut.Confidences(), "")
	categories := append(detonaut.Categories(), "")
	findings := make([]detonaut.Finding, r.IntN(4))
	for i := range findings {
		findings[i] = finding(fmt.Sprint("f", i), severities[r.IntN(len(severities))],
			confidences[r.IntN(len(confidences))], categories[r.IntN(len(categories))])
	}
	return findings
}
