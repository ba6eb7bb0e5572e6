package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// holes are known vulnerabilities.
type holes struct {
	// Rows of List and Suppressed are holes, each in as many packages as it is; the counts are
	// those of all packages.
	List, Suppressed            list[holeRow]
	Count, CountSuppressed      int
	By                          []severityCount
	Reached, Exploited, Fixable int
	// Looked is set when some were looked for; Why says why not, or not for all.
	Looked bool
	Why    string
	// Database is when that was made, Age its age then.
	Database, Age string
	Bar           bar
}

// holeRow is a vulnerability in one package, or in several in the same way.
type holeRow struct {
	*detonaut.Vulnerability
	In    []inPackage
	More  int // packages that are not shown
	Pivot string
	Fix   string
	// Advisory is where a known database tells of it.
	Advisory string
	EPSS     string
}

// inPackage are packages of one version, by their names.
type inPackage struct {
	Names   []string
	Version string
}

// packages are what the image is made of.
type packages struct {
	List         list[packageRow]
	Types        []store.Count
	Hidden       int
	Reached      int
	Distribution string
	Listed       bool
	vulnerable   map[string]int
}

type packageRow struct {
	*detonaut.Package
	Pivot    string
	Licenses string
	Where    string
	Holes    int
}

// Bounds of lists of a server's page.
const (
	maxHoles    = 50
	maxPackages = 50
)

func (m *model) holes() holes {
	r := m.Report
	h := holes{
		Count: len(r.Vulnerabilities), CountSuppressed: len(r.Suppressed),
		List:       cutList(m, alike(r.Vulnerabilities), maxHoles, "vulnerabilities", m.holeRow),
		Suppressed: cutList(m, alike(r.Suppressed), 20, "vulnerabilities", m.holeRow),
		Looked:     r.Database != nil || len(r.Vulnerabilities)+len(r.Suppressed) > 0,
	}
	count := map[detonaut.Severity]int{}
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		count[detonaut.Severity(severityClass(v.Severity))]++
		h.Reached += one(v.Reached)
		h.Exploited += one(v.Exploited)
		h.Fixable += one(v.Fix == "fixed")
	}
	var parts []share
	for _, s := range detonaut.Severities() {
		if count[s] > 0 {
			h.By = append(h.By, severityCount{s, count[s]})
			parts = append(parts, share{Word: string(s), Class: "s-" + string(s), Count: count[s]})
		}
	}
	h.Bar = newBar(parts)
	for _, name := range []string{detonaut.StageVulnerabilities, detonaut.StageInventory} {
		for _, s := range r.Stages {
			if s.Name == name && s.State != detonaut.Complete && h.Why == "" {
				h.Why = cmp.Or(s.Reason, name+" is "+string(s.State))
			}
		}
	}
	if d := r.Database; d != nil && !d.Built.IsZero() {
		h.Database = dateOf(d.Built)
		if days := int(r.Started.Sub(d.Built) / (24 * time.Hour)); days > 0 {
			h.Age = pluralOf(days, "day") + " old"
		}
	}
	return h
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// alike puts neighbours together that are the same hole in several packages: many packages are
// made of one source.
func alike(all []detonaut.Vulnerability) (groups [][]*detonaut.Vulnerability) {
	for i := range all {
		v := &all[i]
		if n := len(groups); n > 0 {
			if w := groups[n-1][0]; v.ID == w.ID && v.Severity == w.Severity && v.Fix == w.Fix && slices.Equal(v.Fixed, w.Fixed) && v.Reached == w.Reached && (v.Suppressed == nil) == (w.Suppressed == nil) {
				groups[n-1] = append(groups[n-1], v)
				continue
			}
		}
		groups = append(groups, []*detonaut.Vulnerability{v})
	}
	return groups
}

// maxIn is how many packages of a vulnerability are shown.
const maxIn = 6

// inPackages are the packages of a group, those of one version together.
func inPackages(group []*detonaut.Vulnerability) (in []inPackage, more int) {
	for i, v := range group {
		n := len(in)
		switch {
		case i >= maxIn:
			return in, len(group) - maxIn
		case n > 0 && in[n-1].Version == v.Version:
			in[n-1].Names = append(in[n-1].Names, v.Package)
		default:
			in = append(in, inPackage{[]string{v.Package}, v.Version})
		}
	}
	return in, 0
}

func (m *model) holeRow(group *[]*detonaut.Vulnerability) holeRow {
	v := (*group)[0]
	row := holeRow{Vulnerability: v, Pivot: m.Pivot(store.CVE, v.ID), Fix: cmp.Or(v.Fix, "unknown"), Advisory: advisory(v.ID)}
	row.In, row.More = inPackages(*group)
	if len(v.Fixed) > 0 {
		row.Fix = strings.Join(v.Fixed[:min(len(v.Fixed), 4)], ", ")
	}
	if v.EPSS > 0 {
		row.EPSS = fmt.Sprintf("%.1f %%", v.EPSS*100)
	}
	return row
}

// advisory is where a database tells of a vulnerability; empty if it is in none that is known
// by the form of the id.
func advisory(id string) string {
	if !plain(id) || len(id) > 40 || strings.IndexFunc(id, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) >= 0 {
		return ""
	}
	switch {
	case strings.HasPrefix(id, "CVE-"):
		return "https://nvd.nist.gov/vuln/detail/" + id
	case strings.HasPrefix(id, "GHSA-"):
		return "https://github.com/advisories/" + id
	}
	return ""
}

func (m *model) packages() packages {
	inv := m.Report.Inventory
	if inv == nil {
		return packages{}
	}
	p := packages{Listed: true, vulnerable: map[string]int{}}
	for i := range m.Report.Vulnerabilities {
		v := &m.Report.Vulnerabilities[i]
		p.vulnerable[v.Package+"\x00"+v.Version+"\x00"+v.Type]++
	}
	types := map[string]int{}
	for i := range inv.Packages {
		k := &inv.Packages[i]
		p.Hidden += one(k.Hidden)
		p.Reached += one(k.Reached != nil)
		types[k.Type]++
	}
	for t, n := range types {
		p.Types = append(p.Types, store.Count{Value: t, Count: n})
	}
	slices.SortFunc(p.Types, func(a, b store.Count) int {
		return cmp.Or(-cmp.Compare(a.Count, b.Count), cmp.Compare(a.Value, b.Value))
	})
	p.Types = p.Types[:min(len(p.Types), 20)]
	if d := inv.Distribution; d != nil {
		p.Distribution = cmp.Or(d.Name, strings.TrimSpace(d.ID+" "+d.VersionID))
	}
	p.List = cutList(m, sortedPackages(inv.Packages), maxPackages, "packages", func(k **detonaut.Package) packageRow {
		return m.packageRow(*k, p.vulnerable)
	})
	return p
}

// sortedPackages are those that were reached first, then as they are.
func sortedPackages(all []detonaut.Package) []*detonaut.Package {
	sorted := make([]*detonaut.Package, len(all))
	for i := range all {
		sorted[i] = &all[i]
	}
	slices.SortStableFunc(sorted, func(a, b *detonaut.Package) int { return -cmp.Compare(one(a.Reached != nil), one(b.Reached != nil)) })
	return sorted
}

func (m *model) packageRow(k *detonaut.Package, vulnerable map[string]int) packageRow {
	row := packageRow{Package: k, Licenses: strings.Join(k.Licenses[:min(len(k.Licenses), 4)], ", "), Holes: vulnerable[k.Name+"\x00"+k.Version+"\x00"+k.Type]}
	if purl, _, _ := strings.Cut(k.PURL, "?"); purl != "" {
		row.Pivot = m.Pivot(store.Package, purl)
	}
	if len(k.Locations) > 0 {
		row.Where = k.Locations[0].Path
		if within := k.Locations[0].Within; within != "" {
			row.Where = within
		}
	}
	return row
}
