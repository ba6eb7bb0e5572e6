package suppress

import (
	"errors"
	"os"
	"testing"

	"github.com/detonaut/detonaut"
)

// Whatever a document says, it is read or refused, and what it sets aside has a reason.
func FuzzVEX(f *testing.F) {
	for _, name := range []string{"openvex", "csaf", "cyclonedx", "cyclonedx-image"} {
		b, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	var found []detonaut.Vulnerability
	for i := range everything.Packages {
		found = append(found, hole(everything.Packages[i], "CVE-2026-1001", "CVE-2026-2001", "CVE-2026-3001"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &Rules{byID: map[string][]*entry{}, claims: newClaims()}
		if err := r.claims.read("file", b); err != nil {
			if !errors.Is(err, detonaut.ErrUsage) {
				t.Errorf("error %v", err)
			}
			return
		}
		kept, aside, _ := r.Apply(shop, everything, found, today)
		if len(kept)+len(aside) != len(found) {
			t.Errorf("%d and %d of %d", len(kept), len(aside), len(found))
		}
		for _, v := range aside {
			if s := v.Suppressed; s.Reason == "" || len(s.Reason) > maxReason || s.Status != "not_affected" && s.Status != "fixed" {
				t.Errorf("%+v", s)
			}
		}
	})
}

// Whatever an ignore file says, it is read or refused, and what it sets aside has a
// reason.
func FuzzIgnore(f *testing.F) {
	b, err := os.ReadFile("testdata/ignore.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	found := []detonaut.Vulnerability{hole(openssl, "CVE-2026-5001"), hole(leftPad, "GHSA-5555-5555-5555"), hole(headers, "CVE-1")}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &Rules{byID: map[string][]*entry{}, claims: newClaims()}
		if err := r.addIgnore("file", b); err != nil {
			if !errors.Is(err, detonaut.ErrUsage) {
				t.Errorf("error %v", err)
			}
			return
		}
		kept, aside, _ := r.Apply(shop, everything, found, today)
		if len(kept)+len(aside) != len(found) {
			t.Errorf("%d and %d of %d", len(kept), len(aside), len(found))
		}
		for _, v := range aside {
			if v.Suppressed.Reason == "" {
				t.Error("no reason")
			}
		}
		findings := []detonaut.Finding{finding("config/setuid", true, "/usr/bin/su"), finding("impact/miner", false, "/m")}
		r.ApplyFindings(shop, findings, today)
		if findings[1].Suppressed != nil {
			t.Error("what is no weakness was ignored")
		}
	})
}

// A name of a package or an image that is compared with a hostile one.
func FuzzTarget(f *testing.F) {
	for _, id := range []string{
		"pkg:npm/a@1", "pkg:oci/a@sha256:00?repository_url=b/a", "cpe:/a:a:b%2b:1", `cpe:2.3:a:a:b\::1:*:*:*:*:*:*:*`, "a.b:1/c:2@sha256:00", digest,
	} {
		f.Add(id, id)
	}
	f.Fuzz(func(t *testing.T, said, have string) {
		target, ok := parseTarget(said)
		if !ok {
			return
		}
		p := pack("npm", "a", "1", have, "/a")
		p.CPEs = []string{have}
		a := newPackages(inventoryOf(p)).of(&detonaut.Vulnerability{ID: "CVE-1", Package: "a", Version: "1", Type: "npm", PURL: have, Path: "/a"})
		name := nameOf(detonaut.Image{Ref: detonaut.Ref(have), Digest: detonaut.Digest(have)})
		if target.isImage() {
			target.fitsImage(name)
		} else if target.key(); target.fitsImage(name) {
			t.Error("a package is an image")
		} else {
			target.fitsPackage(a)
		}
		star(said, have)
	})
}
