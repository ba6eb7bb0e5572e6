package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/indicator"
)

// observables is the namespace of ids of observables (STIX 2.1, 2.9). They are the same for
// everybody, whoever observed them.
var observables = uuid.MustParse("00abedb4-aa42-466c-9c01-fed23315a9b7")

// identityBorn is when our identity was made, which has to be said.
const identityBorn = "2026-01-01T00:00:00.000Z"

type stixObject = map[string]any

// stixBundle is a bundle of one report. Ids are made of what they name: equal reports have
// equal ones.
type stixBundle struct {
	r        *detonaut.Report
	space    uuid.UUID // of the ids of this report
	at       string    // when it began
	identity string
	malware  string // id; empty if it is none
	objects  []stixObject
}

// encodeSTIX writes the indicators of a report as a bundle of STIX 2.1.
func encodeSTIX(r *detonaut.Report) ([]byte, error) {
	space, err := reportID(r, "stix")
	if err != nil {
		return nil, err
	}
	b := &stixBundle{r: r, space: space, at: stixTime(r.Started), identity: "identity--" + uuid.NewSHA1(uuid.NameSpaceURL, []byte(home)).String()}
	b.objects = append(b.objects, stixObject{
		"type": "identity", "spec_version": "2.1", "id": b.identity, "created": identityBorn, "modified": identityBorn,
		"name": "Detonaut", "identity_class": "system",
	})
	b.addMalware()
	all, left := indicator.Collect(r)
	b.addObserved(all)
	for _, i := range all {
		b.addIndicator(i)
	}
	b.addAccounts(all)
	b.addReport(left)
	out, err := json.Marshal(stixObject{"type": "bundle", "id": "bundle--" + space.String(), "objects": b.objects})
	if err != nil {
		return nil, fmt.Errorf("encode STIX: %w", err)
	}
	return out, nil
}

// add adds an object of ours, and returns its id. Name tells it from others of its kind.
func (b *stixBundle) add(kind, name string, o stixObject) string {
	id := kind + "--" + uuid.NewSHA1(b.space, []byte(kind+"\n"+name)).String()
	o["type"], o["spec_version"], o["id"] = kind, "2.1", id
	o["created"], o["modified"], o["created_by_ref"] = b.at, b.at, b.identity
	b.objects = append(b.objects, o)
	return id
}

// addMalware tells what the image is, if that is clear.
func (b *stixBundle) addMalware() {
	v := b.r.Verdict
	if v.Word != detonaut.Malicious && v.Word != detonaut.Unwanted {
		return
	}
	b.malware = b.add("malware", "", stixObject{
		"name": describe(cmp.Or(v.Family, string(v.Category), string(v.Word))), "is_family": false,
		"malware_types": []string{stixMalware(v.Category)}, "description": describe(v.Sentence),
	})
}

// stixMalware is a category in the words of STIX (malware-type-ov).
func stixMalware(c detonaut.Category) string {
	switch c {
	case detonaut.Miner, detonaut.Proxy:
		return "resource-exploitation"
	case detonaut.Backdoor, detonaut.Trojan, detonaut.Webshell, detonaut.Rootkit, detonaut.Ransomware, detonaut.Worm, detonaut.Dropper:
		return string(c)
	case detonaut.DataTheft:
		return "spyware"
	case detonaut.Exploit, detonaut.Hacktool, detonaut.WindowsMalware, detonaut.MaliciousPackage:
	}
	return "unknown"
}

// addObserved adds all that has a place among observables, and that it was observed.
func (b *stixBundle) addObserved(all []indicator.Indicator) {
	var refs []string
	for _, i := range all {
		kind, property, value := stixObservable(i)
		if kind == "" {
			continue
		}
		id := kind + "--" + uuid.NewSHA1(observables, canonical(stixObject{property: value})).String()
		b.objects = append(b.objects, stixObject{"type": kind, "spec_version": "2.1", "id": id, property: value})
		refs = append(refs, id)
	}
	if len(refs) == 0 {
		return
	}
	b.add("observed-data", "", stixObject{
		"first_observed": b.at, "last_observed": stixTime(b.r.Started.Add(max(b.r.Elapsed, 0))), "number_observed": 1, "object_refs": refs,
	})
}

// stixObservable is what makes an indicator an observable; kind is empty if nothing does.
func stixObservable(i indicator.Indicator) (kind, property string, value any) {
	switch i.Kind {
	case indicator.Domain:
		return "domain-name", "value", i.Value
	case indicator.URL:
		return "url", "value", i.Value
	case indicator.IP:
		if a, err := netip.ParseAddr(i.Value); err == nil && a.Is4() {
			return "ipv4-addr", "value", i.Value
		}
		return "ipv6-addr", "value", i.Value
	case indicator.SHA256:
		return "file", "hashes", map[string]string{"SHA-256": i.Value}
	case indicator.Wallet, indicator.JA4:
	}
	return "", "", nil
}

// addIndicator adds one that is worth looking for.
func (b *stixBundle) addIndicator(i indicator.Indicator) {
	kind, _, _ := stixObservable(i)
	if kind == "" || !wanted(b.r, i) {
		return
	}
	place := kind + ":value"
	if i.Kind == indicator.SHA256 {
		place = "file:hashes.'SHA-256'"
	}
	meaning := "anomalous-activity"
	if b.r.Verdict.Word == detonaut.Malicious {
		meaning = "malicious-activity"
	}
	labels := make([]string, len(i.Findings))
	for n, f := range i.Findings {
		labels[n] = describe(f)
	}
	id := b.add("indicator", string(i.Kind)+"\n"+i.Value, stixObject{
		"name": i.Value, "description": describe(about(i, false)), "indicator_types": []string{meaning}, "labels": labels,
		"pattern": "[" + place + " = '" + stixLiteral(i.Value) + "']", "pattern_type": "stix", "valid_from": b.at,
	})
	if b.malware != "" {
		b.add("relationship", id, stixObject{"relationship_type": "indicates", "source_ref": id, "target_ref": b.malware})
	}
}

// stixLiteral is a string inside the quotes of a pattern.
func stixLiteral(s string) string {
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(Escape(s))
}

// addAccounts adds a note of what has no place among observables.
func (b *stixBundle) addAccounts(all []indicator.Indicator) {
	var lines []string
	for _, i := range all {
		if kind, _, _ := stixObservable(i); kind == "" {
			lines = append(lines, fmt.Sprintf("%s %s: %s", i.Kind, describe(i.Value), describe(about(i, true))))
		}
	}
	if len(lines) > 0 {
		b.add("note", "", stixObject{
			"abstract": "wallets, and clients of TLS by JA4", "content": strings.Join(lines, "\n"), "object_refs": []string{cmp.Or(b.malware, b.identity)},
		})
	}
}

// addReport adds what holds all together.
func (b *stixBundle) addReport(left int) {
	refs := make([]string, len(b.objects))
	for i, o := range b.objects {
		refs[i], _ = o["id"].(string)
	}
	text := describe(string(b.r.Verdict.Word)) + ": " + describe(b.r.Verdict.Sentence) + " " + describe(string(b.r.Image.Digest))
	if left > 0 {
		text += fmt.Sprintf(" %d more indicators are left out.", left)
	}
	kind := "observed-data"
	if b.malware != "" {
		kind = "malware"
	}
	b.add("report", "", stixObject{
		"name": describe("Detonaut: " + string(b.r.Image.Ref)), "description": text, "report_types": []string{kind}, "published": b.at, "object_refs": refs,
	})
}

// canonical is the JSON of what an id is made of (RFC 8785); keys are sorted, and the strings
// in it are ASCII.
func canonical(o stixObject) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(o) // of strings alone
	return bytes.TrimSpace(b.Bytes())
}

// stixTime is a time in the form that STIX wants.
func stixTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
