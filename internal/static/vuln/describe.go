package vuln

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/vulnerability"

	"github.com/detonaut/detonaut"
)

// Bounds of what is said of one hole: bytes of a description and of any other text, and
// how many URLs, aliases and fixed versions there are.
const (
	maxDescription = 300
	maxText        = 1000
	maxURLs        = 5
	maxAliases     = 20
	maxFixed       = 20
)

// describe says in our words what grype found: each hole of a package once, the worst
// first.
func (d *Database) describe(ctx context.Context, packages list, found []match.Match) ([]detonaut.Vulnerability, error) {
	known, err := d.details(ctx, found)
	if err != nil {
		return nil, err
	}
	all := make([]detonaut.Vulnerability, 0, len(found))
	for i := range found {
		v := describeMatch(&found[i], known)
		if of := packages.at(found[i].Package.ID); of != nil && len(of.Locations) > 0 {
			v.Path, v.Layer = bounded(of.Locations[0].Path, maxText), of.Locations[0].Layer
		}
		all = append(all, v)
	}
	slices.SortFunc(all, byPackage)
	all = join(all)
	slices.SortFunc(all, Compare)
	return all, nil
}

func describeMatch(m *match.Match, known details) detonaut.Vulnerability {
	hole := &m.Vulnerability
	v := detonaut.Vulnerability{
		Source: bounded(hole.Namespace, maxText), Severity: detonaut.UnknownSeverity, Fix: fixState(hole.Fix.State),
		Package: bounded(m.Package.Name, maxText), Version: bounded(m.Package.Version, maxText),
		Type: string(m.Package.Type), PURL: bounded(m.Package.PURL, maxText),
	}
	var cves []string
	v.ID, v.Aliases, cves = names(hole)
	for _, fixed := range hole.Fix.Versions {
		v.Fixed = append(v.Fixed, bounded(fixed, maxText))
	}
	slices.Sort(v.Fixed)
	v.Fixed = head(slices.Compact(v.Fixed), maxFixed)
	apply(&v, hole.Metadata)
	for _, cve := range cves {
		known[cve].apply(&v)
	}
	return v
}

// apply takes over what a record says that is not known already.
func apply(v *detonaut.Vulnerability, about *vulnerability.Metadata) {
	if about == nil {
		return
	}
	if v.Severity == detonaut.UnknownSeverity {
		v.Severity = severity(about.Severity)
	}
	if v.Vector == "" {
		v.Score, v.Vector = score(about.Cvss)
	}
	if v.Description == "" {
		v.Description = bounded(oneLine(about.Description), maxDescription)
	}
	for _, u := range append([]string{about.DataSource}, about.URLs...) {
		if len(v.URLs) < maxURLs && isLink(u) && !slices.Contains(v.URLs, u) {
			v.URLs = append(v.URLs, u)
		}
	}
}

// isLink tells whether u is something that a page may lead to.
func isLink(u string) bool {
	return len(u) <= maxText && utf8.ValidString(u) && (strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://"))
}

// severity is a word of grype's in ours.
func severity(word string) detonaut.Severity {
	switch vulnerability.ParseSeverity(word) {
	case vulnerability.CriticalSeverity:
		return detonaut.Critical
	case vulnerability.HighSeverity:
		return detonaut.High
	case vulnerability.MediumSeverity:
		return detonaut.Medium
	case vulnerability.LowSeverity:
		return detonaut.Low
	case vulnerability.NegligibleSeverity:
		return detonaut.Negligible
	default:
		return detonaut.UnknownSeverity
	}
}

// fixState is one of four words.
func fixState(s vulnerability.FixState) string {
	if slices.Contains(vulnerability.AllFixStates(), s) {
		return string(s)
	}
	return string(vulnerability.FixStateUnknown)
}

// score is the base score of the newest version of CVSS, and of these the highest.
func score(all []vulnerability.Cvss) (float64, string) {
	var best vulnerability.Cvss
	for _, c := range all {
		if c.Vector == "" || len(c.Vector) > maxText || !utf8.ValidString(c.Vector) {
			continue
		}
		if cmp.Or(cmp.Compare(c.Version, best.Version), cmp.Compare(c.Metrics.BaseScore, best.Metrics.BaseScore), cmp.Compare(best.Vector, c.Vector)) > 0 {
			best = c
		}
	}
	return best.Metrics.BaseScore, best.Vector
}

func isCVE(id string) bool { return len(id) > 4 && strings.EqualFold(id[:4], "CVE-") }

// names are the id of a hole, its other names, and those of all that are of CVE. The id
// is that of CVE if there is one; an advisory that speaks of several keeps its own.
func names(hole *vulnerability.Vulnerability) (id string, others, cves []string) {
	all := []string{hole.ID}
	for _, r := range hole.RelatedVulnerabilities {
		all = append(all, r.ID)
	}
	if h, ok := hole.Internal.(*v6.VulnerabilityHandle); ok && h != nil && h.BlobValue != nil {
		all = append(all, h.BlobValue.Aliases...)
	}
	for i := range all {
		all[i] = bounded(all[i], maxText)
		if isCVE(all[i]) {
			cves = append(cves, strings.ToUpper(all[i]))
		}
	}
	slices.Sort(cves)
	cves = slices.Compact(cves)
	switch id = all[0]; {
	case isCVE(id):
		id = strings.ToUpper(id)
	case len(cves) == 1:
		id = cves[0]
	}
	return id, aliases(id, all), cves
}

// aliases are the names other than id, sorted, each once.
func aliases(id string, all []string) []string {
	all = slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" || strings.EqualFold(s, id) })
	slices.Sort(all)
	if all = slices.Compact(all); len(all) == 0 {
		return nil
	}
	return head(all, maxAliases)
}

func head(all []string, most int) []string { return all[:min(len(all), most)] }

// oneLine puts single spaces for all white space and control characters.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
}

// bounded is s as valid UTF-8, and cut to about that many bytes.
func bounded(s string, most int) string {
	if len(s) > most {
		return strings.TrimRight(strings.ToValidUTF8(s[:most], ""), " ") + " ..."
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
