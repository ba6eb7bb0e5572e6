package report_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/github/go-spdx/v2/spdxexp"
	"github.com/google/go-cmp/cmp"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report"
)

func readSPDX(t *testing.T, r *detonaut.Report) *spdx.Document {
	t.Helper()
	doc := &spdx.Document{}
	if err := spdxjson.ReadInto(bytes.NewReader(write(t, report.SPDX, report.Options{}, r)), doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestSPDXRoundTrip reads a document with the library of the standard: it is whole, and
// its packages are those of the inventory.
func TestSPDXRoundTrip(t *testing.T) {
	r := everything()
	doc := readSPDX(t, r)
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Error(err)
	}
	type pkg struct {
		Name, Version, PURL string
		CPEs                []string
	}
	var want, got []pkg
	for _, p := range r.Inventory.Packages {
		want = append(want, pkg{p.Name, p.Version, p.PURL, p.CPEs})
	}
	contained := map[common.ElementID]bool{}
	for _, rel := range doc.Relationships {
		if rel.Relationship == common.TypeRelationshipContains && rel.RefA.ElementRefID == "Image" {
			contained[rel.RefB.ElementRefID] = true
		}
	}
	for _, p := range doc.Packages {
		if p.PrimaryPackagePurpose != "LIBRARY" {
			continue
		}
		if !contained[p.PackageSPDXIdentifier] {
			t.Errorf("%s is not in the image", p.PackageName)
		}
		q := pkg{Name: p.PackageName, Version: p.PackageVersion}
		for _, ref := range p.PackageExternalReferences {
			switch ref.RefType {
			case common.TypePackageManagerPURL:
				q.PURL = ref.Locator
			case common.TypeSecurityCPE23Type:
				q.CPEs = append(q.CPEs, ref.Locator)
			}
		}
		got = append(got, q)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-inventory +document):\n%s", diff)
	}
}

var licenseRef = regexp.MustCompile(`LicenseRef-[A-Za-z0-9.-]+`)

// TestSPDXLicenses holds what is declared to being expressions of SPDX, all of whose
// references the document explains.
func TestSPDXLicenses(t *testing.T) {
	for _, r := range []*detonaut.Report{everything(), poisoned(markup), poisoned("MIT OR"), poisoned("LicenseRef-x")} {
		doc := readSPDX(t, r)
		explained := map[string]bool{}
		for _, o := range doc.OtherLicenses {
			explained[o.LicenseIdentifier] = true
		}
		for _, p := range doc.Packages {
			if p.PackageLicenseDeclared == "NOASSERTION" {
				continue
			}
			if ok, _ := spdxexp.ValidateLicenses([]string{p.PackageLicenseDeclared}); !ok {
				t.Errorf("%s is no expression", p.PackageLicenseDeclared)
			}
			for _, ref := range licenseRef.FindAllString(p.PackageLicenseDeclared, -1) {
				if !explained[ref] {
					t.Errorf("%s is not explained", ref)
				}
			}
		}
	}
	declared := map[string]string{}
	for _, p := range readSPDX(t, everything()).Packages {
		declared[p.PackageName] = p.PackageLicenseDeclared
	}
	for name, want := range map[string]string{
		"example.com/mod": "NOASSERTION", "libnothing": "CC-BY-NC-3.0-IGO", "lodash": "MIT OR Apache-2.0",
		"libssl3": "Apache-2.0 AND (GPL-1.0-or-later OR Artistic-1.0) AND LicenseRef-",
	} {
		if got := declared[name]; !strings.HasPrefix(got, want) {
			t.Errorf("%s declares %q, want %q", name, got, want)
		}
	}
}

func TestImagePURL(t *testing.T) {
	const at = "@" + "sha256%3A2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	for ref, want := range map[detonaut.Ref]string{
		"nginx":                           "pkg:oci/nginx" + at + "?arch=arm64&repository_url=docker.io%2Flibrary%2Fnginx",
		"nginx:1.2":                       "pkg:oci/nginx" + at + "?arch=arm64&repository_url=docker.io%2Flibrary%2Fnginx&tag=1.2",
		"a/b@sha256:00":                   "pkg:oci/b" + at + "?arch=arm64&repository_url=docker.io%2Fa%2Fb",
		"host.example:5000/a/b:t":         "pkg:oci/b" + at + "?arch=arm64&repository_url=host.example%3A5000%2Fa%2Fb&tag=t",
		"registry:localhost/b":            "pkg:oci/b" + at + "?arch=arm64&repository_url=localhost%2Fb",
		"docker:app:1":                    "pkg:oci/app" + at + "?arch=arm64&tag=1",
		"oci-dir:./out/app":               "pkg:oci/app" + at + "?arch=arm64",
		"docker-archive:/x/a b.tar":       "pkg:oci/a%20b" + at + "?arch=arm64",
		"-":                               "pkg:oci/image" + at + "?arch=arm64",
		"oci-archive:/":                   "pkg:oci/image" + at + "?arch=arm64",
		detonaut.Ref("x\x1b[2J?y#z\xff "): "pkg:oci/",
	} {
		got := report.ImagePURL(&detonaut.Image{Ref: ref, Digest: digest, Platform: "linux/arm64/v8"})
		if !strings.HasPrefix(got, want) || want != "pkg:oci/" && strings.ReplaceAll(got, "/", "%2F") != strings.ReplaceAll(want, "/", "%2F") {
			t.Errorf("%s: got %s, want %s", ref, got, want)
		}
	}
	if got := report.ImagePURL(&detonaut.Image{Ref: "nginx"}); got != "" {
		t.Errorf("without a digest: got %s", got)
	}
}

func TestWebURL(t *testing.T) {
	for s, want := range map[string]bool{
		"https://example.org/x?y=z#w": true, "http://example.org": true, "javascript:alert(1)": false, "https://": false, "//example.org": false,
		"https://e.example/a b": false, "https://e.example/\"": false, "https://e.example/%zz": false, "https://e.example/\n": false, "https://e\xff": false, "": false,
		"https://e.example/" + strings.Repeat("x", 3000): false,
	} {
		if got := report.WebURL(s); got != want {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	}
}

// TestTableBounds holds the table to showing the most pressing vulnerabilities, and to
// counting the others.
func TestTableBounds(t *testing.T) {
	r := large(100, 1300)
	r.Vulnerabilities[0].Reached, r.Vulnerabilities[0].Exploited = true, true
	r.Vulnerabilities[1299].Severity = detonaut.Low
	out := string(write(t, report.Table, report.Options{}, r))
	for _, want := range []string{
		"\nvulnerabilities: 1299 high (1 known exploited, 1 reached at run time), 1 low; 3 suppressed; database of 2026-01-20 (14 days old)\n",
		"\n  high      CVE-2025-00000 in package-0000 1.2.3-4+deb12u5, not fixed, known exploited, reached at run time: /var/lib/dpkg/status\n",
		"\n  and 1280 more: 1279 high, 1 low\n", "\n  100 deb\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
