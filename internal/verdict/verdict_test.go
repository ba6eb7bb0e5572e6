package verdict

import (
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
	weak := finding("weak", detonaut.Critical, detonaut.Certain, "")
	weak.Weakness = true
	dropper2 := finding("drop2", detonaut.High, detonaut.Certain, detonaut.Dropper)
	lesser := finding("less", detonaut.Medium, detonaut.Probable, detonaut.Trojan)
	about := func(f detonaut.Finding, uses ...detonaut.Use) detonaut.Finding {
		f.Evidence = nil
		for i, u := range uses {
			e := detonaut.Evidence{Path: "/x", SHA256: "b0", Use: u}
			if u != "" && u != detonaut.Ran {
				e.Events = []uint64{uint64(i)}
			}
			f.Evidence = append(f.Evidence, e)
		}
		return f
	}
	also := func(name string, state detonaut.State) []detonaut.Stage {
		return append(stages[:3:3], detonaut.Stage{Name: name, State: state, Reason: "why"})
	}
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
		"a sure threat is malicious":                     {[]detonaut.Finding{mild, miner, dropper}, full, stages, detonaut.Malicious, because("drop", "mine", "mild")},
		"a threat outweighs a gap":                       {[]detonaut.Finding{dropper}, gap, stages, detonaut.Malicious, append(because("drop"), bare("3 events were lost")...)},
		"a miner alone is unwanted":                      {[]detonaut.Finding{miner}, full, stages, detonaut.Unwanted, because("mine")},
		"a tool and something odd is unwanted":           {[]detonaut.Finding{odd, tool}, full, stages, detonaut.Unwanted, because("tool", "odd")},
		"a doubtful threat is suspicious":                {[]detonaut.Finding{doubtful}, full, stages, detonaut.Suspicious, because("doubt")},
		"a behaviour that is no threat in itself":        {[]detonaut.Finding{odd}, full, stages, detonaut.Suspicious, because("odd")},
		"medium is enough for suspicion":                 {[]detonaut.Finding{mild}, gap, stages, detonaut.Suspicious, append(because("mild"), bare("3 events were lost")...)},
		"low is not":                                     {[]detonaut.Finding{small}, full, stages, detonaut.Clean, bare("nothing bad was seen, and nothing was missed")},
		"a weakness is no deed":                          {[]detonaut.Finding{weak}, full, stages, detonaut.Clean, bare("nothing bad was seen, and nothing was missed")},
		"no database of vulnerabilities":                 {nil, full, also(detonaut.StageVulnerabilities, detonaut.Skipped), detonaut.Clean, bare("nothing bad was seen, and nothing was missed")},
		"a broken manifest of a package":                 {nil, full, also(detonaut.StageInventory, detonaut.Partial), detonaut.Clean, bare("nothing bad was seen, and nothing was missed")},
		"no list of packages":                            {nil, full, also(detonaut.StagePackages, detonaut.Skipped), detonaut.Inconclusive, bare("malicious-packages was skipped: why")},
		"programs of the image that were not read":       {nil, full, also("image/program", detonaut.Partial), detonaut.Inconclusive, bare("image/program is partial: why")},
		"a file that is surely a threat, and lies there": {[]detonaut.Finding{about(dropper2, "")}, full, stages, detonaut.Malicious, because("drop2")},
		"a file that is probably one, and lies there":    {[]detonaut.Finding{about(dropper, "")}, full, stages, detonaut.Suspicious, because("drop")},
		"a file that is probably one, and was left":      {[]detonaut.Finding{about(dropper, detonaut.Dropped)}, full, stages, detonaut.Suspicious, because("drop")},
		"a file that is probably one, and ran":           {[]detonaut.Finding{about(dropper, detonaut.Ran)}, full, stages, detonaut.Malicious, because("drop")},
		"a lesser threat that ran":                       {[]detonaut.Finding{about(lesser, detonaut.Ran)}, full, stages, detonaut.Suspicious, because("less")},
		"a lesser threat that was dropped, and ran":      {[]detonaut.Finding{about(lesser, detonaut.DroppedRan)}, full, stages, detonaut.Malicious, because("less")},
		"one of several that ran":                        {[]detonaut.Finding{about(dropper, "", detonaut.Ran, detonaut.Dropped)}, full, stages, detonaut.Malicious, because("drop")},
		"a miner that ran":                               {[]detonaut.Finding{about(miner, detonaut.Ran)}, full, stages, detonaut.Unwanted, because("mine")},
		"a miner that was dropped, and ran":              {[]detonaut.Finding{about(miner, detonaut.DroppedRan)}, full, stages, detonaut.Malicious, because("mine")},
		"a tool that was dropped, and ran":               {[]detonaut.Finding{about(tool, detonaut.DroppedRan)}, full, stages, detonaut.Unwanted, because("tool")},
		"a gap is inconclusive":                          {[]detonaut.Finding{small}, gap, stages, detonaut.Inconclusive, bare("3 events were lost")},
		"coverage that is not full without a word":       {nil, detonaut.Coverage{}, stages, detonaut.Inconclusive, bare("not everything was observed")},
		"coverage that claims to be full":                {nil, detonaut.Coverage{Full: true, Dropped: 2}, stages, detonaut.Inconclusive, bare("2 events were lost")},
		"a severity that is no word":                     {[]detonaut.Finding{unsaid}, full, stages, detonaut.Inconclusive, bare("finding unsaid has no known severity or confidence")},
		"nothing bad and nothing missed is clean":        {nil, full, stages, detonaut.Clean, bare("nothing bad was seen, and nothing was missed")},
		"a stage that was not run":                       {nil, full, stages[:2], detonaut.Inconclusive, bare("explain did not run")},
		"a stage that was skipped":                       {nil, full, append(stages[:2:2], detonaut.Stage{Name: detonaut.StageExplain, State: detonaut.Skipped, Reason: "asked to"}), detonaut.Inconclusive, bare("explain was skipped: asked to")},
		"a stage of which nothing is known, at all":      {nil, full, append(stages[:3:3], detonaut.Stage{Name: "static"}), detonaut.Inconclusive, bare("static is unknown")},
	} {
		t.Run(name, func(t *testing.T) {
			got := Decide(detonaut.Image{}, tt.findings, tt.coverage, tt.stages)
			want := detonaut.Verdict{
				Word: tt.word, Reasons: tt.reasons, Vulnerability: detonaut.UnknownSeverity,
				Sentence: got.Sentence, Category: got.Category, // TestSentence looks at these
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}
