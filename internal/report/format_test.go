package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/report"
)

// golden files of every format, of one image, of hostile strings, and of several.
func TestGoldenFormats(t *testing.T) {
	bare := miner()
	bare.Image.Ref = "oci-dir:./build/app"
	bare.Stages = append(bare.Stages, detonaut.Stage{
		Name: detonaut.StageVulnerabilities, State: detonaut.Skipped, Reason: "there is no database: run detonaut db update",
	})
	for _, f := range report.Formats() {
		if f == report.HTML {
			continue // package page looks at what is in it
		}
		ending := map[report.Format]string{report.Table: "txt", report.JUnit: "xml", report.Markdown: "md", report.JSONLines: "jsonl", report.Indicators: "txt", report.CSV: "csv"}[f]
		if ending == "" {
			ending = "json"
		}
		golden.Check(t, "everything-"+string(f)+"."+ending, write(t, f, report.Options{}, everything()))
		if f == report.JSON || f == report.JSONLines {
			continue // they have goldens of their own
		}
		golden.Check(t, "bare-"+string(f)+"."+ending, write(t, f, report.Options{}, bare))
		golden.Check(t, "poisoned-"+string(f)+"."+ending, write(t, f, report.Options{}, poisoned(markup)))
		golden.Check(t, "several-"+string(f)+"."+ending, write(t, f, report.Options{Many: true}, bare, everything()))
	}
}

// TestNothing holds every format to be whole when there was no image to tell of.
func TestNothing(t *testing.T) {
	for f, want := range map[report.Format]string{
		report.SARIF: "\"runs\": []\n}\n", report.JUnit: "</testsuites>\n", report.Markdown: "## Detonaut: 0 images\n\n", report.HTML: "</html>\n", report.CycloneDX: "", report.SPDX: "",
	} {
		if got := string(write(t, f, report.Options{Many: true})); !strings.HasSuffix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: got %q, want an end of %q", f, got, want)
		}
	}
}

// TestPoisoned holds every format to printing, and to being well-formed, whatever the
// strings are.
func TestPoisoned(t *testing.T) {
	for _, f := range report.Formats() {
		for _, many := range []bool{false, true} {
			checkForm(t, f, many, write(t, f, report.Options{Many: many}, poisoned(markup), everything(), hostile()))
		}
	}
}

func checkForm(t *testing.T, f report.Format, many bool, out []byte) {
	t.Helper()
	if !utf8.Valid(out) {
		t.Errorf("%s: not UTF-8", f)
	}
	if i := bytes.IndexFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("%s: %q does not print", f, out[i:min(i+20, len(out))])
	}
	switch f {
	case report.Table, report.Markdown, report.Indicators:
	case report.CSV:
		if _, err := csv.NewReader(bytes.NewReader(out)).ReadAll(); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	case report.HTML:
		if !bytes.HasPrefix(out, []byte("<!DOCTYPE html>\n")) || !bytes.HasSuffix(out, []byte("</html>\n")) || bytes.Contains(out, []byte("<script")) {
			t.Errorf("%s: it is no page without a script", f)
		}
	case report.JUnit:
		dec := xml.NewDecoder(bytes.NewReader(out))
		for {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatalf("%s: %v", f, err)
			}
		}
	default:
		dec := json.NewDecoder(bytes.NewReader(out))
		for {
			var v any
			if err := dec.Decode(&v); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatalf("%s, many %v: %v", f, many, err)
			}
		}
	}
}

// TestDeterministic holds equal reports to equal bytes, and a report to staying as it
// is.
func TestDeterministic(t *testing.T) {
	r := everything()
	for _, f := range report.Formats() {
		first := write(t, f, report.Options{}, r)
		for range 5 {
			if !bytes.Equal(first, write(t, f, report.Options{}, everything())) {
				t.Errorf("%s: the second time is different", f)
			}
		}
	}
	if diff := cmp.Diff(everything(), r); diff != "" {
		t.Errorf("writing changed it (-want +got):\n%s", diff)
	}
}

// TestStored writes a report again that was stored: nothing is lost on the way.
func TestStored(t *testing.T) {
	back, err := report.Read(bytes.NewReader(write(t, report.JSON, report.Options{}, everything())), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Formats() {
		if diff := cmp.Diff(string(write(t, f, report.Options{}, everything())), string(write(t, f, report.Options{}, back))); diff != "" {
			t.Errorf("%s (-fresh +stored):\n%s", f, diff)
		}
	}
}

// TestCycloneDXRoundTrip reads a BOM with the library of the standard: the packages
// are those of the inventory.
func TestCycloneDXRoundTrip(t *testing.T) {
	r := everything()
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(write(t, report.CycloneDX, report.Options{}, r)), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	var got []detonaut.Package
	for _, c := range *bom.Components {
		if c.Type == cdx.ComponentTypeLibrary {
			got = append(got, packageOf(&c))
		}
	}
	var want []detonaut.Package
	for _, p := range r.Inventory.Packages {
		p.Licenses = map[string][]string{"mit": {"MIT"}}[strings.Join(p.Licenses, "")]
		want = append(want, p)
	}
	for i := range got { // those that are no single id are told in other ways
		if len(got[i].Licenses) != 1 || got[i].Licenses[0] != "MIT" {
			got[i].Licenses = nil
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages (-inventory +BOM):\n%s", diff)
	}
	refs := map[string]bool{bom.Metadata.Component.BOMRef: true}
	for _, c := range *bom.Components {
		if refs[c.BOMRef] {
			t.Errorf("%s is there twice", c.BOMRef)
		}
		refs[c.BOMRef] = true
	}
	affected := 0
	for _, v := range *bom.Vulnerabilities {
		for _, a := range *v.Affects {
			affected++
			if !refs[a.Ref] {
				t.Errorf("%s affects %s, which is not there", v.ID, a.Ref)
			}
		}
	}
	if want := len(r.Vulnerabilities) + len(r.Suppressed); affected != want {
		t.Errorf("%d pairs of a vulnerability and a component, want %d", affected, want)
	}
}

// packageOf is what a component tells of a package.
func packageOf(c *cdx.Component) detonaut.Package {
	p := detonaut.Package{Name: c.Name, Version: c.Version, PURL: c.PackageURL, Hidden: c.Scope == cdx.ScopeExcluded}
	if c.CPE != "" {
		p.CPEs = append(p.CPEs, c.CPE)
	}
	if c.Licenses != nil {
		for _, l := range *c.Licenses {
			if l.License != nil {
				p.Licenses = append(p.Licenses, l.License.ID)
			}
		}
	}
	if c.Properties == nil {
		return p
	}
	for _, property := range *c.Properties {
		name, value := strings.TrimPrefix(property.Name, "detonaut:"), property.Value
		switch parts := strings.Split(name, ":"); parts[0] {
		case "cpe":
			p.CPEs = append(p.CPEs, value)
		case "location":
			if parts[2] == "path" {
				p.Locations = append(p.Locations, detonaut.Location{})
			}
			l := &p.Locations[len(p.Locations)-1]
			switch parts[2] {
			case "path":
				l.Path = value
			case "within":
				l.Within = value
			case "layer":
				l.Layer = detonaut.Digest(value)
			case "primary":
				l.Primary = true
			}
		case "reached":
			if p.Reached == nil {
				p.Reached = &detonaut.Reached{Event: 12}
			}
			switch parts[1] {
			case "how":
				p.Reached.How = value
			case "path":
				p.Reached.Path = value
			}
		default:
			if at, ok := map[string]*string{
				"type": &p.Type, "language": &p.Language, "source:name": &p.Source, "source:version": &p.SourceVersion, "owner": &p.Owner, "found-by": &p.FoundBy,
			}[name]; ok {
				*at = value
			}
		}
	}
	return p
}

// TestSize holds reports of large images to sizes that can be stored by the million.
func TestSize(t *testing.T) {
	r := large(2000, 1300)
	for f, most := range map[report.Format]int{
		report.JSON: 5_000_000, report.JSONLines: 3_000_000, report.CycloneDX: 6_000_000, report.SPDX: 5_000_000, report.SARIF: 5_000_000, report.JUnit: 2_000_000,
		report.Markdown: 60_000, report.HTML: 4_000_000, report.Table: 30_000,
	} {
		n := len(write(t, f, report.Options{}, r))
		t.Logf("%-10s %7d bytes", f, n)
		if n > most {
			t.Errorf("%s: %d bytes, want at most %d", f, n, most)
		}
	}
}

// BenchmarkFormats writes the report of a large image.
func BenchmarkFormats(b *testing.B) {
	r := large(2000, 1300)
	for _, f := range report.Formats() {
		b.Run(string(f), func(b *testing.B) {
			for b.Loop() {
				w, err := report.New(f, io.Discard, report.Options{})
				if err != nil {
					b.Fatal(err)
				}
				if err := errors.Join(w.Write(r), w.Close()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
