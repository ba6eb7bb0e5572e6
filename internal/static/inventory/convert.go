package inventory

import (
	"cmp"
	"slices"
	"strings"

	"github.com/anchore/packageurl-go"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/detonaut/detonaut"
)

// convert says in our words what syft found.
func convert(bill *sbom.SBOM) Inventory {
	var inv Inventory
	if d := bill.Artifacts.LinuxDistribution; d != nil {
		inv.Distribution = &detonaut.Distribution{
			ID: d.ID, VersionID: d.VersionID, Codename: d.VersionCodename, Name: d.PrettyName, Like: d.IDLike,
			Version: d.Version, Extended: d.ExtendedSupport,
		}
	}
	owners := owners(bill)
	type entry struct {
		detonaut.Package
		owned []string
	}
	var all []entry
	for p := range bill.Artifacts.Packages.Enumerate() {
		made := convertPackage(&p, owners[p.ID()])
		all = append(all, entry{made, owned(&p, made.Locations)})
	}
	slices.SortFunc(all, func(a, b entry) int { return compare(a.Package, b.Package) })
	for _, e := range all {
		inv.Packages, inv.owned = append(inv.Packages, e.Package), append(inv.owned, e.owned)
	}
	return inv
}

// compare orders packages by all that tells them apart.
func compare(a, b detonaut.Package) int {
	return cmp.Or(
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Type, b.Type),
		slices.CompareFunc(a.Locations, b.Locations, compareLocations), cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.FoundBy, b.FoundBy),
	)
}

func compareLocations(a, b detonaut.Location) int {
	if a.Primary != b.Primary {
		if a.Primary {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Within, b.Within), cmp.Compare(a.Layer, b.Layer))
}

// maxOwners is how many owners of a package are told.
const maxOwners = 16

// owners are the names of the packages that brought others, sorted, by the id of those.
func owners(bill *sbom.SBOM) map[artifact.ID][]string {
	names := map[artifact.ID][]string{}
	for _, r := range bill.Relationships {
		if r.Type != artifact.OwnershipByFileOverlapRelationship {
			continue
		}
		if owner, ok := r.From.(pkg.Package); ok {
			all := names[r.To.ID()]
			if i, has := slices.BinarySearch(all, owner.Name); !has {
				names[r.To.ID()] = slices.Insert(all, i, owner.Name)
			}
		}
	}
	return names
}

func convertPackage(p *pkg.Package, owners []string) detonaut.Package {
	q := detonaut.Package{
		Name: p.Name, Version: p.Version, Type: string(p.Type), Language: string(p.Language),
		PURL: p.PURL, FoundBy: p.FoundBy,
	}
	if p.Language == pkg.UnknownLanguage {
		q.Language = ""
	}
	if len(owners) > 0 {
		q.Owner = owners[0]
	}
	if len(owners) > 1 {
		q.Owners = owners[:min(len(owners), maxOwners)]
	}
	q.Source, q.SourceVersion = origin(p.Metadata)
	tellMetadata(&q, p.Metadata)
	for _, c := range p.CPEs {
		q.CPEs = append(q.CPEs, c.Attributes.BindToFmtString())
	}
	slices.Sort(q.CPEs)
	q.CPEs = slices.Compact(q.CPEs)
	q.Licenses = licenses(p.Licenses)
	q.Locations = Locations(p.Locations)
	return q
}

// maxLicenses and maxLicense bound what a package may say of its licences: how many,
// and bytes of each.
const maxLicenses, maxLicense = 32, 256

// licenses are those that a package declares. Of a licence that is there as its text syft
// knows a hash, which says nothing.
func licenses(set pkg.LicenseSet) (all []string) {
	for _, l := range set.ToSlice() {
		name := cmp.Or(l.SPDXExpression, l.Value)
		if name != "" && len(name) <= maxLicense && !strings.HasPrefix(name, "sha256:") {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), maxLicenses)]
}

// Locations are those of a package, as [detonaut.Package] has them.
func Locations(set file.LocationSet) (all []detonaut.Location) {
	for _, l := range set.ToUnorderedSlice() {
		all = append(all, convertLocation(l))
	}
	slices.SortFunc(all, compareLocations)
	return all
}

func convertLocation(l file.Location) detonaut.Location {
	made := detonaut.Location{
		Path: l.RealPath, Layer: detonaut.Digest(l.FileSystemID),
		Primary: l.Annotations[pkg.EvidenceAnnotationKey] == pkg.PrimaryEvidenceAnnotation,
	}
	if inner, ok := strings.CutPrefix(l.FullPath, l.RealPath+file.ArchivePathSeparator); ok {
		made.Within = "/" + inner
	}
	return made
}

// origin is the package that one of a distribution was built from.
func origin(metadata any) (name, version string) {
	switch m := metadata.(type) {
	case pkg.DpkgDBEntry:
		return m.Source, m.SourceVersion
	case pkg.DpkgArchiveEntry:
		return m.Source, m.SourceVersion
	case pkg.ApkDBEntry:
		return m.OriginPackage, ""
	case pkg.RpmDBEntry:
		return m.SourceRpm, ""
	case pkg.AlpmDBEntry:
		return m.BasePackage, ""
	}
	return "", ""
}

// tellMetadata says what else of a package tells under which name, and whether at all, its
// vulnerabilities are listed.
func tellMetadata(q *detonaut.Package, metadata any) {
	switch m := metadata.(type) {
	case pkg.GolangBinaryBuildinfoEntry:
		q.Main = m.MainModule != "" && m.MainModule == q.Name
		q.Symbols = packSymbols(m.Symbols)
	case pkg.RpmDBEntry:
		if m.ModularityLabel != nil {
			q.Module = *m.ModularityLabel
		}
	case pkg.JavaArchive:
		q.OtherNames = javaNames(q.PURL, m)
	}
}

// javaNames are the names of an archive of Java that its package URL does not tell.
func javaNames(purl string, m pkg.JavaArchive) (names []string) {
	known, err := packageurl.FromString(purl)
	if m.PomProperties == nil && err != nil {
		return nil
	}
	group, artifact, title := known.Namespace, known.Name, ""
	if m.PomProperties != nil {
		group, artifact = m.PomProperties.GroupID, m.PomProperties.ArtifactID
	}
	if m.Manifest != nil {
		for _, kv := range m.Manifest.Main {
			if kv.Key == "Name" {
				title = kv.Value
			}
		}
	}
	for _, a := range []string{artifact, title} {
		if name := group + ":" + a; group != "" && a != "" && name != known.Namespace+":"+known.Name && len(name) <= maxName {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// maxName bounds what an archive may say of its name, in bytes.
const maxName = 1024
