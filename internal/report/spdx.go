package report

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/anchore/packageurl-go"
	"github.com/github/go-spdx/v2/spdxexp/spdxlicenses"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/detonaut/detonaut"
)

// noAssertion is what SPDX says where nobody claims to know.
const noAssertion = "NOASSERTION"

// Element ids of what every document has.
const (
	spdxDocument = common.ElementID("DOCUMENT")
	spdxImage    = common.ElementID("Image")
)

// cpe23 is what the specification takes for a name of CPE 2.3 (annex F.2).
var cpe23 = regexp.MustCompile(`^cpe:2\.3:[aho*\-](:(((\?*|\*?)([a-zA-Z0-9\-._]|(\\[\\*?!"#$%&'()+,/:;<=>@\[\]^` + "`" +
	`{|}~]))+(\?*|\*?))|[*\-])){5}(:(([a-zA-Z]{2,3}(-([a-zA-Z]{2}|[0-9]{3}))?)|[*\-]))(:(((\?*|\*?)([a-zA-Z0-9\-._]|(\\[\\*?!"#$%&'()+,/:;<=>@\[\]^` +
	"`" + `{|}~]))+(\?*|\*?))|[*\-])){4}$`)

// encodeSPDX writes a report as a document of SPDX 2.3.
func encodeSPDX(r *detonaut.Report) ([]byte, error) {
	doc, err := spdxOf(r)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := spdxjson.Write(doc, &b, spdxjson.EscapeHTML(false)); err != nil {
		return nil, fmt.Errorf("encode SPDX: %w", err)
	}
	return b.Bytes(), nil
}

func spdxOf(r *detonaut.Report) (*spdx.Document, error) {
	id, err := reportID(r, "spdx")
	if err != nil {
		return nil, err
	}
	doc := &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: spdxDocument,
		DocumentName: string(r.Image.Ref), DocumentNamespace: home + "/spdx/" + id.String(),
		CreationInfo: &spdx.CreationInfo{
			Created: timestamp(r.Started), LicenseListVersion: listVersion(),
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "detonaut-" + Escape(cmp.Or(r.Fingerprint.Tool, "unknown"))}},
		},
	}
	if s := unlisted(r); s != "" {
		doc.DocumentComment = s
	}
	doc.Packages = append(doc.Packages, spdxImagePackage(&r.Image))
	relate := func(from common.ElementID, kind string, to common.ElementID) {
		doc.Relationships = append(doc.Relationships, &spdx.Relationship{
			RefA: common.MakeDocElementID("", string(from)), RefB: common.MakeDocElementID("", string(to)), Relationship: kind,
		})
	}
	relate(spdxDocument, common.TypeRelationshipDescribe, spdxImage)
	inv := cmp.Or(r.Inventory, &detonaut.Inventory{})
	if d := inv.Distribution; d != nil {
		p := spdxPackage("Distribution", cmp.Or(d.ID, d.Name, "linux"), d.VersionID, "OPERATING_SYSTEM")
		p.PackageSummary = d.Name
		doc.Packages = append(doc.Packages, p)
		relate(spdxImage, common.TypeRelationshipContains, p.PackageSPDXIdentifier)
	}
	var others otherLicenses
	for i, id := range packageIDs(inv.Packages) {
		p := spdxOfPackage(&inv.Packages[i], id, &others)
		doc.Packages = append(doc.Packages, p)
		relate(spdxImage, common.TypeRelationshipContains, p.PackageSPDXIdentifier)
	}
	doc.OtherLicenses = others.list
	return doc, nil
}

// unlisted says why the list of packages is not whole; empty if it is.
func unlisted(r *detonaut.Report) string {
	switch s, ok := stage(r, detonaut.StageInventory); {
	case ok && s.State != detonaut.Complete:
		return "The list of packages is not whole: " + cmp.Or(s.Reason, "it "+became(s.State)) + "."
	case r.Inventory == nil:
		return "The packages were not listed."
	}
	return ""
}

// listVersion is that of the list of licenses, as major.minor: all that the
// specification has room for.
func listVersion() string {
	parts := strings.Split(spdxlicenses.LicenseListVersion(), ".")
	return strings.TrimPrefix(strings.Join(parts[:min(len(parts), 2)], "."), "v")
}

// spdxPackage is a package with all that the specification demands.
func spdxPackage(id common.ElementID, name, version, purpose string) *spdx.Package {
	return &spdx.Package{
		PackageSPDXIdentifier: id, PackageName: name, PackageVersion: version, PrimaryPackagePurpose: purpose,
		PackageDownloadLocation: noAssertion, PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion,
		PackageCopyrightText: noAssertion, PackageSupplier: &common.Supplier{Supplier: noAssertion},
	}
}

func spdxImagePackage(img *detonaut.Image) *spdx.Package {
	n := nameOf(img.Ref)
	p := spdxPackage(spdxImage, cmp.Or(n.repository, n.name), string(img.Digest), "CONTAINER")
	if sum := hexOf(img.Digest); sum != "" {
		p.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: sum}}
	}
	if purl := imagePURL(img); purl != "" {
		p.PackageExternalReferences = []*spdx.PackageExternalReference{purlReference(purl)}
	}
	return p
}

func purlReference(purl string) *spdx.PackageExternalReference {
	return &spdx.PackageExternalReference{
		Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: purl,
	}
}

func spdxOfPackage(pkg *detonaut.Package, id string, others *otherLicenses) *spdx.Package {
	p := spdxPackage(common.ElementID("Package-"+id), pkg.Name, pkg.Version, "LIBRARY")
	if declared := others.declare(licensesOf(pkg)); declared != "" {
		p.PackageLicenseDeclared = declared
	}
	var paths []string
	for _, l := range pkg.Locations {
		paths = append(paths, Escape(l.Path+within(l.Within)))
	}
	if len(paths) > 0 {
		p.PackageSourceInfo = "found by " + Escape(cmp.Or(pkg.FoundBy, "detonaut")) + " in " + strings.Join(paths, ", ")
	}
	if pkg.Hidden {
		p.PackageComment = "It is in a lower layer only: an upper one removed or replaced it."
	}
	for _, c := range pkg.CPEs {
		if len(c) <= maxLink && cpe23.MatchString(c) {
			p.PackageExternalReferences = append(p.PackageExternalReferences, &spdx.PackageExternalReference{
				Category: common.CategorySecurity, RefType: common.TypeSecurityCPE23Type, Locator: c,
			})
		}
	}
	if isPURL(pkg.PURL) {
		p.PackageExternalReferences = append(p.PackageExternalReferences, purlReference(pkg.PURL))
	}
	return p
}

// isPURL tells whether s is a package URL, of characters that a locator may have.
func isPURL(s string) bool {
	if s == "" || !clean(s) || strings.Contains(s, " ") {
		return false
	}
	_, err := packageurl.FromString(s)
	return err == nil
}

// otherLicenses are those that are on no list, of one document.
type otherLicenses struct {
	list []*spdx.OtherLicense
	ids  map[string]string
}

// declare joins licenses to one expression; empty if there is none.
func (o *otherLicenses) declare(all []string) string {
	terms := make([]string, 0, len(all))
	for _, l := range all {
		kind, spelled := readLicense(l)
		switch {
		case kind == licenseText:
			spelled = o.id(l)
		case kind == licenseExpression && len(all) > 1:
			spelled = "(" + spelled + ")"
		}
		terms = append(terms, spelled)
	}
	return strings.Join(terms, " AND ")
}

// id is the reference to a license of that name, which stands for its text: more of it
// is not known.
func (o *otherLicenses) id(name string) string {
	id, ok := o.ids[name]
	if !ok {
		id = "LicenseRef-" + digestOf(name)
		if o.ids == nil {
			o.ids = map[string]string{}
		}
		o.ids[name] = id
		o.list = append(o.list, &spdx.OtherLicense{LicenseIdentifier: id, LicenseName: Escape(head(name, maxLicense)), ExtractedText: name})
	}
	return id
}

// within is a place in an archive, behind the path of that.
func within(s string) string {
	if s == "" {
		return ""
	}
	return "!" + s
}
