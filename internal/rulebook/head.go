package rulebook

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// Attack is the version of MITRE ATT&CK (Enterprise) whose ids rules name. Its
// techniques are at https://attack.mitre.org/versions/v18/.
const Attack = "18.0"

// Head is what all rules say: the claim that they make, without its evidence.
type Head struct {
	ID         string   `yaml:"id"`
	Title      string   `yaml:"title"`
	Meaning    string   `yaml:"meaning"`
	Severity   string   `yaml:"severity"`
	Confidence string   `yaml:"confidence"`
	Category   string   `yaml:"category"`
	Family     string   `yaml:"family"`
	Attack     []string `yaml:"attack"`
	References []string `yaml:"references"`
}

// Finding is the claim, without count and evidence.
func (h *Head) Finding() detonaut.Finding {
	return detonaut.Finding{
		ID: h.ID, Title: h.Title, Meaning: h.Meaning, Severity: detonaut.Severity(h.Severity),
		Confidence: detonaut.Confidence(h.Confidence), Category: detonaut.Category(h.Category), Family: h.Family, Techniques: h.Attack,
	}
}

// Refusal is something that a document must not be.
type Refusal struct {
	bad   bool
	field string
	err   func() error
}

// Refuse refuses a document for what is in a field, if that is bad, and says why.
func Refuse(bad bool, field, format string, args ...any) Refusal {
	return Refusal{bad, field, func() error { return fmt.Errorf(format, args...) }}
}

// First is the error of the first refusal of what is bad.
func (l *Lines) First(of ...Refusal) error {
	for _, r := range of {
		if r.bad {
			return l.At(r.field, r.err())
		}
	}
	return nil
}

// CheckHead reports the first thing in the head that makes no sense.
func (h *Head) CheckHead(l *Lines) error {
	severities, confidences := detonaut.Severities()[:5], detonaut.Confidences()
	err := l.First(
		Refuse(h.ID == "" || h.Title == "" || h.Meaning == "", "id", "id, title and meaning are required"),
		Refuse(strings.ContainsRune(h.Title, '\n'), "title", "the title is one line"),
		Refuse(strings.ContainsRune(h.Meaning, '\n'), "meaning", "the meaning is one line"),
		Refuse(!slices.Contains(severities, detonaut.Severity(h.Severity)), "severity", "severity %q is none of %v", h.Severity, severities),
		Refuse(!slices.Contains(confidences, detonaut.Confidence(h.Confidence)), "confidence", "confidence %q is none of %v", h.Confidence, confidences),
		Refuse(h.Category != "" && !slices.Contains(detonaut.Categories(), detonaut.Category(h.Category)), "category", "category %q is unknown", h.Category),
	)
	return cmp.Or(err, l.At("attack", checkTechniques(h.Attack)), l.At("family", checkFamily(h.Family)))
}

// techniqueID is the form of an id: a technique, or a part of one.
var techniqueID = regexp.MustCompile(`^T[1-9][0-9]{3}(\.[0-9]{3})?$`)

// maxTechniques is how many techniques a rule names at most.
const maxTechniques = 16

// checkTechniques refuses what is no id. Whether there is such a technique is not
// looked at: a rule may name one of a later version.
func checkTechniques(ids []string) error {
	if len(ids) > maxTechniques {
		return fmt.Errorf("more than %d techniques", maxTechniques)
	}
	seen := make(map[string]bool)
	for _, id := range ids {
		if !techniqueID.MatchString(id) {
			return fmt.Errorf("attack %q is no id such as T1059 or T1059.004", id)
		}
		if seen[id] {
			return fmt.Errorf("attack %s is named twice", id)
		}
		seen[id] = true
	}
	return nil
}

// familyName is the form of the name of a family.
var familyName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,30}[a-z0-9])?$`)

// checkFamily refuses what is no name.
func checkFamily(name string) error {
	if name != "" && !familyName.MatchString(name) {
		return fmt.Errorf("family %q is no short name in lower case, such as xmrig", name)
	}
	return nil
}
