package report

import (
	"bytes"
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/detonaut/detonaut"
)

// maxVersion is the most that CycloneDX allows a version to be, in characters.
const maxVersion = 1024

// imageRef is the reference of the image inside a BOM.
const imageRef = "image"

// encodeCycloneDX writes a report as a BOM of CycloneDX 1.6 with its vulnerabilities.
func encodeCycloneDX(r *detonaut.Report) ([]byte, error) {
	bom, err := cycloneDX(r)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("encode CycloneDX: %w", err)
	}
	return b.Bytes(), nil
}

func cycloneDX(r *detonaut.Report) (*cdx.BOM, error) {
	id, err := reportID(r, "cyclonedx")
	if err != nil {
		return nil, err
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = "urn:uuid:" + id.String()
	bom.Metadata = &cdx.Metadata{
		Timestamp: timestamp(r.Started),
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{
			Type: cdx.ComponentTypeApplication, Name: "detonaut", Version: version(r.Fingerprint.Tool),
		}}},
		Component: imageComponent(r),
	}
	bom.Properties = documentProperties(r)
	inv := cmp.Or(r.Inventory, &detonaut.Inventory{})
	refs := packageIDs(inv.Packages)
	components := make([]cdx.Component, 0, len(inv.Packages)+1)
	depends := make([]string, 0, len(inv.Packages)+1)
	if d := inv.Distribution; d != nil {
		components = append(components, distributionComponent(d))
	}
	for i := range inv.Packages {
		components = append(components, packageComponent(&inv.Packages[i], refs[i]))
	}
	for i := range components {
		depends = append(depends, components[i].BOMRef)
	}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: imageRef, Dependencies: &depends}}
	bom.Compositions = &[]cdx.Composition{{
		Aggregate: aggregate(r), Assemblies: &[]cdx.BOMReference{imageRef},
	}}
	if looked(r) {
		found := vulnerabilities(r, newHolder(inv.Packages), refs)
		bom.Vulnerabilities = &found
	}
	return bom, nil
}

// aggregate says whether the list of components is whole: that of an inventory that
// read everything is as whole as package managers tell.
func aggregate(r *detonaut.Report) cdx.CompositionAggregate {
	if s, ok := stage(r, detonaut.StageInventory); r.Inventory == nil || ok && s.State != detonaut.Complete {
		return cdx.CompositionAggregateIncomplete
	}
	return cdx.CompositionAggregateUnknown
}

func imageComponent(r *detonaut.Report) *cdx.Component {
	img := &r.Image
	n := nameOf(img.Ref)
	c := &cdx.Component{
		BOMRef: imageRef, Type: cdx.ComponentTypeContainer, Name: cmp.Or(n.repository, n.name),
		Version: version(string(img.Digest)), PackageURL: imagePURL(img),
	}
	if sum := hexOf(img.Digest); sum != "" {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}}
	}
	var p properties
	p.add("image:ref", string(img.Ref))
	p.add("image:platform", img.Platform)
	for i, l := range img.Layers {
		p.add(fmt.Sprintf("image:layer:%d:diff-id", i), string(l.DiffID))
		p.add(fmt.Sprintf("image:layer:%d:digest", i), string(l.Digest))
	}
	c.Properties = p.list()
	return c
}

// documentProperties is what a BOM says of how it came to be, and of the verdict.
func documentProperties(r *detonaut.Report) *[]cdx.Property {
	var p properties
	p.add("verdict", string(r.Verdict.Word))
	p.add("verdict:sentence", r.Verdict.Sentence)
	if d := r.Database; d != nil {
		p.add("database:schema", d.Schema)
		p.add("database:built", timestamp(d.Built))
		p.add("database:digest", string(d.Digest))
	}
	for _, s := range r.Stages {
		if s.State != detonaut.Complete {
			p.add("stage:"+s.Name, strings.TrimSuffix(string(s.State)+": "+s.Reason, ": "))
		}
	}
	return p.list()
}

func distributionComponent(d *detonaut.Distribution) cdx.Component {
	var p properties
	p.add("distribution:name", d.Name)
	p.add("distribution:codename", d.Codename)
	for i, like := range d.Like {
		p.add(fmt.Sprintf("distribution:like:%d", i), like)
	}
	return cdx.Component{
		BOMRef: "distribution", Type: cdx.ComponentTypeOS, Name: cmp.Or(d.ID, d.Name, "linux"), Version: version(d.VersionID), Properties: p.list(),
	}
}

func packageComponent(pkg *detonaut.Package, ref string) cdx.Component {
	c := cdx.Component{
		BOMRef: "package-" + ref, Type: cdx.ComponentTypeLibrary, Name: pkg.Name, Version: version(pkg.Version), PackageURL: pkg.PURL,
		Licenses: componentLicenses(pkg),
	}
	if pkg.Hidden {
		c.Scope = cdx.ScopeExcluded
	}
	var p properties
	for i, name := range pkg.CPEs {
		if i == 0 {
			c.CPE = name // there is room for one
			continue
		}
		p.add(fmt.Sprintf("cpe:%d", i), name)
	}
	p.add("type", pkg.Type)
	p.add("language", pkg.Language)
	p.add("source:name", pkg.Source)
	p.add("source:version", pkg.SourceVersion)
	p.add("owner", pkg.Owner)
	p.add("found-by", pkg.FoundBy)
	for i, l := range pkg.Locations {
		at := fmt.Sprintf("location:%d:", i)
		p.add(at+"path", l.Path)
		p.add(at+"within", l.Within)
		p.add(at+"layer", string(l.Layer))
		p.flag(at+"primary", l.Primary)
	}
	p.flag("hidden", pkg.Hidden)
	if u := pkg.Reached; u != nil {
		p.add("reached:how", u.How)
		p.add("reached:path", u.Path)
		p.add("reached:event", strconv.FormatUint(u.Event, 10))
	}
	c.Properties = p.list()
	return c
}

// componentLicenses are those that a package declares: one expression, or a list of
// ids and names. Version 1.6 has no list of expressions, so that one among others is
// a name. An id that its schema does not know is an expression.
func componentLicenses(pkg *detonaut.Package) *cdx.Licenses {
	all := licensesOf(pkg)
	if len(all) == 0 {
		return nil
	}
	var list cdx.Licenses
	for _, l := range all {
		switch kind, spelled := readLicense(l); {
		case kind != licenseText && len(all) == 1 && !oldLicenses()[spelled]:
			list = append(list, cdx.LicenseChoice{Expression: spelled})
		case kind == licenseID && oldLicenses()[spelled]:
			list = append(list, cdx.LicenseChoice{License: &cdx.License{ID: spelled}})
		default:
			list = append(list, cdx.LicenseChoice{License: &cdx.License{Name: l}})
		}
	}
	return &list
}

// properties are names and values of ours, for which the standard has no field.
type properties []cdx.Property

// add adds a value, if there is one.
func (p *properties) add(name, value string) {
	if value != "" {
		*p = append(*p, cdx.Property{Name: "detonaut:" + name, Value: value})
	}
}

func (p *properties) flag(name string, set bool) {
	if set {
		p.add(name, "true")
	}
}

func (p properties) list() *[]cdx.Property {
	if len(p) == 0 {
		return nil
	}
	list := []cdx.Property(p)
	return &list
}

// timestamp is t as RFC 3339 has it, in UTC, of whole seconds.
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// version is what a field for versions has room for.
func version(s string) string { return head(s, maxVersion) }
