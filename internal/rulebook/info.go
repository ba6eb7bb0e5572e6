package rulebook

import "github.com/detonaut/detonaut"

// Info is what is told of a rule without its source: by "rules list", and by the site.
type Info struct {
	ID string `json:"id"`
	// Kind is "behavior", of what an image does, or "file".
	Kind       string              `json:"kind"`
	Title      string              `json:"title"`
	Meaning    string              `json:"meaning,omitempty"`
	Severity   detonaut.Severity   `json:"severity"`
	Confidence detonaut.Confidence `json:"confidence"`
	Category   detonaut.Category   `json:"category,omitempty"`
	Family     string              `json:"family,omitempty"`
	Techniques []string            `json:"techniques,omitempty"`
	References []string            `json:"references,omitempty"`
}

// InfoOf is that of a rule of a kind that claims f.
func InfoOf(kind string, f *detonaut.Finding, references []string) Info {
	return Info{f.ID, kind, f.Title, f.Meaning, f.Severity, f.Confidence, f.Category, f.Family, f.Techniques, references}
}
