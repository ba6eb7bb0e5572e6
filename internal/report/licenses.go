package report

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

	"github.com/github/go-spdx/v2/spdxexp"
	"github.com/github/go-spdx/v2/spdxexp/spdxlicenses"

	"github.com/detonaut/detonaut"
)

// maxLicense bounds what is read as an expression, in bytes: a parser is behind it.
const maxLicense = 512

// licenseKind is how a standard may name a license.
type licenseKind int

const (
	// licenseText is a name of nobody's list.
	licenseText licenseKind = iota
	// licenseID is an id of the list of SPDX.
	licenseID
	// licenseExpression joins ids of that list.
	licenseExpression
)

// readLicense tells what s is, and returns it as the list of SPDX spells it.
// References to licenses that a document would have to explain are text.
func readLicense(s string) (licenseKind, string) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxLicense || !clean(s) {
		return licenseText, s
	}
	for _, known := range []func(string) (bool, string){spdxlicenses.IsActiveLicense, spdxlicenses.IsDeprecatedLicense} {
		if ok, id := known(s); ok {
			return licenseID, id
		}
	}
	good, bad := spdxexp.ValidateAndNormalizeLicensesWithOptions([]string{s},
		spdxexp.ValidateLicensesOptions{FailAllLicenseRefs: true, FailAllDocumentRefs: true})
	if len(bad) > 0 || len(good) != 1 {
		return licenseText, s
	}
	return licenseExpression, good[0]
}

//go:embed licenses.txt
var licenseIDs string

// oldLicenses are the ids that every schema of CycloneDX 1.6 takes: it has the list of
// SPDX as it was (3.17), and documents with a newer id are refused by whoever has that.
var oldLicenses = sync.OnceValue(func() map[string]bool {
	ids := map[string]bool{}
	for id := range strings.FieldsSeq(licenseIDs) {
		ids[id] = true
	}
	return ids
})

// licensesOf are the different licenses that a package declares, in their order.
func licensesOf(p *detonaut.Package) []string {
	var all []string
	for _, l := range p.Licenses {
		if l = strings.TrimSpace(l); l != "" && !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all
}
