package detonaut

// Word is the one word of a verdict.
type Word string

// Words of a verdict, worst first.
const (
	// Malicious: it does harm that nobody who runs it can want.
	Malicious Word = "malicious"
	// Unwanted: a miner, a hacking tool or proxyware and nothing worse; some run
	// it on purpose, most would want to know.
	Unwanted Word = "unwanted"
	// Suspicious: something was seen that an analyst should look at.
	Suspicious Word = "suspicious"
	// Inconclusive: nothing bad was seen, and not everything was seen. Our own
	// failures end here, never at clean.
	Inconclusive Word = "inconclusive"
	// Clean: nothing bad was seen with full coverage.
	Clean Word = "clean"
)

// Words lists the words of a verdict, worst first.
func Words() []Word { return []Word{Malicious, Unwanted, Suspicious, Inconclusive, Clean} }

// Rank orders words: greater is worse, clean is 0. A word that is none of
// ours ranks as inconclusive.
func (w Word) Rank() int {
	all := Words()
	for i, v := range all {
		if w == v {
			return len(all) - 1 - i
		}
	}
	return Inconclusive.Rank()
}

// Verdict is the judgement on a subject.
type Verdict struct {
	Word Word `json:"word"`
	// Sentence says why in one plain sentence, for people. Strings of the subject
	// are not in it.
	Sentence string `json:"sentence"`
	// Category and Family are those of the finding that decided; empty if it has
	// none, or none did. If it has no family, another one that decided with it and
	// is of its category may.
	Category Category `json:"category,omitempty"`
	Family   string   `json:"family,omitempty"`
	// Declared is set when the name or the labels of the image say that it holds the
	// tool for which it is unwanted.
	Declared bool `json:"declared,omitempty"`
	// Reasons say why, the weightiest first. Never empty.
	Reasons []Reason `json:"reasons"`
	// Vulnerability is the worst severity of a known vulnerability in the
	// image; unknown when none were looked for.
	Vulnerability Severity `json:"vulnerability"`
}

// Reason is one reason for a verdict.
type Reason struct {
	Text string `json:"text"`
	// Finding is the ID of the finding that it rests on; empty when it rests
	// on what was not seen.
	Finding string `json:"finding,omitempty"`
}
