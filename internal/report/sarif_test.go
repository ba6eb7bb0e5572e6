package report_test

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report"
)

// log is what the tests read of a log of SARIF.
type log struct {
	Runs []struct {
		Tool struct {
			Driver struct {
				Rules []struct {
					ID         string
					Properties map[string]any
				}
			}
		}
		AutomationDetails struct{ ID, GUID string }
		Invocations       []struct {
			ExecutionSuccessful        bool
			ToolExecutionNotifications []struct {
				Descriptor struct{ ID string }
				Level      string
			}
		}
		Results []struct {
			RuleID       string
			RuleIndex    int
			Level        string
			Message      struct{ Text string }
			Suppressions []struct{ Justification string }
			Locations    []struct {
				PhysicalLocation struct {
					ArtifactLocation struct{ URI, URIBaseID string }
				}
				LogicalLocations []struct{ FullyQualifiedName string }
			}
			PartialFingerprints map[string]string
		}
		Properties struct{ Family string }
	}
}

func sarif(t *testing.T, o report.Options, reports ...*detonaut.Report) (l log) {
	t.Helper()
	if err := json.Unmarshal(write(t, report.SARIF, o, reports...), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestSARIF shows which results are in which run, at which place.
func TestSARIF(t *testing.T) {
	type result struct{ Rule, Level, At, Rank string }
	got := map[string][]result{}
	l := sarif(t, report.Options{}, everything())
	for _, run := range l.Runs {
		for _, res := range run.Results {
			rule := run.Tool.Driver.Rules[res.RuleIndex]
			if rule.ID != res.RuleID {
				t.Errorf("rule %d is %s, want %s", res.RuleIndex, rule.ID, res.RuleID)
			}
			rank, _ := rule.Properties["security-severity"].(string)
			at := res.Locations[0].PhysicalLocation.ArtifactLocation
			got[run.Properties.Family] = append(got[run.Properties.Family], result{res.RuleID, res.Level, at.URIBaseID + " " + at.URI, rank})
		}
	}
	image := " registry.example.com%3A5000/team/app%3A1.2%40" + url.QueryEscape(string(digest))
	status := "IMAGE var/lib/dpkg/status"
	want := map[string][]result{
		"behaviour": {{"network/mining-pool", "error", image, "8.0"}, {"network/mining-pool", "error", "IMAGE app", "8.0"}},
		"files": {
			{"program/packed", "warning", "IMAGE usr/bin/a%20b", "5.5"},
			{"program/packed", "warning", "IMAGE tmp/x81hd", "5.5"},
			{"packages/malicious", "error", "IMAGE app/node_modules/flatmap-stream/package.json", "8.0"},
		},
		"secrets": {{"secret/private-key", "error", "IMAGE root/.ssh/id_ed25519", "8.0"}, {"secret/private-key", "error", image, "8.0"}},
		"config": {
			{"config/setuid", "note", "IMAGE usr/bin/chsh", "2.0"}, {"config/setuid", "note", "IMAGE usr/bin/su", "2.0"}, {"config/root-user", "note", image, "2.0"},
		},
		"vulnerabilities": {
			{"CVE-2026-0001", "error", status, "9.8"},
			{"CVE-2021-44228", "error", "IMAGE opt/app.war", "10.0"},
			// The score says high, the database medium: its word stands.
			{"GHSA-29mw-wpgm-hmr9", "warning", "IMAGE app/package-lock.json", "5.5"},
			{"GHSA-29mw-wpgm-hmr9", "warning", "IMAGE old/package-lock.json", "5.5"},
			{"CVE-2005-0001", "note", image, "2.1"},
			{"CVE-2026-0002", "note", image, "0.1"},
			{"CVE-2026-0003", "note", image, ""},
			{"CVE-2026-0004", "error", image, "8.1"},
			{"CVE-2026-0005", "error", image, "8.0"},
			{"CVE-2026-0006", "note", image, "2.0"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, res := range l.Runs[4].Results[7:] {
		if len(res.Suppressions) != 1 || res.Suppressions[0].Justification == "" {
			t.Errorf("%s is not suppressed with a reason", res.RuleID)
		}
	}
	if ok := l.Runs[2].Invocations[0]; ok.ExecutionSuccessful || ok.ToolExecutionNotifications[0].Descriptor.ID != "stage/image/secret" {
		t.Errorf("the failed stage of secrets is %+v", ok)
	}
}

// prints are the fingerprints of all results of a log.
func prints(t *testing.T, l log) (all []string) {
	t.Helper()
	for _, run := range l.Runs {
		for _, res := range run.Results {
			if res.PartialFingerprints["primaryLocationLineHash"] == "" {
				t.Errorf("%s has no fingerprint", res.RuleID)
			}
			all = append(all, slices.Collect(maps.Values(res.PartialFingerprints))...)
		}
	}
	slices.Sort(all)
	return all
}

// TestFingerprints holds fingerprints to what stays the same: not the order, the
// numbers of events, the layers, the digest, the version of a package or the name that
// a dropped file got by lot.
func TestFingerprints(t *testing.T) {
	want := prints(t, sarif(t, report.Options{}, everything()))
	other := everything()
	other.Image.Digest = layerTwo
	slices.Reverse(other.Findings)
	slices.Reverse(other.Vulnerabilities)
	for i := range other.Findings {
		f := &other.Findings[i]
		f.Count += 7
		for j := range f.Evidence {
			e := &f.Evidence[j]
			for k := range e.Events {
				e.Events[k] += 1000
			}
			if e.Layer != "" {
				e.Layer = "sha256:3333"
			}
			e.Path = strings.Replace(e.Path, "/tmp/x81hd", "/tmp/k5jq2", 1)
		}
	}
	for i := range other.Vulnerabilities {
		other.Vulnerabilities[i].Version += ".1"
		other.Vulnerabilities[i].Layer = "sha256:3333"
	}
	if diff := cmp.Diff(want, prints(t, sarif(t, report.Options{}, other))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(slices.Compact(slices.Clone(want))); 2*n != len(want) {
		t.Errorf("%d fingerprints of %d results are different", n, len(want)/2)
	}
	moved := everything()
	moved.Findings[1].Evidence[0].Path = "/usr/bin/c"
	if cmp.Equal(want, prints(t, sarif(t, report.Options{}, moved))) {
		t.Error("a finding in another file has the same fingerprint")
	}
}

// TestSARIFCategories holds the runs of one log to different categories, and those of
// the next tag of an image to the same.
func TestSARIFCategories(t *testing.T) {
	category := func(id string) string { return id[:strings.LastIndexByte(id, '/')] }
	next := everything()
	next.Image.Ref = "registry.example.com:5000/team/app:1.3"
	first, second := sarif(t, report.Options{}, everything()), sarif(t, report.Options{}, next)
	for i := range first.Runs {
		a, b := first.Runs[i].AutomationDetails.ID, second.Runs[i].AutomationDetails.ID
		if category(a) != category(b) {
			t.Errorf("the next tag changes %s to %s", a, b)
		}
	}
	seen := map[string]bool{}
	for _, run := range sarif(t, report.Options{Many: true}, everything(), next).Runs {
		if c := category(run.AutomationDetails.ID); seen[c] {
			t.Errorf("%s is there twice", c)
		} else {
			seen[c] = true
		}
	}
}

// TestSARIFSkipped holds a family that did not run to having no run: an empty one
// would say that all was mended. What was skipped is said elsewhere.
func TestSARIFSkipped(t *testing.T) {
	r := miner()
	r.Stages = append(r.Stages, detonaut.Stage{Name: detonaut.StageVulnerabilities, State: detonaut.Skipped, Reason: "there is no database"})
	l := sarif(t, report.Options{}, r)
	if len(l.Runs) != 1 || l.Runs[0].Properties.Family != "behaviour" {
		t.Fatalf("got %d runs", len(l.Runs))
	}
	notes := l.Runs[0].Invocations[0].ToolExecutionNotifications
	if len(notes) != 1 || notes[0].Descriptor.ID != "stage/vulnerabilities" || notes[0].Level != "note" {
		t.Errorf("got notifications %+v", notes)
	}
}
