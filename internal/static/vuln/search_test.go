package vuln

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/vulnerability"
	"github.com/anchore/syft/syft/artifact"
	syft "github.com/anchore/syft/syft/pkg"

	"github.com/detonaut/detonaut"
)

// moody is a matcher that finds one hole in a package, and fails with some.
type moody struct{ match.Matcher }

func (moody) Type() match.MatcherType { return "moody" }

func (moody) Match(_ vulnerability.Provider, p pkg.Package) ([]match.Match, []match.IgnoreFilter, error) {
	switch p.Name {
	case "frightful":
		panic("out of range")
	case "bad":
		return nil, nil, errors.New("no such version")
	}
	return []match.Match{{Package: p}}, nil, nil
}

// A package that makes a matcher panic keeps no other from being looked up, and is
// told.
func TestSearchSurvivesPanics(t *testing.T) {
	for name, c := range map[string]struct {
		packages []string
		found    int
		state    detonaut.State
		reason   string
	}{
		"well":    {[]string{"a", "b"}, 2, detonaut.Complete, ""},
		"error":   {[]string{"a", "bad", "b"}, 2, detonaut.Partial, "moody: bad: no such version"},
		"panic":   {[]string{"frightful", "a"}, 1, detonaut.Failed, "moody: frightful: panic: out of range"},
		"both":    {[]string{"bad", "frightful", "frightful"}, 0, detonaut.Failed, "moody: bad: no such version; moody: frightful: panic: out of range"},
		"strange": {[]string{"a\xff\xfe"}, 1, detonaut.Complete, ""},
	} {
		s := newSearch(t.Context(), DefaultLimits())
		m := s.guard([]match.Matcher{moody{}})[0]
		found := 0
		for _, p := range c.packages {
			some, _, err := m.Match(nil, pkg.Package{Name: p})
			if err != nil {
				t.Errorf("%s: got %v", name, err)
			}
			found += len(some)
		}
		d := &Database{info: detonaut.Database{Built: time.Now()}, options: Options{Now: time.Now, MaxAge: time.Hour}}
		stage := d.stage(t.Context(), s, nil)
		if found != c.found || stage.State != c.state || stage.Reason != c.reason {
			t.Errorf("%s: found %d, %v", name, found, stage)
		}
		s.end()
	}
}

func TestSearchTellsNotEverything(t *testing.T) {
	s := newSearch(t.Context(), DefaultLimits())
	defer s.end()
	for range 3 {
		for i := range 10 {
			s.problem("%d %s", i, strings.Repeat("x", 1000))
		}
	}
	if text := s.reason(); len(text) > 5*maxReason || !strings.HasSuffix(text, "and 6 more") {
		t.Errorf("%d bytes: %s", len(text), text)
	}
}

func TestBounded(t *testing.T) {
	for _, s := range []string{"", "short", strings.Repeat("ä", 100), strings.Repeat("ä\xff", 100), "\xff\xfe", strings.Repeat("a ", 100)} {
		if got := bounded(s, 51); !utf8.ValidString(got) || len(got) > 60 {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// What a package of the distribution brought, in its version, is its own.
func TestCovered(t *testing.T) {
	debian, alpine := &distro.Distro{Type: distro.Debian}, &distro.Distro{Type: distro.Alpine}
	amazon := &distro.Distro{Type: distro.AmazonLinux, IDLike: []string{"rhel"}}
	like := &distro.Distro{Type: "linuxmint", IDLike: []string{"ubuntu"}}
	owned := func(kind syft.Type, version string, by syft.Type, of *distro.Distro, ownerVersion string) *pkg.Package {
		return &pkg.Package{Type: kind, Version: version, RelatedPackages: map[artifact.RelationshipType][]*pkg.Package{
			artifact.OwnershipByFileOverlapRelationship: {{Type: by, Version: ownerVersion, Distro: of}},
		}}
	}
	for name, c := range map[string]struct {
		p    *pkg.Package
		want bool
	}{
		"nobody's":           {&pkg.Package{Type: syft.PythonPkg, Version: "1.0"}, false},
		"of Debian":          {owned(syft.PythonPkg, "1.0", syft.DebPkg, debian, "1.0-1"), true},
		"another version":    {owned(syft.PythonPkg, "1.1", syft.DebPkg, debian, "1.0-1"), false},
		"of Alpine":          {owned(syft.PythonPkg, "1.0", syft.ApkPkg, alpine, "1.0-r1"), false},
		"a program":          {owned(syft.BinaryPkg, "1.0", syft.ApkPkg, alpine, "1.0-r1"), true},
		"of Amazon":          {owned(syft.PythonPkg, "1.0", syft.RpmPkg, amazon, "1.0-1"), false},
		"of one like Ubuntu": {owned(syft.PythonPkg, "1.0", syft.DebPkg, like, "1.0-1"), true},
		"of one like itself": {owned(syft.DebPkg, "1.0", syft.DebPkg, debian, "1.0"), false},
		"of no distribution": {owned(syft.BinaryPkg, "1.0", syft.DebPkg, nil, "1.0"), false},
	} {
		if got := covered(c.p); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestVersionNamesGrype(t *testing.T) {
	text, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", "github.com/anchore/grype").Output()
	if err != nil {
		t.Fatal(err)
	}
	if used := strings.TrimSpace(string(text)); !strings.HasSuffix(Version, "+grype-"+used) {
		t.Errorf("Version is %s, and grype %s", Version, used)
	}
}
