package malicious

import (
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
)

// Ecosystem is a registry of packages, by the type of its package URLs.
type Ecosystem string

// Ecosystems that are known. Deb and RPM are those of all distributions.
const (
	NPM       Ecosystem = "npm"
	PyPI      Ecosystem = "pypi"
	RubyGems  Ecosystem = "gem"
	Cargo     Ecosystem = "cargo"
	Go        Ecosystem = "golang"
	Packagist Ecosystem = "composer"
	Maven     Ecosystem = "maven"
	NuGet     Ecosystem = "nuget"
	Deb       Ecosystem = "deb"
	RPM       Ecosystem = "rpm"
)

// ecosystem is what is known of one.
type ecosystem struct {
	name Ecosystem
	// title is what people call it, and OSV: it has no records of the last two.
	title string
	// kind is [detonaut.Package.Type] of its packages.
	kind string
	// folded are names of which case does not matter; dashed are those in which "_" and
	// "-" are one.
	folded, dashed bool
	// semantic versions are ordered as semver.org has it.
	semantic bool
	// revised versions end in the revision of a distribution.
	revised bool
}

// ecosystems are all of them.
var ecosystems = []ecosystem{
	{name: NPM, title: "npm", kind: "npm", semantic: true},
	{name: PyPI, title: "PyPI", kind: "python", folded: true, dashed: true},
	{name: RubyGems, title: "RubyGems", kind: "gem"},
	{name: Cargo, title: "crates.io", kind: "rust-crate", folded: true, dashed: true, semantic: true},
	{name: Go, title: "Go", kind: "go-module", folded: true, semantic: true},
	{name: Packagist, title: "Packagist", kind: "php-composer", folded: true},
	{name: Maven, title: "Maven", kind: "java-archive"},
	{name: NuGet, title: "NuGet", kind: "dotnet", folded: true},
	{name: Deb, title: "deb", kind: "deb", revised: true},
	{name: RPM, title: "rpm", kind: "rpm", revised: true},
}

// known is what is known of an ecosystem; nil of one that is not.
func (e Ecosystem) known() *ecosystem {
	for i := range ecosystems {
		if ecosystems[i].name == e {
			return &ecosystems[i]
		}
	}
	return nil
}

// Key names a package. Names of one package have one key.
type Key struct {
	Ecosystem Ecosystem
	Name      string
}

// key is that of a name as somebody wrote it.
func (e *ecosystem) key(name string) Key {
	if e.folded {
		name = strings.ToLower(name)
	}
	if e.dashed {
		name = dash(name)
	}
	return Key{e.name, name}
}

// dash makes one dash of each run of dashes, dots and underscores, as PEP 503 does.
func dash(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' || r == '.' }), "-")
}

// Record is what is known of one malicious package.
type Record struct {
	// Key names the package; Name is how its authors wrote it.
	Key  Key
	Name string
	// ID is that of the advisory: "GHSA-...", "MAL-..."; empty if it has none.
	ID string
	// Versions are the bad ones, Ranges more of them. All is set when every version
	// is said to be bad, even if some are listed.
	Versions []string
	Ranges   []Range
	All      bool
	// What it did, in one sentence; empty if the record does not tell.
	What string
	// Severity is how bad that is, Family the name of the campaign or threat.
	Severity detonaut.Severity
	Family   string
	// References are where more is: at least one.
	References []string
	// Sums are hashes of its files.
	Sums []image.Sum
	// Curated is set for a record of ours.
	Curated bool
}

// Range are versions from Introduced, which is empty for the first, to before Fixed or up
// to Last, both empty for no end.
type Range struct {
	Introduced string
	Fixed      string
	Last       string
}

// open tells whether r has every version.
func (r Range) open() bool { return r.Introduced == "" && r.Fixed == "" && r.Last == "" }

// match is how a version fits a record.
type match int

const (
	none match = iota
	// doubtful: every version is said to be bad, of which others are listed.
	doubtful
	inRange
	exact
)

// match tells how r is about a version, and as which of its versions.
func (r *Record) match(version string) (how match, listed string) {
	e := r.Key.Ecosystem.known()
	if e == nil || r.Key.Ecosystem == NPM && isPlaceholder(version) {
		return none, ""
	}
	if i := slices.IndexFunc(r.Versions, func(v string) bool { return e.same(v, version) }); i >= 0 {
		return exact, r.Versions[i]
	}
	switch {
	case r.All && r.Curated:
		return exact, ""
	case r.All && len(r.Versions) > 0:
		return doubtful, ""
	case r.All || slices.ContainsFunc(r.Ranges, func(x Range) bool { return e.within(x, version) }):
		return inRange, ""
	}
	return none, ""
}

// isPlaceholder tells whether npm itself published a version, in place of a package that
// it removed: it holds the name and does nothing.
func isPlaceholder(version string) bool {
	return strings.HasSuffix(version, "-security") || strings.Contains(version, "-security.")
}

// same tells whether the version of a package is one that a record lists.
func (e *ecosystem) same(listed, version string) bool {
	if listed == version {
		return true
	}
	switch {
	case e.name == Go:
		return strings.TrimPrefix(listed, "v") == strings.TrimPrefix(version, "v")
	case e.revised && !strings.Contains(listed, "-"):
		return listed == upstream(version)
	}
	return false
}

// upstream is the version of a package of a distribution without the epoch and the
// revision.
func upstream(version string) string {
	if _, rest, ok := strings.Cut(version, ":"); ok {
		version = rest
	}
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		version = version[:i]
	}
	return version
}

// within tells whether a version is in a range. Versions whose order nobody can tell are
// in the one that has all.
func (e *ecosystem) within(r Range, version string) bool {
	if r.open() {
		return true
	}
	v, ok := e.parse(version)
	if !ok {
		return false
	}
	for _, end := range []struct {
		bound string
		holds func(order int) bool
	}{
		{r.Introduced, func(order int) bool { return order >= 0 }},
		{r.Fixed, func(order int) bool { return order < 0 }},
		{r.Last, func(order int) bool { return order <= 0 }},
	} {
		if end.bound == "" {
			continue
		}
		b, ok := e.parse(end.bound)
		if !ok || !end.holds(v.compare(b)) {
			return false
		}
	}
	return true
}
