package vuln

import (
	"cmp"
	"slices"

	"github.com/detonaut/detonaut"
)

// Compare orders holes: what was reached at run time first, then the worst, those that
// are exploited, the likeliest, then by id, package, version and path.
func Compare(a, b detonaut.Vulnerability) int {
	return cmp.Or(
		-first(a.Reached, b.Reached), -cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), -first(a.Exploited, b.Exploited),
		-cmp.Compare(a.EPSS, b.EPSS), cmp.Compare(a.ID, b.ID), byPackage(a, b),
	)
}

// first is 1 if a is set and b is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// byPackage orders by package, then id, then by who says so: what is the same hole of
// the same package is together.
func byPackage(a, b detonaut.Vulnerability) int {
	return cmp.Or(place(a, b), cmp.Compare(a.ID, b.ID), -cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.Source, b.Source), slices.Compare(a.Fixed, b.Fixed))
}

func place(a, b detonaut.Vulnerability) int {
	return cmp.Or(
		cmp.Compare(a.Package, b.Package), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Type, b.Type),
		cmp.Compare(a.Path, b.Path), cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.PURL, b.PURL),
	)
}

// join makes one of those that several sources tell of the same hole of a package: what
// the one with the worst severity says, and whatever else the others know. The list is
// in the order of byPackage.
func join(all []detonaut.Vulnerability) []detonaut.Vulnerability {
	made := all[:0]
	for _, v := range all {
		if n := len(made); n > 0 && made[n-1].ID == v.ID && place(made[n-1], v) == 0 {
			add(&made[n-1], v)
			continue
		}
		made = append(made, v)
	}
	return made
}

func add(to *detonaut.Vulnerability, v detonaut.Vulnerability) {
	to.Aliases = aliases(to.ID, append(slices.Clone(to.Aliases), v.Aliases...))
	if to.Vector == "" {
		to.Score, to.Vector = v.Score, v.Vector
	}
	if v.EPSS > to.EPSS {
		to.EPSS, to.Percentile = v.EPSS, v.Percentile
	}
	to.Exploited = to.Exploited || v.Exploited
	if to.Description == "" {
		to.Description = v.Description
	}
	if to.Fix != "fixed" && v.Fix == "fixed" || to.Fix == "unknown" {
		to.Fix = v.Fix
	}
	fixed := slices.Concat(to.Fixed, v.Fixed)
	slices.Sort(fixed)
	to.Fixed = head(slices.Compact(fixed), maxFixed)
	for _, u := range v.URLs {
		if len(to.URLs) < maxURLs && !slices.Contains(to.URLs, u) {
			to.URLs = append(to.URLs, u)
		}
	}
}
