package detonaut

import "slices"

// Finding is one claim about a subject, with the evidence for it. Findings of
// static analysis and of detonation have the same form.
type Finding struct {
	// ID is the id of the rule or analyzer that makes the claim, such as
	// "impact/mining-pool".
	ID string `json:"id"`
	// Title is the claim in a few words.
	Title string `json:"title"`
	// Meaning says in one plain sentence why it matters.
	Meaning string `json:"meaning,omitempty"`
	// Severity is how bad it is if it is true.
	Severity Severity `json:"severity"`
	// Confidence is how sure the claim is.
	Confidence Confidence `json:"confidence"`
	// Category is the kind of threat, empty for a behaviour that is not one
	// in itself.
	Category Category `json:"category,omitempty"`
	// Weakness is set for what others could use against whoever runs the image: it
	// is no sign of what the image itself is up to, and weighs nothing in a verdict.
	Weakness bool `json:"weakness,omitempty"`
	// Family is the name by which the threat or the tool is known, such as "xmrig",
	// where the rule can tell.
	Family string `json:"family,omitempty"`
	// Techniques are ids of MITRE ATT&CK techniques, such as "T1059.004".
	Techniques []string `json:"techniques,omitempty"`
	// Suppressed is set when somebody decided that it does not matter here: never of
	// one that is no weakness.
	Suppressed *Suppression `json:"suppressed,omitempty"`
	// Count is how often the behaviour was seen; at least 1.
	Count int `json:"count"`
	// Evidence leads back to the facts, the first occurrence first. It is
	// never empty, and bounded: Count may be greater.
	Evidence []Evidence `json:"evidence"`
}

// Evidence is one place where a claim can be checked: events of the tape, a file
// of the image, or a payload of the run, which has both.
type Evidence struct {
	// Events are sequence numbers on the tape.
	Events []uint64 `json:"events,omitempty"`
	// Summary is what the events or bytes show, in one line. It contains
	// strings of the subject: escape it.
	Summary string `json:"summary,omitempty"`
	// Layer, Path and Offset (in bytes) are a place in the image; without Layer in
	// a file that the run made.
	Layer  Digest `json:"layer,omitempty"`
	Path   string `json:"path,omitempty"`
	Offset int64  `json:"offset,omitempty"`
	// SHA256 is the hash of the file's content, in hex.
	SHA256 string `json:"sha256,omitempty"`
	// Hidden is set when the file is in a lower layer only: an upper one removed or
	// replaced it.
	Hidden bool `json:"hidden,omitempty"`
	// Use is what the run had to do with the file; empty for one of the image that it did
	// not run.
	Use Use `json:"use,omitempty"`
}

// Use is what a run had to do with a file.
type Use string

// Uses of files.
const (
	Ran        Use = "ran"         // it was in the image, and was executed or loaded
	Dropped    Use = "dropped"     // the run made it
	DroppedRan Use = "dropped-ran" // the run made it, and executed or loaded it
)

// Uses lists every use, that which says least first.
func Uses() []Use { return []Use{Dropped, Ran, DroppedRan} }

// Severity is how bad something is. The words are those of vulnerability
// databases, and serve findings as well.
type Severity string

// Severities, worst first; see [Severity.Rank].
const (
	Critical        Severity = "critical"
	High            Severity = "high"
	Medium          Severity = "medium"
	Low             Severity = "low"
	Negligible      Severity = "negligible"
	NoSeverity      Severity = "none"
	UnknownSeverity Severity = "unknown"
)

// Severities lists every severity, worst first.
func Severities() []Severity {
	return []Severity{Critical, High, Medium, Low, Negligible, NoSeverity, UnknownSeverity}
}

// Rank orders severities: greater is worse. Unknown ranks below none, because
// nothing can be decided on it. A word that is no severity ranks as unknown.
func (s Severity) Rank() int {
	all := Severities()
	for i, t := range all {
		if s == t {
			return len(all) - 1 - i
		}
	}
	return 0
}

// Confidence is how sure a claim is.
type Confidence string

// Confidences. Certain is for what was seen and has one meaning only.
const (
	Certain   Confidence = "certain"
	Probable  Confidence = "probable"
	Tentative Confidence = "tentative"
)

// Confidences lists every confidence, the surest first.
func Confidences() []Confidence { return []Confidence{Certain, Probable, Tentative} }

// Rank orders confidences: greater is surer. A word that is no confidence ranks
// below all.
func (c Confidence) Rank() int {
	all := Confidences()
	if i := slices.Index(all, c); i >= 0 {
		return len(all) - i
	}
	return 0
}

// Category is a kind of threat.
type Category string

// Categories of threats.
const (
	Miner            Category = "miner"
	Hacktool         Category = "hacktool"
	Backdoor         Category = "backdoor"
	Trojan           Category = "trojan"
	Webshell         Category = "webshell"
	Rootkit          Category = "rootkit"
	Ransomware       Category = "ransomware"
	Exploit          Category = "exploit"
	Worm             Category = "worm"
	Proxy            Category = "proxy"
	Dropper          Category = "dropper"
	WindowsMalware   Category = "windows-malware"
	MaliciousPackage Category = "malicious-package"
	DataTheft        Category = "data-theft"
)

// Categories lists every category.
func Categories() []Category {
	return []Category{
		Miner, Hacktool, Backdoor, Trojan, Webshell, Rootkit, Ransomware, Exploit, Worm, Proxy,
		Dropper, WindowsMalware, MaliciousPackage, DataTheft,
	}
}
