package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/report/indicator"
	"github.com/detonaut/detonaut/internal/report/reporttest"
)

type object = map[string]any

// stixRequired are the properties that STIX 2.1 requires of what we write, beside those of
// all objects.
var stixRequired = map[string][]string{
	"identity": {"name"}, "malware": {"is_family"}, "observed-data": {"first_observed", "last_observed", "number_observed", "object_refs"},
	"indicator": {"pattern", "pattern_type", "valid_from"}, "relationship": {"relationship_type", "source_ref", "target_ref"},
	"note": {"content", "object_refs"}, "report": {"name", "published", "object_refs"},
	"domain-name": {"value"}, "url": {"value"}, "ipv4-addr": {"value"}, "ipv6-addr": {"value"}, "file": {"hashes"},
}

var (
	stixID    = regexp.MustCompile(`^([a-z][a-z0-9-]+)--[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	stixStamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	// stixPattern has one comparison with a string, in which quotes and backslashes are escaped.
	stixPattern = regexp.MustCompile(`^\[(domain-name:value|url:value|ipv[46]-addr:value|file:hashes\.'SHA-256') = '([^'\\]|\\['\\])*'\]$`)
)

// checkSTIX holds a bundle to what the specification requires.
func checkSTIX(t *testing.T, out []byte) (objects []object) {
	t.Helper()
	var bundle struct {
		Type, ID string
		Objects  []object
	}
	dec := json.NewDecoder(bytes.NewReader(out))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&bundle); err != nil || bundle.Type != "bundle" || !stixID.MatchString(bundle.ID) {
		t.Fatalf("no bundle: %v, %.300s", err, out)
	}
	ids := map[string]bool{}
	for _, o := range bundle.Objects {
		id := o["id"].(string)
		if m := stixID.FindStringSubmatch(id); m == nil || m[1] != o["type"] || ids[id] {
			t.Errorf("the id %q of %v", id, o["type"])
		}
		ids[id] = true
		required, known := stixRequired[o["type"].(string)]
		if o["spec_version"] != "2.1" || !known {
			t.Errorf("%s: %v of version %v", id, o["type"], o["spec_version"])
		}
		if _, observable := o["value"]; !observable && o["type"] != "file" {
			required = append(slices.Clone(required), "created", "modified")
		}
		for _, name := range required {
			if v, ok := o[name]; !ok || v == "" {
				t.Errorf("%s has no %s", id, name)
			}
		}
		checkProperties(t, id, o)
	}
	for _, o := range bundle.Objects { // no reference leads nowhere
		for name, v := range o {
			list, _ := v.([]any)
			if one, ok := v.(string); ok {
				list = []any{one}
			}
			for _, ref := range list {
				if strings.Contains(name, "_ref") && !ids[ref.(string)] {
					t.Errorf("%s of %s leads to %s, which is not there", name, o["id"], ref)
				}
			}
			if len(list) == 0 && strings.HasSuffix(name, "_refs") {
				t.Errorf("%s of %s is empty", name, o["id"])
			}
		}
	}
	return bundle.Objects
}

func checkProperties(t *testing.T, id string, o object) {
	t.Helper()
	for _, name := range []string{"created", "modified", "first_observed", "last_observed", "valid_from", "published"} {
		if v, ok := o[name]; ok && !stixStamp.MatchString(v.(string)) {
			t.Errorf("%s of %s is %v", name, id, v)
		}
	}
	if p, ok := o["pattern"]; ok && !stixPattern.MatchString(p.(string)) {
		t.Errorf("the pattern of %s: %s", id, p)
	}
}

func TestSTIX(t *testing.T) {
	empty := &detonaut.Report{Schema: detonaut.Schema}
	backwards := miner()
	backwards.Elapsed = -time.Hour
	for _, r := range []*detonaut.Report{everything(), miner(), hostile(), poisoned(markup), poisoned(""), poisoned("1"), empty, backwards, indicative(detonaut.Malicious)} {
		checkSTIX(t, write(t, report.STIX, report.Options{}, r))
	}
	for _, p := range reporttest.Payloads() {
		checkSTIX(t, write(t, report.STIX, report.Options{}, reporttest.Hostile(p.Text)))
	}
}

// indicative is a report in which every kind of indicator rests on a finding.
func indicative(w detonaut.Word) *detonaut.Report {
	r := miner()
	r.Verdict.Word = w
	r.Findings[0].Evidence[0].Summary = `it said pool.example.org, 2606:4700::1, https://a.example.org/it's\x and 192.0.2.1`
	r.Run.Requests = append(r.Run.Requests, detonaut.Request{Method: "GET", URL: `https://a.example.org/it's\x`})
	r.Run.Connections = append(r.Run.Connections, detonaut.Connection{Network: "tcp", Address: "[2606:4700::1]:443"})
	return r
}

// What others are to look for is told of bad images only.
func TestSTIXIndicators(t *testing.T) {
	for word, want := range map[detonaut.Word]map[string]int{
		detonaut.Malicious:    {"indicator": 5, "relationship": 5, "malware": 1},
		detonaut.Suspicious:   {"indicator": 5},
		detonaut.Inconclusive: {}, detonaut.Clean: {},
	} {
		got := map[string]int{}
		var patterns []string
		for _, o := range checkSTIX(t, write(t, report.STIX, report.Options{}, indicative(word))) {
			if kind := o["type"].(string); kind == "indicator" || kind == "relationship" || kind == "malware" {
				got[kind]++
			}
			if p, ok := o["pattern"].(string); ok {
				patterns = append(patterns, p)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", word, diff)
		}
		if p := `[url:value = 'https://a.example.org/it\'s%5Cx']`; len(patterns) > 0 && !slices.Contains(patterns, p) {
			t.Errorf("%s: no %s among %s", word, p, patterns)
		}
	}
}

// The id of an observable is the one that everybody else makes; the first is an example of
// the specification (2.9).
func TestSTIXObservable(t *testing.T) {
	r := &detonaut.Report{Run: &detonaut.Run{Names: []string{"example.com"}, Connections: []detonaut.Connection{{Network: "tcp", Address: "198.51.100.3:1"}}}}
	out := string(write(t, report.STIX, report.Options{}, r))
	for _, want := range []string{"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4", "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
}

func TestMISP(t *testing.T) {
	var doc struct {
		Event struct {
			UUID, Info, Date, Timestamp string
			Attribute                   []struct {
				UUID, Type, Category, Value, Comment, Timestamp string
				ToIDs                                           bool `json:"to_ids"`
			}
		}
	}
	ids := map[string]bool{}
	for _, w := range []detonaut.Word{detonaut.Malicious, detonaut.Clean} {
		if err := json.Unmarshal(write(t, report.MISP, report.Options{}, indicative(w)), &doc); err != nil {
			t.Fatal(err)
		}
		var marked []string
		seen := map[string]bool{}
		for _, a := range doc.Event.Attribute {
			if a.ToIDs {
				marked = append(marked, a.Type)
			}
			if a.UUID == "" || seen[a.UUID] || a.Type == "" || a.Category == "" || a.Value == "" {
				t.Errorf("%+v", a)
			}
			seen[a.UUID] = true
		}
		var want []string
		if w == detonaut.Malicious {
			want = []string{"domain", "domain", "url", "ip-dst", "ip-dst"}
		}
		if diff := cmp.Diff(want, marked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", w, diff)
		}
		ids[doc.Event.UUID] = true
	}
	if len(ids) != 1 {
		t.Error("the same image and fingerprint have several events")
	}
}

// A spreadsheet takes no field for a formula, and every row has its columns.
func TestCSVFormulas(t *testing.T) {
	for _, s := range []string{
		"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\"=1", "'=1", "＝1", "＋1", "－1", "＠x", "\u3000=1", "a\n=1", ";=1", "x\",=1",
	} {
		r := everything()
		r.Image.Ref, r.Image.Digest, r.Verdict.Word = detonaut.Ref(s), detonaut.Digest(s), detonaut.Word(s)
		r.Run.Messages[0].Fields["wallet"] = s
		r.Run.Payloads[0].Paths[0] = s
		out := write(t, report.CSV, report.Options{Many: true}, r)
		rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
		if err != nil || len(rows) != len(indicator.Of(r))+1 {
			t.Fatalf("%q: %d rows, %v", s, len(rows), err)
		}
		for _, row := range rows {
			for _, f := range row {
				if t1 := strings.TrimLeft(f, " \"\u3000\t"); t1 != "" && strings.ContainsRune("=+-@＝＋－＠\t\r", []rune(t1)[0]) {
					t.Errorf("%q: the field %q", s, f)
				}
			}
		}
	}
}

// TestIndicatorsHarmless shows what attacks whoever shows it: nothing is a link, HTML or a
// picture, and nothing begins a line of its own.
func TestIndicatorsHarmless(t *testing.T) {
	link := regexp.MustCompile(`(?i)\w://|www\.|\]\(|<`)
	line := regexp.MustCompile(`^(# .*|(domain|url|ip|sha256|wallet|ja4) +\S.*  # .*|)$`)
	for _, p := range reporttest.Payloads() {
		r := reporttest.Hostile(p.Text)
		r.Run.Requests = []detonaut.Request{{Method: p.Text, URL: "https://a.example/" + p.Text}}
		out := string(write(t, report.Indicators, report.Options{Many: true}, r, r))
		for l := range strings.Lines(out) {
			l = strings.TrimSuffix(l, "\n")
			if rest := strings.ReplaceAll(l, "hxxps://", ""); !line.MatchString(l) || link.MatchString(rest) {
				t.Errorf("%.60q: the line %.300q", p.Text, l)
			}
		}
	}
}
