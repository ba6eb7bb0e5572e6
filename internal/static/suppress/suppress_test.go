package suppress

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
)

const digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

var (
	shop  = detonaut.Image{Ref: "registry.example.com/web/shop:7", Digest: digest, Platform: "linux/amd64"}
	other = detonaut.Image{Ref: "nginx", Digest: "sha256:" + detonaut.Digest(strings.Repeat("c", 64)), Platform: "linux/amd64"}
	today = time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
)

// pack is a package at a path.
func pack(kind, name, version, purl, path string) detonaut.Package {
	return detonaut.Package{Name: name, Version: version, Type: kind, PURL: purl, Locations: []detonaut.Location{{Path: path, Primary: true}}}
}

var (
	openssl = func() detonaut.Package {
		p := pack("deb", "libssl3", "3.0.11-1~deb12u2", "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl", "/var/lib/dpkg/status")
		p.Source = "openssl"
		return p
	}()
	opensslTool = pack("deb", "openssl", "3.0.11-1~deb12u2", "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12", "/var/lib/dpkg/status")
	leftPad     = pack("npm", "left-pad", "1.0.0", "pkg:npm/left-pad@1.0.0", "/srv/app/node_modules/left-pad/package.json")
	scoped      = pack("npm", "@scope/pad", "1.2.3", "pkg:npm/%40scope/pad@1.2.3", "/srv/app/node_modules/@scope/pad/package.json")
	goLib       = pack("go-module", "example.com/lib", "v1.4.0", "pkg:golang/example.com/lib@v1.4.0", "/bin/app")
	bsdtar      = pack("rpm", "bsdtar", "3.5.3-5.el9", "pkg:rpm/example/bsdtar@3.5.3-5.el9?arch=x86_64&distro=example-9", "/var/lib/rpm/rpmdb.sqlite")
	libarchive  = pack("rpm", "libarchive", "3.5.3-5.el9", "pkg:rpm/example/libarchive@3.5.3-5.el9?arch=x86_64&distro=example-9", "/var/lib/rpm/rpmdb.sqlite")
	log4j       = withCPE(pack("java-archive", "log4j-core", "2.14.1", "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", "/srv/app.jar"), "cpe:2.3:a:apache:log4j:2.14.1:*:*:*:*:*:*:*")
	jackson     = pack("java-archive", "jackson-databind", "2.10.0", "pkg:maven/com.fasterxml.jackson.core/jackson-databind@2.10.0", "/srv/app.jar")
	jacksonCore = pack("java-archive", "jackson-core", "2.10.0", "pkg:maven/com.fasterxml.jackson.core/jackson-core@2.10.0", "/srv/app.jar")
	oldCore     = pack("java-archive", "jackson-core", "2.9.8", "pkg:maven/com.fasterxml.jackson.core/jackson-core@2.9.8", "/srv/old.jar")
	zlib        = withCPE(pack("binary", "zlib", "1.3", "", "/lib/libz.so.1"), "cpe:2.3:a:zlib:zlib:1.3:*:*:*:*:*:*:*")
	headers     = pack("deb", "linux-libc-dev", "6.1", "pkg:deb/debian/linux-libc-dev@6.1", "/var/lib/dpkg/status")
)

func withCPE(p detonaut.Package, cpes ...string) detonaut.Package {
	p.CPEs = cpes
	return p
}

// hole is a vulnerability of a package.
func hole(p detonaut.Package, id string, aliases ...string) detonaut.Vulnerability {
	return detonaut.Vulnerability{
		ID: id, Aliases: aliases, Severity: detonaut.High, Score: 7.5, Package: p.Name, Version: p.Version, Type: p.Type, PURL: p.PURL,
		Path: p.Locations[0].Path,
	}
}

func inventoryOf(all ...detonaut.Package) *detonaut.Inventory {
	return &detonaut.Inventory{Packages: all}
}

var everything = inventoryOf(openssl, opensslTool, leftPad, scoped, goLib, bsdtar, libarchive, log4j, jackson, jacksonCore, oldCore, zlib, headers)

// load reads files of testdata.
func load(t *testing.T, files Files) *Rules {
	t.Helper()
	r, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVEX(t *testing.T) {
	const (
		openVEX = "testdata/openvex.json"
		csaf    = "testdata/csaf.json"
		cyclone = "testdata/cyclonedx.json"
		ofImage = "testdata/cyclonedx-image.json"
		nobody  = "no justification was given by Example Shop Security <security@example.com>"
	)
	archive := detonaut.Image{Ref: "oci-dir:./out", Digest: digest}
	appliance := detonaut.Image{Ref: "registry.example.com/appliance:3", Digest: other.Digest}
	for _, test := range []struct {
		name   string
		file   string
		image  detonaut.Image
		found  detonaut.Vulnerability
		status string // empty if it counts
		reason string
	}{
		{"part of an image by digest", openVEX, shop, hole(opensslTool, "CVE-2026-1001"), "not_affected", "vulnerable_code_not_in_execute_path: The shop does not parse certificates of clients."},
		{"by an alias in the document", openVEX, shop, hole(opensslTool, "GHSA-aaaa-bbbb-cccc"), "not_affected", "vulnerable_code_not_in_execute_path: The shop does not parse certificates of clients."},
		{"by an alias in the report", openVEX, shop, hole(opensslTool, "DSA-1", "cve-2026-1001"), "not_affected", "vulnerable_code_not_in_execute_path: The shop does not parse certificates of clients."},
		{"another part", openVEX, shop, hole(openssl, "CVE-2026-1001"), "", ""},
		{"the part in another image", openVEX, other, hole(opensslTool, "CVE-2026-1001"), "", ""},
		{"an archive of that digest", openVEX, archive, hole(opensslTool, "CVE-2026-1001"), "not_affected", "vulnerable_code_not_in_execute_path: The shop does not parse certificates of clients."},
		{"a package of any version, no justification", openVEX, other, hole(leftPad, "CVE-2026-1002"), "not_affected", nobody},
		{"of a package another vulnerability", openVEX, other, hole(leftPad, "CVE-2026-1003"), "", ""},
		{"a later statement wins", openVEX, other, hole(scoped, "CVE-2026-1003"), "", ""},
		{"under investigation", openVEX, other, hole(goLib, "CVE-2026-1004"), "", ""},
		{"an image by tag", openVEX, shop, hole(zlib, "CVE-2026-1005"), "not_affected", "inline_mitigations_already_exist"},
		{"an archive has no tag", openVEX, archive, hole(zlib, "CVE-2026-1005"), "", ""},
		{"an image by name", openVEX, shop, hole(zlib, "CVE-2026-1006"), "not_affected", "component_not_present"},
		{"an image by hash", openVEX, archive, hole(zlib, "CVE-2026-1006"), "not_affected", "component_not_present"},
		{"an image of another digest", openVEX, shop, hole(zlib, "CVE-2026-1008"), "", ""},

		{"a part of a platform", csaf, other, hole(bsdtar, "CVE-2026-2001"), "not_affected", "vulnerable_code_not_present: The reader of that format is not built."},
		{"known to be affected", csaf, other, hole(libarchive, "CVE-2026-2001"), "", ""},
		{"by CPE", csaf, other, hole(log4j, "CVE-2026-2001"), "not_affected", "vulnerable_code_not_present"},
		{"a part of an image", csaf, appliance, hole(libarchive, "CVE-2026-2002"), "fixed", "no justification was given by Example Linux Product Security"},
		{"by another id", csaf, appliance, hole(libarchive, "GHSA-2222-2222-2222"), "fixed", "no justification was given by Example Linux Product Security"},
		{"a part of that image elsewhere", csaf, other, hole(libarchive, "CVE-2026-2002"), "", ""},
		{"being looked at", csaf, other, hole(bsdtar, "CVE-2026-2002"), "", ""},
		{"a product nobody knows", csaf, other, hole(bsdtar, "CVE-2026-2003"), "", ""},

		{"by reference", cyclone, other, hole(jackson, "CVE-2026-3001"), "not_affected", "code_not_reachable: Default typing is off."},
		{"of that another package", cyclone, other, hole(jacksonCore, "CVE-2026-3001"), "", ""},
		{"by another name, a version", cyclone, other, hole(jacksonCore, "CVE-2026-3002"), "fixed", "no justification was given by Example Shop"},
		{"another version", cyclone, other, hole(oldCore, "CVE-2026-3002"), "", ""},
		{"exploitable", cyclone, other, hole(jackson, "CVE-2026-3003"), "", ""},
		{"a false positive, by CPE", cyclone, other, hole(zlib, "CVE-2026-3004"), "not_affected", "That is another zlib."},
		{"by BOM-Link", cyclone, other, hole(scoped, "CVE-2026-3005"), "not_affected", "requires_configuration"},
		{"no analysis", cyclone, other, hole(jackson, "CVE-2026-3006"), "", ""},
		{"a range", cyclone, other, hole(jackson, "CVE-2026-3007"), "", ""},
		{"a package of a bill of an image", ofImage, shop, hole(leftPad, "CVE-2026-4001"), "not_affected", "protected_by_compiler"},
		{"that package in another image", ofImage, other, hole(leftPad, "CVE-2026-4001"), "", ""},
		{"the image itself", ofImage, shop, hole(zlib, "CVE-2026-4002"), "not_affected", "protected_at_runtime"},
	} {
		t.Run(test.name, func(t *testing.T) {
			kept, aside, _ := load(t, Files{VEX: []string{test.file}}).Apply(test.image, everything, []detonaut.Vulnerability{test.found}, today)
			if test.status == "" {
				if len(kept) != 1 || len(aside) != 0 {
					t.Errorf("set aside: %+v", aside[0].Suppressed)
				}
				return
			}
			want := test.found
			want.Suppressed = &detonaut.Suppression{By: ByVEX, Source: test.file, Reason: test.reason, Status: test.status}
			if diff := cmp.Diff([]detonaut.Vulnerability{want}, aside); diff != "" || len(kept) != 0 {
				t.Errorf("set aside (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVEXTellsWhatIsUnclear(t *testing.T) {
	r := load(t, Files{VEX: []string{"testdata/openvex.json", "testdata/csaf.json", "testdata/cyclonedx.json"}})
	_, _, warnings := r.Apply(shop, everything, nil, today)
	const unclear = " statements name no product by package URL, CPE, name or digest of an image: they have no effect"
	want := []string{"testdata/openvex.json: 1 of 9" + unclear, "testdata/csaf.json: 1 of 6" + unclear, "testdata/cyclonedx.json: 1 of 6" + unclear}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestIgnore(t *testing.T) {
	r := load(t, Files{Ignore: []string{"testdata/ignore.yaml"}})
	twice := leftPad
	twice.Locations = append(twice.Locations, detonaut.Location{Path: "/opt/node_modules/left-pad/package.json", Primary: true})
	for _, test := range []struct {
		name   string
		image  detonaut.Image
		packs  *detonaut.Inventory
		found  detonaut.Vulnerability
		reason string // empty if it counts
	}{
		{"by name", shop, everything, hole(opensslTool, "CVE-2026-5001"), "only the command is affected, and it is not installed"},
		{"by what it was built from", shop, everything, hole(openssl, "CVE-2026-5001"), "only the command is affected, and it is not installed"},
		{"another package", shop, everything, hole(zlib, "CVE-2026-5001"), ""},
		{"without an inventory", shop, nil, hole(opensslTool, "CVE-2026-5001"), "only the command is affected, and it is not installed"},
		{"an alias, a package URL, a path, an image", shop, everything, hole(leftPad, "CVE-2026-5002", "GHSA-5555-5555-5555"), "it pads nothing that others send"},
		{"another image", other, everything, hole(leftPad, "GHSA-5555-5555-5555"), ""},
		{"elsewhere as well", shop, inventoryOf(twice), hole(twice, "GHSA-5555-5555-5555"), ""},
		{"everything of a package", other, everything, hole(headers, "CVE-2026-5003"), "headers only"},
		{"an alias is no pattern", other, everything, hole(zlib, "CVE-2026-5003", "*"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, aside, _ := r.Apply(test.image, test.packs, []detonaut.Vulnerability{test.found}, today)
			got := ""
			if len(aside) > 0 {
				got = aside[0].Suppressed.Reason
				if s := aside[0].Suppressed; s.By != ByIgnore || s.Source != "testdata/ignore.yaml" || s.Status != "" {
					t.Errorf("%+v", s)
				}
			}
			if got != test.reason {
				t.Errorf("reason %q, want %q", got, test.reason)
			}
		})
	}
}

func TestExpiry(t *testing.T) {
	r := load(t, Files{Ignore: []string{"testdata/ignore.yaml"}})
	found := []detonaut.Vulnerability{hole(leftPad, "GHSA-5555-5555-5555"), hole(headers, "CVE-1")}
	const stale = "testdata/ignore.yaml:2: CVE-2026-5001: matches nothing: take it out if it is not needed any more"
	for _, test := range []struct {
		name  string
		now   time.Time
		holds bool
		warns []string
	}{
		{"long before", time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC), true, []string{stale}},
		{"two weeks before", time.Date(2026, 6, 18, 0, 0, 0, 0, time.UTC), true, []string{stale, "testdata/ignore.yaml:5: ghsa-5555-5555-5555: expires on 2026-07-01"}},
		{"on the day", time.Date(2026, 7, 1, 23, 59, 0, 0, time.UTC), true, []string{stale, "testdata/ignore.yaml:5: ghsa-5555-5555-5555: expires on 2026-07-01"}},
		{"after it", time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC), false, []string{
			stale, "testdata/ignore.yaml:5: ghsa-5555-5555-5555: expired on 2026-07-01 and no longer counts: look at it again, then take it out or give it another day",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			kept, aside, warnings := r.Apply(shop, everything, found, test.now)
			if holds := len(kept) == 0; holds != test.holds || len(kept)+len(aside) != 2 {
				t.Errorf("kept %d, set aside %d", len(kept), len(aside))
			}
			if test.holds && !aside[0].Suppressed.Expires.Equal(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)) {
				t.Errorf("expires %v", aside[0].Suppressed.Expires)
			}
			if diff := cmp.Diff(test.warns, warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
	if _, _, warnings := r.Apply(other, everything, []detonaut.Vulnerability{hole(openssl, "CVE-2026-5001"), hole(headers, "CVE-1")}, today); len(warnings) != 0 {
		t.Errorf("an entry for another image is told: %q", warnings)
	}
}

func finding(id string, weakness bool, paths ...string) detonaut.Finding {
	f := detonaut.Finding{ID: id, Weakness: weakness, Count: len(paths)}
	for _, p := range paths {
		f.Evidence = append(f.Evidence, detonaut.Evidence{Path: p, Summary: "that"})
	}
	return f
}

func TestFindings(t *testing.T) {
	r := load(t, Files{Ignore: []string{"testdata/ignore.yaml"}})
	findings := []detonaut.Finding{
		finding("config/no-healthcheck", true, ""),
		finding("config/root-user", true, ""),
		finding("config/setuid", true, "/usr/bin/su", "/usr/bin/sudo"),
		finding("secret/key", true, "/usr/share/doc/a/key.pem", "/usr/share/doc/b.pem"),
		finding("secret/token", false, "/usr/share/doc/token"),
	}
	warnings := r.ApplyFindings(shop, findings, today)
	var ignored []string
	for _, f := range findings {
		if f.Suppressed != nil {
			ignored = append(ignored, f.ID+": "+f.Suppressed.Reason)
		}
	}
	if diff := cmp.Diff([]string{"config/no-healthcheck: the orchestrator has its own", "secret/key: examples of documentation"}, ignored); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
	want := []string{
		"testdata/ignore.yaml:20: config/setuid: config/setuid was found at other places as well: it is not ignored",
		"testdata/ignore.yaml:17: secret/*: secret/token is no weakness but what the image itself does or has: it is not ignored",
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}

	cut := []detonaut.Finding{finding("config/setuid", true, "/usr/bin/su")}
	cut[0].Count = 9 // eight are not told
	if r.ApplyFindings(shop, cut, today); cut[0].Suppressed != nil {
		t.Error("a finding with places that are not told is ignored by path")
	}
	cut[0].Count = 1
	if r.ApplyFindings(shop, cut, today); cut[0].Suppressed == nil || cut[0].Suppressed.Expires.IsZero() {
		t.Errorf("suppressed: %+v", cut[0].Suppressed)
	}
}

func TestBadFiles(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"no list", "vulnerability: CVE-1\n", ":1: want a list of entries"},
		{"unknown key", "- vulnerability: CVE-1\n  reason: a\n  until: 2026-01-01\n", ":3: unknown key \"until\": use vulnerability, finding, package"},
		{"no reason", "\n- vulnerability: CVE-1\n", ":2: an entry without a reason: say why it does not matter"},
		{"empty reason", "- vulnerability: CVE-1\n  reason: '  '\n", ":2: reason is empty"},
		{"null", "- vulnerability: ~\n  reason: a\n", ":1: vulnerability: want one value"},
		{"twice", "- reason: a\n  reason: b\n", ":2: reason is set twice"},
		{"both", "- vulnerability: CVE-1\n  finding: config/a\n  reason: a\n", ":1: want either vulnerability or finding"},
		{"neither", "- reason: a\n", ":1: want either vulnerability or finding"},
		{"a list of lists", "- [a]\n", ":1: want an entry"},
		{"no day", "- vulnerability: CVE-1\n  reason: a\n  expires: tomorrow\n", ":3: expires: \"tomorrow\" is no day such as 2027-01-31"},
		{"a relative path", "- vulnerability: CVE-1\n  reason: a\n  path: srv/**\n", ":3: path: \"srv/**\" is no pattern"},
		{"a broken pattern", "- vulnerability: CVE-1\n  reason: a\n  path: /[\n", ":3: path: \"/[\" is no pattern"},
		{"a package with a version", "- vulnerability: CVE-1\n  reason: a\n  package: pkg:npm/a@1\n", ":3: package: \"pkg:npm/a@1\" has a version: put that into version"},
		{"no package URL", "- vulnerability: CVE-1\n  reason: a\n  package: 'pkg:'\n", ":3: package: \"pkg:\" is no package URL"},
		{"everything", "- vulnerability: '*'\n  reason: a\n", ":1: every vulnerability of everything: say package or path as well"},
		{"a pattern of vulnerabilities", "- vulnerability: CVE-*\n  reason: a\n", ":1: vulnerability: \"CVE-*\": name one"},
		{"a finding of a package", "- finding: config/a\n  package: b\n  reason: a\n", ":1: package and version go with vulnerability"},
		{"an alias of YAML", "- &a {vulnerability: CVE-1, reason: a}\n- *a\n", ":2: want an entry"},
		{"no YAML", "- a: [\n", "yaml: line 1"},
		{"two documents", "- {vulnerability: CVE-1, reason: a}\n---\n- {vulnerability: CVE-2, reason: a}\n", "more than one document"},
		{"too large", strings.Repeat("#", maxIgnore+1), "more than 1048576 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "ignore.yaml")
			write(t, file, test.text)
			_, err := Load(Files{Ignore: []string{file}})
			if !errors.Is(err, detonaut.ErrUsage) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	for _, test := range []struct{ name, text, want string }{
		{"another format", "{}", "it is none of OpenVEX, CSAF 2.0 and CycloneDX, as JSON"},
		{"no JSON", "{\n\"@context\": x}", ":2: invalid character 'x'"},
		{"no object", "[1]", ":1: json: cannot unmarshal array"},
		{"an old CSAF", `{"document": {"csaf_version": "1.2"}}`, `CSAF "1.2": only 2.0 is understood`},
		{"a status that is none", `{"@context": "https://openvex.dev/ns", "statements": [{"vulnerability": "CVE-1", "status": "fine"}]}`, `statement 1: status "fine" is none of`},
		{"no vulnerability", `{"@context": "https://openvex.dev/ns", "statements": [{"status": "fixed"}]}`, `statement 1: it names no vulnerability`},
		{"a time that is none", `{"@context": "https://openvex.dev/ns", "timestamp": "now", "statements": [{"vulnerability": "CVE-1", "status": "fixed"}]}`, `statement 1: parsing time "now"`},
		{"a wrong type", "{\"@context\": \"https://openvex.dev/ns\",\n\"statements\": 3}", ":2: json: cannot unmarshal number"},
		{"a state that is none", `{"bomFormat": "CycloneDX", "vulnerabilities": [{"id": "CVE-1", "analysis": {"state": "fine"}}]}`, `vulnerability 1: state "fine" is none of CycloneDX`},
		{"no id", `{"document": {"csaf_version": "2.0"}, "vulnerabilities": [{}]}`, `vulnerability 1 has neither cve nor ids`},
		{"branches without end", `{"document": {"csaf_version": "2.0"}, "product_tree": {"branches": [` + strings.Repeat(`{"branches": [`, 80) + strings.Repeat("]}", 80) + `]}}`, "branches are too deep"},
		{"components without end", `{"bomFormat": "CycloneDX", "components": [` + strings.Repeat(`{"components": [`, 80) + strings.Repeat("]}", 80) + `]}`, "components are too deep"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "vex.json")
			write(t, file, test.text)
			_, err := Load(Files{VEX: []string{file}})
			if !errors.Is(err, detonaut.ErrUsage) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	if _, err := Load(Files{VEX: []string{"testdata/nothing.json"}}); !errors.Is(err, detonaut.ErrUsage) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What was said last counts, whatever file it is in; of what was said at once, what
// leaves the vulnerability.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	say := func(name, status, at string) string {
		file := filepath.Join(dir, name+".json")
		write(t, file, `{"@context": "https://openvex.dev/ns/v0.2.0", "timestamp": "`+at+`", "statements": [
			{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:npm/left-pad"}], "status": "`+status+`", "impact_statement": "`+name+`"}]}`)
		return file
	}
	old := say("old", "not_affected", "2026-01-01T00:00:00Z")
	mid := say("mid", "affected", "2026-02-01T00:00:00Z")
	late := say("late", "fixed", "2026-03-01T00:00:00Z")
	equal := say("equal", "not_affected", "2026-02-01T00:00:00Z")
	for _, test := range []struct {
		files []string
		want  string
	}{
		{[]string{old}, "old"},
		{[]string{old, mid}, ""},
		{[]string{mid, old}, ""},
		{[]string{late, mid, old}, "late"},
		{[]string{equal, mid}, ""},
		{[]string{mid, equal}, ""},
	} {
		_, aside, _ := load(t, Files{VEX: test.files}).Apply(shop, everything, []detonaut.Vulnerability{hole(leftPad, "CVE-1")}, today)
		got := ""
		if len(aside) > 0 {
			got = aside[0].Suppressed.Reason
		}
		if got != test.want {
			t.Errorf("%v: %q, want %q", test.files, got, test.want)
		}
	}
}

func TestNothing(t *testing.T) {
	r, err := Load(Files{})
	if r != nil || err != nil {
		t.Fatal(r, err)
	}
	found := []detonaut.Vulnerability{hole(leftPad, "CVE-1")}
	kept, aside, warnings := r.Apply(shop, everything, found, today)
	if len(kept) != 1 || aside != nil || warnings != nil || r.Version() != "" || r.ApplyFindings(shop, nil, today) != nil {
		t.Error("no rules do something")
	}
	empty := filepath.Join(t.TempDir(), DefaultFile)
	write(t, empty, "# nothing yet\n")
	r = load(t, Files{Ignore: []string{empty}})
	if kept, _, warnings := r.Apply(shop, everything, found, today); len(kept) != 1 || warnings != nil {
		t.Error("an empty file does something")
	}
	if v := r.Version(); !strings.HasPrefix(v, "suppress@1+") || v == load(t, Files{Ignore: []string{"testdata/ignore.yaml"}}).Version() {
		t.Errorf("version %q", v)
	}
}
