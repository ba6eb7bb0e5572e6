package inventory

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source/directorysource"
	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
)

// reference is what syft itself finds in a directory, with its own catalogers for an
// image.
func reference(tb testing.TB, root string, c *syft.CreateSBOMConfig) *sbom.SBOM {
	tb.Helper()
	src, err := directorysource.New(directorysource.Config{Path: root, Base: root})
	if err != nil {
		tb.Fatal(err)
	}
	bill, err := syft.CreateSBOM(tb.Context(), src, c)
	if err != nil {
		tb.Fatal(err)
	}
	return bill
}

// own is syft's configuration of its command for an image.
func own() *syft.CreateSBOMConfig {
	c := syft.DefaultCreateSBOMConfig().WithoutFiles().
		WithCatalogerSelection(cataloging.NewSelectionRequest().WithDefaults("image"))
	c.Packages.Golang = c.Packages.Golang.WithCaptureSymbols(cataloging.SymbolScopeAll)
	return c
}

// normal leaves out what depends on where the tree is: layers, copyright files, which
// are not read here, with the licences in them, and the source's id.
func normal(packages []detonaut.Package) []detonaut.Package {
	made := slices.Clone(packages)
	for i := range made {
		p := &made[i]
		p.Locations = slices.DeleteFunc(slices.Clone(p.Locations), func(l detonaut.Location) bool { return isLicence(l.Path) })
		for j := range p.Locations {
			p.Locations[j].Layer = ""
		}
		if p.Type == "deb" {
			p.Licenses = nil
		}
	}
	slices.SortFunc(made, compare)
	return made
}

func compareWithSyft(t *testing.T, in Input, root string) {
	t.Helper()
	got, _ := Read(t.Context(), in)
	c := own()
	d := DefaultLimits()
	c.Archive = c.Archive.WithMaxDepth(d.Depth).WithMaxMemoryBytes(d.Archive)
	want := convert(reference(t, root, c))
	// Syft looks for packages of every kind in archives then; its command does not.
	want.Packages = slices.DeleteFunc(want.Packages, func(p detonaut.Package) bool {
		return p.FoundBy != inArchives && slices.ContainsFunc(p.Locations, func(l detonaut.Location) bool { return l.Within != "" })
	})
	if diff := cmp.Diff(normal(want.Packages), normal(got.Packages)); diff != "" {
		t.Errorf("packages (-syft +ours):\n%s", diff)
	}
	if diff := cmp.Diff(want.Distribution, got.Distribution); diff != "" {
		t.Errorf("distribution (-syft +ours):\n%s", diff)
	}
	// As its command does it, archives are unpacked to disk: the packages are the same.
	names := func(all []detonaut.Package) (names []string) {
		for _, p := range all {
			names = append(names, strings.Join([]string{p.Type, p.Name, p.Version, p.PURL}, " "))
		}
		slices.Sort(names)
		return slices.Compact(names)
	}
	plain := convert(reference(t, root, own()))
	if diff := cmp.Diff(names(plain.Packages), names(got.Packages)); diff != "" {
		t.Errorf("packages (-syft's command +ours):\n%s", diff)
	}
}

func TestReadFindsWhatSyftFinds(t *testing.T) {
	tree := mixture(t)
	compareWithSyft(t, tree.input(t), tree.unpack(t))
}

// The list of catalogers is syft's own for an image. Conda is there besides: syft looks
// for it everywhere but in images.
func TestCatalogersAreSyfts(t *testing.T) {
	bill := reference(t, t.TempDir(), own())
	text, err := json.Marshal(bill.Descriptor.Configuration)
	if err != nil {
		t.Fatal(err)
	}
	var audit struct {
		Catalogers struct {
			Used []string `json:"used"`
		} `json:"catalogers"`
	}
	if err := json.Unmarshal(text, &audit); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range catalogers(settings()) {
		if c.Name() != "conda-meta-cataloger" {
			got = append(got, c.Name())
		}
	}
	slices.Sort(got)
	want := slices.DeleteFunc(audit.Catalogers.Used, func(name string) bool { return strings.HasPrefix(name, "file-") })
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("catalogers (-syft +ours):\n%s", diff)
	}
}

func TestVersionNamesSyft(t *testing.T) {
	text, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", "github.com/anchore/syft").Output()
	if err != nil {
		t.Fatal(err)
	}
	if used := strings.TrimSpace(string(text)); !strings.HasSuffix(Version, "+syft-"+used) {
		t.Errorf("Version is %s, and syft %s", Version, used)
	}
}
