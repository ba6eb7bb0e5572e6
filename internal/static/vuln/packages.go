package vuln

import (
	"slices"
	"strings"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging"
	syft "github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
)

// packagesOf are the packages of an image that grype's command would look up, and its
// distribution, nil if that is not known.
func packagesOf(bill *sbom.SBOM) ([]pkg.Package, *distro.Distro) {
	channels := distro.DefaultFixChannels()
	of := distro.FromRelease(bill.Artifacts.LinuxDistribution, channels)
	all := pkg.FromCollection(bill.Artifacts.Packages, bill.Relationships, pkg.SynthesisConfig{
		Distro: pkg.DistroConfig{FixChannels: channels},
	})
	// Its command drops what has no version when it lists packages; in the inventory it
	// has a word instead.
	all = slices.DeleteFunc(all, func(p *pkg.Package) bool { return p.Version == cataloging.UnknownStubValue })
	for _, p := range all {
		p.Distro = of
	}
	all = slices.DeleteFunc(all, covered)
	return pkg.FromPtrs(all), of
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
