package verdict

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/detonaut/detonaut"
)

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
			got := Decide(randomImage(r), findings, c, s)
			if got.Word == detonaut.Clean {
				t.Fatalf("%s, try %d: %+v for findings %+v, coverage %+v, stages %+v", name, i, got, findings, c, s)
			}
		}
	}
}

// TestFindingsOnlyMakeItWorse adds a finding to random inputs.
func TestFindingsOnlyMakeItWorse(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 20000 {
		img, findings := randomImage(r), randomFindings(r)
		c := full
		c.Full = r.IntN(2) == 0
		before := Decide(img, findings, c, stages)
		after := Decide(img, append(findings, randomFindings(r)...), c, stages)
		if after.Word.Rank() < before.Word.Rank() {
			t.Fatalf("try %d: %s became %s with more findings", i, before.Word, after.Word)
		}
		if before.Word == after.Word && after.Declared && before.Word == detonaut.Unwanted && !before.Declared {
			t.Fatalf("try %d: what was hidden is declared with more findings", i)
		}
	}
}

// TestDeclaring holds what an image says of itself to making nothing worse, and
// nothing better than unwanted, and to excusing no threat.
func TestDeclaring(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	declared := 0
	for i := range 20000 {
		findings := randomFindings(r)
		silent := Decide(detonaut.Image{}, findings, full, stages)
		img := randomImage(r)
		said := Decide(img, findings, full, stages)
		if said.Declared {
			declared++
		}
		switch {
		case said.Word.Rank() > silent.Word.Rank():
			t.Fatalf("try %d: %+v made %s of %s", i, img, said.Word, silent.Word)
		case said.Word != silent.Word && (silent.Word != detonaut.Malicious || said.Word != detonaut.Unwanted):
			t.Fatalf("try %d: %+v made %s of %s", i, img, said.Word, silent.Word)
		case said.Declared && said.Word != detonaut.Unwanted || silent.Declared:
			t.Fatalf("try %d: declared and %s", i, said.Word)
		case said.Word != silent.Word && slices.ContainsFunc(findings, threat):
			t.Fatalf("try %d: a name excuses %+v", i, findings)
		}
	}
	if declared == 0 {
		t.Error("nothing was ever declared")
	}
}

// threat tells whether f alone makes a subject malicious, whatever it is called.
func threat(f detonaut.Finding) bool {
	tool := []detonaut.Category{"", detonaut.Miner, detonaut.Hacktool, detonaut.Proxy}
	return f.Severity.Rank() >= detonaut.High.Rank() && (f.Confidence == detonaut.Certain || f.Confidence == detonaut.Probable) &&
		!slices.Contains(tool, f.Category)
}

// subject is what a subject may have put anywhere. None of it is in a sentence.
const subject = "evil\x1b[2J\u202emark"

// TestEveryVerdictSaysWhy looks at the reasons and the sentence of random inputs.
func TestEveryVerdictSaysWhy(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for i := range 20000 {
		img := randomImage(r)
		img.Config.Cmd, img.Config.Env = []string{subject}, []string{subject}
		findings := randomFindings(r)
		for j := range findings {
			findings[j].Evidence = append(findings[j].Evidence, detonaut.Evidence{Summary: subject, Path: subject, SHA256: subject})
			if r.IntN(4) == 0 {
				findings[j].Family = subject
			}
		}
		c, s := full, slices.Clone(stages)
		if r.IntN(2) == 0 {
			c = detonaut.Coverage{Gaps: []string{"the subject ran into a limit of its plan: " + subject}}
		}
		if r.IntN(2) == 0 {
			s[1] = detonaut.Stage{Name: detonaut.StageDetonate, State: detonaut.Skipped, Reason: subject}
		}
		got := Decide(img, findings, c, s)
		known := func(id string) bool {
			return slices.ContainsFunc(findings, func(f detonaut.Finding) bool { return f.ID == id })
		}
		if len(got.Reasons) == 0 || slices.ContainsFunc(got.Reasons, func(r detonaut.Reason) bool { return r.Finding != "" && !known(r.Finding) }) {
			t.Fatalf("try %d: reasons %+v of findings %+v", i, got.Reasons, findings)
		}
		text := got.Sentence
		if len(text) < 10 || len(text) > 600 || !strings.HasSuffix(text, ".") || !unicode.IsUpper(rune(text[0])) {
			t.Fatalf("try %d: %q is no sentence", i, text)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Contains(text, "evil") || strings.Contains(text, "mark") {
			t.Fatalf("try %d: %q has what is not ours", i, text)
		}
	}
}

// titles are those of rules, ours and others'.
var titles = []string{"Runs a program", "A server starts a shell", "Process injection", "", "DNS tunnel", "É", "a", "Its end.\x1b[0m", strings.Repeat("Says much ", 99)}

func randomFindings(r *rand.Rand) []detonaut.Finding {
	severities := append(detonaut.Severities(), "odd")
	confidences := append(detonaut.Confidences(), "")
	categories := append(detonaut.Categories(), "", "", "", "odd", detonaut.Miner, detonaut.Hacktool)
	findings := make([]detonaut.Finding, r.IntN(5))
	for i := range findings {
		f := finding(fmt.Sprintf("%c/f%d", 'a'+r.IntN(4), i), severities[r.IntN(len(severities))],
			confidences[r.IntN(len(confidences))], categories[r.IntN(len(categories))])
		if r.IntN(2) == 0 { // the worst are the most interesting
			f.Severity, f.Confidence = severities[r.IntN(2)], confidences[r.IntN(2)]
		}
		f.Title = titles[r.IntN(len(titles))]
		f.Family = []string{"", "nmap", "xmrig", "other tool"}[r.IntN(4)]
		if r.IntN(3) > 0 {
			f.Evidence = []detonaut.Evidence{{Events: []uint64{r.Uint64N(4), r.Uint64N(4)}}}
		}
		findings[i] = f
	}
	return findings
}

func randomImage(r *rand.Rand) detonaut.Image {
	refs := []detonaut.Ref{"", "-", "nginx", "instrumentisto/nmap:7", "a.example:5000/x/xmrig@sha256:ab", "oci-dir:nmap", "docker:other-tool", "miner"}
	img := detonaut.Image{Ref: refs[r.IntN(len(refs))], Platform: "linux/amd64"}
	if r.IntN(3) == 0 {
		img.Config.Labels = map[string]string{
			[]string{"name", "org.opencontainers.image.title", "description"}[r.IntN(3)]: []string{"nmap", "The XMRig miner", subject}[r.IntN(3)],
		}
	}
	return img
}
