package measure

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// MaxJSON is how long a measure is at most, as JSON. Most have a tenth of it.
const MaxJSON = 8 << 10

// Bounds of the lists of a measure, and of the strings in it, in bytes as JSON.
const (
	maxRules     = 20
	maxFamilies  = 8
	maxCriticals = 12
	maxMalicious = 8
	maxKinds     = 12
	maxListens   = 16
	maxDomains   = 8
	maxAddresses = 8

	maxName = 48 // of a rule, a family, a package
	maxHost = 64
	maxWord = 24 // of an ecosystem, a reason, a signal
)

// Of measures a report, which may be nil. It changes nothing in r.
func Of(r *detonaut.Report) *Measure {
	if r == nil {
		r = &detonaut.Report{}
	}
	m := &Measure{
		Schema: Schema, Verdict: word(r.Verdict.Word), Category: category(r.Verdict.Category), Family: clean(r.Verdict.Family, maxName),
		Declared: r.Verdict.Declared, Vulnerability: severity(r.Verdict.Vulnerability),
		Platform: clean(r.Image.Platform, maxName), Created: year(r.Image.Created), Size: max(0, r.Image.Size), Files: max(0, r.Image.Files),
		Layers: len(r.Image.Layers), Packages: -1, Full: r.Coverage.Full, Analysed: year(r.Started),
		NoCommand: len(r.Image.Config.Entrypoint) == 0 && len(r.Image.Config.Cmd) == 0,
	}
	if r.Inventory != nil {
		m.Packages = len(r.Inventory.Packages)
		if d := r.Inventory.Distribution; d != nil {
			m.Base = clean(strings.TrimSpace(strings.ToLower(d.ID+" "+d.VersionID)), maxName)
		}
	}
	m.findings(r)
	m.vulnerabilities(r)
	m.Windows = windowsOf(r)
	if r.Run != nil {
		m.Run = m.run(r)
	}
	m.Needs = needOf(r, m.Run)
	slices.Sort(m.Cut)
	return m
}

// counts tells whether a finding weighs in a verdict.
func counts(f *detonaut.Finding) bool {
	return !f.Weakness && f.Suppressed == nil && f.Severity.Rank() >= detonaut.Medium.Rank() &&
		f.Confidence.Rank() >= detonaut.Probable.Rank()
}

// findings takes what was claimed.
func (m *Measure) findings(r *detonaut.Report) {
	categories, families, rules := map[detonaut.Category]bool{}, map[string]bool{}, map[string]bool{}
	malicious := map[Package]bool{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Suppressed != nil {
			continue
		}
		if kind, ok := strings.CutPrefix(f.ID, "secret/"); ok {
			m.secret(f, kind)
		}
		if f.Weakness {
			continue
		}
		if id := clean(f.ID, maxName); !rules[id] && id != "" {
			rules[id] = true
			m.Rules = append(m.Rules, id)
		}
		if !counts(f) {
			continue
		}
		if c := category(f.Category); c != "" {
			categories[c] = true
		}
		if f.Family != "" {
			families[clean(f.Family, maxName)] = true
		}
		if p, ok := packageOf(f.ID); ok {
			malicious[p] = true
		}
	}
	m.Categories = slices.Sorted(maps.Keys(categories))
	m.Families = bounded(m, "families", slices.Sorted(maps.Keys(families)), maxFamilies)
	m.Rules = bounded(m, "rules", m.Rules, maxRules)
	m.Malicious = bounded(m, "malicious", slices.SortedFunc(maps.Keys(malicious), comparePackages), maxMalicious)
	m.Tools = toolsOf(m)
	if m.Secrets != nil {
		slices.Sort(m.Secrets.Kinds)
		m.Secrets.Kinds = bounded(m, "secrets", m.Secrets.Kinds, maxKinds)
	}
}

// secret counts a finding about secrets, of which there is one for each kind.
func (m *Measure) secret(f *detonaut.Finding, kind string) {
	if m.Secrets == nil {
		m.Secrets = &Secrets{}
	}
	m.Secrets.Count = add(m.Secrets.Count, max(1, f.Count))
	m.Secrets.Sure = m.Secrets.Sure || f.Confidence.Rank() >= detonaut.Probable.Rank()
	if kind = clean(kind, maxWord); !slices.Contains(m.Secrets.Kinds, kind) && len(m.Secrets.Kinds) <= maxKinds {
		m.Secrets.Kinds = append(m.Secrets.Kinds, kind)
	}
}

// packageOf is the package that a finding says is malware: "package/ECOSYSTEM/NAME[@VERSION]".
func packageOf(id string) (Package, bool) {
	rest, ok := strings.CutPrefix(id, "package/")
	kind, name, has := strings.Cut(rest, "/")
	if !ok || !has || name == "" {
		return Package{}, false
	}
	if i := strings.LastIndexByte(name, '@'); i > 0 { // "@scope/name" has one that means something else
		name = name[:i]
	}
	return Package{Name: clean(name, maxName), Type: clean(kind, maxWord)}, true
}

// toolsOf tells what became of tools. Who is malicious for a tool did not declare it: the table
// of verdicts has no other rows.
func toolsOf(m *Measure) Tools {
	tool := func(c detonaut.Category) bool {
		return c == detonaut.Miner || c == detonaut.Hacktool || c == detonaut.Proxy
	}
	switch {
	case !slices.ContainsFunc(m.Categories, tool):
		return ""
	case m.Verdict == detonaut.Unwanted && m.Declared:
		return ToolsDeclared
	case m.Verdict == detonaut.Unwanted, m.Verdict == detonaut.Malicious && tool(m.Category):
		return ToolsHidden
	}
	return ToolsBeside
}

// vulnerabilities counts them. What somebody decided not to count is not in the list.
func (m *Measure) vulnerabilities(r *detonaut.Report) {
	looked := r.Database != nil || len(r.Vulnerabilities) > 0
	for _, s := range r.Stages {
		looked = looked || s.Name == detonaut.StageVulnerabilities && (s.State == detonaut.Complete || s.State == detonaut.Partial)
	}
	if !looked {
		return
	}
	m.Vulnerabilities = &Vulnerabilities{}
	criticals := map[Package]bool{} // whether one was reached
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		if v.Suppressed != nil {
			continue
		}
		m.Vulnerabilities.All.count(v.Severity)
		if v.Reached {
			m.Vulnerabilities.Reached.count(v.Severity)
		}
		if v.Exploited {
			m.Vulnerabilities.Exploited++
		}
		if v.Severity == detonaut.Critical {
			p := Package{Name: clean(v.Package, maxName), Type: clean(v.Type, maxWord)}
			criticals[p] = criticals[p] || v.Reached
		}
	}
	all := make([]Package, 0, len(criticals))
	for p, reached := range criticals {
		p.Reached = reached
		all = append(all, p)
	}
	slices.SortFunc(all, comparePackages)
	m.Criticals = bounded(m, "criticals", all, maxCriticals)
}

// count adds one of a severity. What is harmless is not counted.
func (c *Counts) count(s detonaut.Severity) {
	switch severity(s) {
	case detonaut.Critical:
		c.Critical++
	case detonaut.High:
		c.High++
	case detonaut.Medium:
		c.Medium++
	case detonaut.Low:
		c.Low++
	case detonaut.Negligible:
		c.Negligible++
	case detonaut.UnknownSeverity:
		c.Unknown++
	case detonaut.NoSeverity:
	}
}

// comparePackages orders those that were reached before the others, then by name and ecosystem.
func comparePackages(a, b Package) int {
	if a.Reached != b.Reached {
		if a.Reached {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
}

// bounded is the head of a list; that it was longer is noted.
func bounded[T any](m *Measure, name string, all []T, n int) []T {
	if len(all) > n {
		m.Cut = append(m.Cut, name)
		all = slices.Clip(all[:n])
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
