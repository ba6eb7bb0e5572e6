package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
)

// sarifBuilder collects the results of one run, and the rules that they name.
type sarifBuilder struct {
	image      *detonaut.Image
	family     family
	rules      []sarifRule
	index      map[string]int // of a rule, by its id
	results    []sarifResult
	prints     map[string]int
	techniques []string
}

// rule adds a rule, or makes what is known of it as bad as this. It returns its index.
func (b *sarifBuilder) rule(rule *sarifRule, level string) int {
	i, ok := b.index[rule.ID]
	if !ok {
		i = len(b.rules)
		b.index[rule.ID] = i
		b.rules = append(b.rules, *rule)
		b.rules[i].DefaultConfiguration.Level = level
	}
	if known := &b.rules[i]; !ok || rule.rank > known.rank {
		known.rank, known.DefaultConfiguration.Level = rule.rank, level
		if rule.rank > 0 {
			known.Properties.SecuritySeverity = strconv.FormatFloat(rule.rank, 'f', 1, 64)
		}
	}
	return i
}

// finding adds the results of a finding: one for each file, since each is mended by
// itself, and one for all that has none.
func (b *sarifBuilder) finding(f *detonaut.Finding) {
	at := b.rule(findingRule(f, &b.techniques), sarifLevel(f.Severity))
	var keys []string
	groups := map[string][]detonaut.Evidence{}
	for _, e := range f.Evidence {
		key := evidenceKey(&e)
		if groups[key] == nil {
			keys = append(keys, key)
		}
		groups[key] = append(groups[key], e)
	}
	if len(keys) == 0 {
		keys = []string{""}
	}
	for _, key := range keys {
		text := f.Title
		group := groups[key]
		if len(group) > 0 && group[0].Summary != "" {
			text += ": " + group[0].Summary
		}
		res := sarifResult{
			RuleID: b.rules[at].ID, RuleIndex: at, Level: sarifLevel(f.Severity), Message: sarifText{Text: plainMessage(text)},
			PartialFingerprints: b.fingerprints(f.ID, key), Locations: b.places(group),
			Properties: map[string]any{"severity": f.Severity, "confidence": f.Confidence, "weakness": f.Weakness},
		}
		if s := f.Suppressed; s != nil {
			res.Suppressions = suppressions(s)
		}
		if len(keys) == 1 && f.Count > 0 {
			res.OccurrenceCount = f.Count
		}
		for name, v := range map[string]string{"category": string(f.Category), "family": f.Family} {
			if v != "" {
				res.Properties[name] = Escape(v)
			}
		}
		b.results = append(b.results, res)
	}
}

// evidenceKey names where evidence is, by what stays the same from run to run and
// from build to build: the path in the image; of a file that the run made its content,
// as its name may be drawn by lot. It is empty for events.
func evidenceKey(e *detonaut.Evidence) string {
	switch {
	case e.Layer == "" && len(e.Events) > 0 && e.SHA256 != "":
		return "sha256:" + e.SHA256
	case e.Path != "":
		return "path:" + e.Path
	}
	return ""
}

// fingerprints identify a result in later runs. Of equal ones (two versions of a package
// in one file) those after the first have a number. GitHub knows the second name only.
func (b *sarifBuilder) fingerprints(parts ...string) map[string]string {
	id := digestOf(append([]string{string(b.family)}, parts...)...)
	b.prints[id]++
	id = fmt.Sprintf("%s:%d", id, b.prints[id])
	return map[string]string{"detonaut/v1": id, "primaryLocationLineHash": id}
}

// findingRule describes what makes a claim.
func findingRule(f *detonaut.Finding, techniques *[]string) *sarifRule {
	meaning := cmp.Or(f.Meaning, f.Title)
	rule := &sarifRule{
		ID: ruleID(f.ID), ShortDescription: sarifText{Text: plainMessage(f.Title)}, FullDescription: sarifText{Text: plainMessage(meaning)},
		Help:       sarifText{Text: plainMessage(meaning), Markdown: markdownText(meaning)},
		Properties: &sarifRuleProperties{Tags: []string{"security"}, Precision: precision(f.Confidence)},
		rank:       securityRank(f.Severity),
	}
	if f.Category != "" {
		rule.Properties.Tags = append(rule.Properties.Tags, Escape(string(f.Category)))
	}
	if f.Weakness {
		rule.Properties.Tags = append(rule.Properties.Tags, "weakness")
	}
	for _, t := range f.Techniques {
		rule.Properties.Tags = append(rule.Properties.Tags, Escape(t))
		if technique.MatchString(t) {
			*techniques = append(*techniques, t)
			rule.Relationships = append(rule.Relationships, sarifRelationship{
				Target: sarifTarget{ID: t, ToolComponent: sarifComponentName{attack}}, Kinds: []string{"relevant"},
			})
		}
	}
	slices.Sort(rule.Properties.Tags) // a list without repetitions, says the schema
	rule.Properties.Tags = slices.Compact(rule.Properties.Tags)
	return rule
}

func precision(c detonaut.Confidence) string {
	return map[detonaut.Confidence]string{detonaut.Certain: "very-high", detonaut.Probable: "high", detonaut.Tentative: "medium"}[c]
}

// ruleID is never empty.
func ruleID(id string) string { return Escape(cmp.Or(id, "unknown")) }

// places are the locations of evidence, never none.
func (b *sarifBuilder) places(evidence []detonaut.Evidence) []sarifLocation {
	var list []sarifLocation
	for i := range evidence {
		e := &evidence[i]
		at := b.place(e.Path)
		var notes []string
		if e.Offset > 0 {
			notes = append(notes, fmt.Sprintf("at byte %d", e.Offset))
		}
		if e.Hidden {
			notes = append(notes, "in a lower layer only")
		}
		if e.Layer != "" {
			notes = append(notes, "in layer "+Escape(string(e.Layer)))
		}
		if e.Use != "" {
			notes = append(notes, strings.Trim(said(e.Use), " ()"))
		}
		if len(notes) > 0 {
			at.Message = &sarifText{Text: plainMessage(strings.Join(notes, ", "))}
		}
		for _, seq := range e.Events[:min(len(e.Events), maxEvidence)] {
			name := fmt.Sprintf("event %d", seq)
			at.LogicalLocations = append(at.LogicalLocations, sarifLogical{Name: name, FullyQualifiedName: "tape/" + name, Kind: "event"})
		}
		list = append(list, at)
	}
	if len(list) == 0 {
		list = []sarifLocation{b.place("")}
	}
	return list
}

// place is a file of the image, or, without a path, the image itself.
func (b *sarifBuilder) place(path string) sarifLocation {
	artifact := sarifArtifact{URI: escapeURI(cmp.Or(string(b.image.Ref), "image"))}
	if path != "" {
		artifact = sarifArtifact{URI: escapeURI(path), URIBaseID: sarifRoot}
	}
	// Without a line some would not show it.
	return sarifLocation{PhysicalLocation: sarifPhysical{ArtifactLocation: artifact, Region: &sarifRegion{StartLine: 1}}}
}

// vulnerability adds a result for a hole in one package.
func (b *sarifBuilder) vulnerability(v *detonaut.Vulnerability) {
	at := b.rule(vulnerabilityRule(v), sarifLevel(v.Severity))
	text := fmt.Sprintf("%s in %s %s", v.ID, v.Package, v.Version)
	switch {
	case len(v.Fixed) > 0:
		text += ", fixed in " + strings.Join(v.Fixed, ", ")
	case v.Fix == "wont-fix":
		text += ", which will not be fixed"
	}
	for _, note := range pressing(v) {
		text += ", " + note
	}
	location := b.place(v.Path)
	if v.Layer != "" {
		location.Message = &sarifText{Text: plainMessage("in layer " + string(v.Layer))}
	}
	location.LogicalLocations = []sarifLogical{{Name: Escape(v.Package), FullyQualifiedName: Escape(cmp.Or(v.PURL, v.Package)), Kind: "package"}}
	res := sarifResult{
		RuleID: b.rules[at].ID, RuleIndex: at, Level: sarifLevel(v.Severity), Message: sarifText{Text: plainMessage(text)},
		// Without the version: the same hole in the next one is no new one.
		PartialFingerprints: b.fingerprints(v.ID, v.Package, v.Type, v.Path), Locations: []sarifLocation{location},
		Properties: map[string]any{
			"severity": v.Severity, "package": Escape(v.Package), "version": Escape(v.Version), "type": Escape(v.Type), "fix": Escape(v.Fix),
			"knownExploited": v.Exploited, "reached": v.Reached, "epss": v.EPSS,
		},
	}
	if s := v.Suppressed; s != nil {
		res.Suppressions = suppressions(s)
	}
	b.results = append(b.results, res)
}

func suppressions(s *detonaut.Suppression) []sarifSuppressed {
	return []sarifSuppressed{{Kind: "external", Status: "accepted", Justification: plainMessage(s.Reason)}}
}

func vulnerabilityRule(v *detonaut.Vulnerability) *sarifRule {
	about := cmp.Or(v.Description, v.ID)
	rule := &sarifRule{
		ID: ruleID(v.ID), ShortDescription: sarifText{Text: plainMessage(v.ID + " in " + v.Package)}, FullDescription: sarifText{Text: plainMessage(about)},
		Properties: &sarifRuleProperties{Tags: []string{"security", "vulnerability"}, Precision: "very-high"},
		rank:       scoreRank(v),
	}
	rule.HelpURI = sourceOf(v.ID).URL
	for _, u := range v.URLs {
		if rule.HelpURI == "" && webURL(u) {
			rule.HelpURI = u
		}
	}
	rule.Help = sarifText{Text: plainMessage(about), Markdown: markdownText(about)}
	if rule.HelpURI != "" {
		rule.Help.Text += "\n" + rule.HelpURI
	}
	return rule
}

// pressing are the reasons to mend a hole before others.
func pressing(v *detonaut.Vulnerability) (notes []string) {
	if v.Exploited {
		notes = append(notes, "known exploited")
	}
	if v.Reached {
		notes = append(notes, "reached at run time")
	}
	return notes
}
