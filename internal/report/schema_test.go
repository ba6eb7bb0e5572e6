package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/github/go-spdx/v2/spdxexp/spdxlicenses"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/report"
)

// schemas are the official schemas, by the format that they are of;
// testdata/schema/README.md tells where they are from.
var schemas = map[report.Format][]string{
	report.CycloneDX: {"bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schema.json"},
	report.SPDX:      {"spdx-2.3.schema.json"},
	report.SARIF:     {"sarif-2.1.0.schema.json"},
}

// schemaOf compiles the schema of a format. What it refers to is there, too; nothing
// is fetched.
func schemaOf(t testing.TB, f report.Format) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	first := ""
	for _, name := range schemas[f] {
		v := readSchema(t, name)
		id, _ := v["$id"].(string)
		if id == "" {
			id, _ = v["id"].(string)
		}
		if err := c.AddResource(id, v); err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = id
		}
	}
	s, err := c.Compile(first)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readSchema(t testing.TB, name string) map[string]any {
	t.Helper()
	b, err := os.ReadFile("testdata/schema/" + name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)
}

func validate(t testing.TB, s *jsonschema.Schema, doc []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// TestSchemas holds documents to the schemas of their standards.
func TestSchemas(t *testing.T) {
	empty := &detonaut.Report{Schema: detonaut.Schema}
	for f := range schemas {
		s := schemaOf(t, f)
		for name, r := range map[string]*detonaut.Report{
			"everything": everything(), "poisoned": poisoned(markup), "hostile": hostile(), "no inventory": miner(), "empty": empty, "empty strings": poisoned(""),
			"long strings": poisoned(string(bytes.Repeat([]byte("long "), 2000))), "a URL": poisoned("https://e.example/%zz?[]#"), "a number": poisoned("1"),
		} {
			if err := validate(t, s, write(t, f, report.Options{}, r)); err != nil {
				t.Errorf("%s of %s: %v", f, name, err)
			}
		}
		if f == report.SARIF {
			if err := validate(t, s, write(t, f, report.Options{Many: true}, everything(), miner(), poisoned(markup))); err != nil {
				t.Errorf("%s of several: %v", f, err)
			}
			continue
		}
		for line := range bytes.Lines(write(t, f, report.Options{Many: true}, everything(), miner(), poisoned(markup))) {
			if err := validate(t, s, line); err != nil {
				t.Errorf("%s, a line of several: %v", f, err)
			}
		}
	}
}

// TestSchemasRefuse holds the schemas to refusing documents that are broken, so that
// the test above means something.
func TestSchemasRefuse(t *testing.T) {
	type object = map[string]any
	first := func(v any) object { return v.([]any)[0].(object) }
	for f, breaks := range map[report.Format]map[string]func(object){
		report.CycloneDX: {
			"another version":          func(d object) { d["bomFormat"] = "x" },
			"a serial number":          func(d object) { d["serialNumber"] = "7" },
			"a license of no list":     func(d object) { first(d["components"])["licenses"] = []any{object{"license": object{"id": "no such"}}} },
			"a severity":               func(d object) { first(first(d["vulnerabilities"])["ratings"])["severity"] = "dire" },
			"a method":                 func(d object) { first(first(d["vulnerabilities"])["ratings"])["method"] = "CVSSv31." },
			"an unknown field":         func(d object) { first(d["components"])["colour"] = "red" },
			"a URL":                    func(d object) { first(first(d["vulnerabilities"])["advisories"])["url"] = "http://a b" },
			"a signature (other file)": func(d object) { d["signature"] = object{"algorithm": "none"} },
		},
		report.SPDX: {
			"no namespace":        func(d object) { delete(d, "documentNamespace") },
			"a relation":          func(d object) { first(d["relationships"])["relationshipType"] = "KNOWS" },
			"no download place":   func(d object) { delete(first(d["packages"]), "downloadLocation") },
			"a kind of reference": func(d object) { first(first(d["packages"])["externalRefs"])["referenceCategory"] = "x" },
		},
		report.SARIF: {
			"another version": func(d object) { d["version"] = "2.0.0" },
			"no driver":       func(d object) { delete(first(d["runs"])["tool"].(object), "driver") },
			"a level":         func(d object) { first(first(d["runs"])["results"])["level"] = "dire" },
			"no message":      func(d object) { delete(first(first(d["runs"])["results"]), "message") },
			"a line 0": func(d object) {
				first(first(first(d["runs"])["results"])["locations"])["physicalLocation"].(object)["region"].(object)["startLine"] = 0
			},
			"an unknown field": func(d object) { first(d["runs"])["colour"] = "red" },
		},
	} {
		s := schemaOf(t, f)
		for what, spoil := range breaks {
			var doc object
			if err := json.Unmarshal(write(t, f, report.Options{}, everything()), &doc); err != nil {
				t.Fatal(err)
			}
			spoil(doc)
			b, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			if validate(t, s, b) == nil {
				t.Errorf("%s: %s is not refused", f, what)
			}
		}
	}
}

// TestLicenseList holds the list of ids to those of the schema of CycloneDX that are
// licenses, and no exceptions to some. With -update it is written anew.
func TestLicenseList(t *testing.T) {
	var ids []string
	for _, id := range readSchema(t, "spdx.schema.json")["enum"].([]any) {
		id := id.(string)
		active, spelled := spdxlicenses.IsActiveLicense(id)
		deprecated, old := spdxlicenses.IsDeprecatedLicense(id)
		if active && spelled == id || deprecated && old == id {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	golden.Check(t, "../licenses.txt", []byte(strings.Join(ids, "\n")+"\n"))
	if len(ids) < 480 {
		t.Errorf("%d ids: the schema or the list of SPDX is another", len(ids))
	}
}
