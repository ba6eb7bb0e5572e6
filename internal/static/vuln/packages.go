package vuln

import (
	"slices"
	"strconv"
	"strings"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/packageurl-go"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/cpe"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/linux"
	syft "github.com/anchore/syft/syft/pkg"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static/inventory"
)

// list is an inventory as grype wants it. The ids of packages are their positions in it.
type list struct {
	inventory *detonaut.Inventory
	packages  []pkg.Package
	distro    *distro.Distro
}

// listOf are the packages of an image that grype's command would look up, and its
// distribution, nil if that is not known. All follows from what a report keeps.
func listOf(inv *detonaut.Inventory) list {
	channels := distro.DefaultFixChannels()
	of := distro.FromRelease(release(inv.Distribution), channels)
	syfts := make([]syft.Package, 0, len(inv.Packages))
	for i := range inv.Packages {
		// Its command drops what has no version when it lists packages; in the inventory it
		// has a word instead. Packages of lower layers are not in the image.
		if p := &inv.Packages[i]; p.Version != cataloging.UnknownStubValue && !p.Hidden {
			syfts = append(syfts, packageOf(p, artifact.ID(strconv.Itoa(i))))
		}
	}
	all := pkg.FromPackages(syfts, owned(inv, syfts), pkg.SynthesisConfig{
		Distro: pkg.DistroConfig{FixChannels: channels},
	})
	for _, p := range all {
		p.Distro = of
		p.Metadata = metadata(inv, p)
	}
	all = slices.DeleteFunc(all, covered)
	return list{inv, pkg.FromPtrs(all), of}
}

// at is the package of the inventory that one of grype's is, nil if it is none.
func (l *list) at(id pkg.ID) *detonaut.Package {
	i, err := strconv.Atoi(string(id))
	if err != nil || i < 0 || i >= len(l.inventory.Packages) {
		return nil
	}
	return &l.inventory.Packages[i]
}

func release(d *detonaut.Distribution) *linux.Release {
	if d == nil {
		return nil
	}
	return &linux.Release{
		ID: d.ID, VersionID: d.VersionID, VersionCodename: d.Codename, PrettyName: d.Name, Version: d.Version,
		IDLike: slices.Clone(d.Like), ExtendedSupport: d.Extended, // grype changes the list
	}
}

// packageOf is a package as syft would tell it, as far as grype asks for it.
func packageOf(p *detonaut.Package, id artifact.ID) syft.Package {
	made := syft.Package{
		Name: p.Name, Version: p.Version, Type: syft.Type(p.Type), Language: syft.Language(p.Language), PURL: p.PURL, FoundBy: p.FoundBy,
	}
	for _, name := range p.CPEs {
		if c, err := cpe.New(name, ""); err == nil { // syft has written it
			made.CPEs = append(made.CPEs, c)
		}
	}
	var places []file.Location
	for _, l := range p.Locations {
		places = append(places, file.NewLocation(l.Path))
	}
	made.Locations = file.NewLocationSet(places...)
	switch made.Type {
	case syft.DebPkg:
		made.Metadata = syft.DpkgDBEntry{Source: p.Source, SourceVersion: p.SourceVersion}
	case syft.ApkPkg:
		made.Metadata = syft.ApkDBEntry{OriginPackage: p.Source, Architecture: qualifier(p.PURL, syft.PURLQualifierArch)}
	case syft.RpmPkg:
		made.Metadata = rpmOf(p)
	case syft.GoModulePkg:
		symbols, err := inventory.SymbolsOf(p)
		if err != nil {
			symbols = nil // then all of its module is taken to be there
		}
		built := syft.GolangBinaryBuildinfoEntry{Symbols: symbols}
		if p.Main {
			built.MainModule = p.Name
		}
		made.Metadata = built
	default: // its vulnerabilities are looked up by its names alone
	}
	made.OverrideID(id)
	return made
}

func rpmOf(p *detonaut.Package) syft.RpmDBEntry {
	made := syft.RpmDBEntry{SourceRpm: p.Source, Arch: qualifier(p.PURL, syft.PURLQualifierArch), ModularityLabel: &p.Module}
	if n, err := strconv.Atoi(qualifier(p.PURL, syft.PURLQualifierEpoch)); err == nil {
		made.Epoch = &n
	}
	return made
}

// qualifier is what a package URL says beside the name.
func qualifier(purl, key string) string {
	p, err := packageurl.FromString(purl)
	if err != nil {
		return ""
	}
	return p.Qualifiers.Map()[key]
}

// metadata is that of grype's package, with the other names of an archive of Java.
func metadata(inv *detonaut.Inventory, p *pkg.Package) any {
	i, err := strconv.Atoi(string(p.ID))
	if err != nil || len(inv.Packages[i].OtherNames) == 0 {
		return p.Metadata
	}
	var made pkg.JavaMetadata
	for _, name := range inv.Packages[i].OtherNames { // at most two, of one group
		group, artifact, _ := strings.Cut(name, ":")
		made.PomGroupID, made.PomArtifactID, made.ManifestName = group, artifact, made.PomArtifactID
	}
	return made
}

// owned says which packages brought which others.
func owned(inv *detonaut.Inventory, all []syft.Package) (found []artifact.Relationship) {
	named := map[string][]*syft.Package{}
	for i := range all {
		named[all[i].Name] = append(named[all[i].Name], &all[i])
	}
	for i := range all {
		at, _ := strconv.Atoi(string(all[i].ID()))
		p := &inv.Packages[at]
		owners := p.Owners
		if len(owners) == 0 && p.Owner != "" {
			owners = []string{p.Owner}
		}
		for _, name := range owners {
			for _, owner := range named[name] {
				if owner != &all[i] {
					found = append(found, artifact.Relationship{From: *owner, To: all[i], Type: artifact.OwnershipByFileOverlapRelationship})
				}
			}
		}
	}
	return found
}

// covered tells whether p is what a package of the distribution installed, in about the
// version of that: then the advisories of the distribution speak of it, and those of
// its ecosystem do not know what the distribution has mended. A program that was
// recognised by its bytes is covered by any package that brought it.
func covered(p *pkg.Package) bool {
	for _, owner := range p.RelatedPackages[artifact.OwnershipByFileOverlapRelationship] {
		switch {
		case owner == nil || owner.Distro == nil:
		case !strings.HasPrefix(owner.Version, p.Version) && !strings.HasPrefix(p.Version, owner.Version):
		case p.Type == syft.BinaryPkg, ofDistribution(owner) && !ofDistribution(p) && listsUnfixed(owner.Distro):
			return true
		}
	}
	return false
}

func ofDistribution(p *pkg.Package) bool {
	return slices.Contains([]syft.Type{syft.DebPkg, syft.RpmPkg, syft.PortagePkg, syft.AlpmPkg, syft.ApkPkg}, p.Type)
}

// unfixed are the distributions whose advisories tell of holes that are not mended,
// too.
var unfixed = []distro.Type{
	distro.ArchLinux, distro.Azure, distro.Debian, distro.Mariner, distro.RedHat, distro.SLES, distro.Ubuntu,
}

// listsUnfixed tells whether d is one of those, or is like one. Amazon Linux says that
// it is like Fedora and RHEL, but its advisories are its own.
func listsUnfixed(d *distro.Distro) bool {
	if d.Type == distro.AmazonLinux {
		return false
	}
	return slices.ContainsFunc(append([]string{d.Name()}, d.IDLike...), func(name string) bool {
		return slices.ContainsFunc(unfixed, func(t distro.Type) bool { return strings.EqualFold(string(t), name) })
	})
}
