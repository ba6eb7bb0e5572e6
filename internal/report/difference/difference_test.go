package difference

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
)

func before() *detonaut.Report {
	return &detonaut.Report{
		Image: detonaut.Image{
			Ref: "app:1", Digest: "sha256:aa", Layers: []detonaut.Layer{{DiffID: "sha256:01"}, {DiffID: "sha256:02", CreatedBy: "RUN x"}},
			Config: detonaut.Config{Cmd: []string{"/app", "a b"}, Env: []string{"A=1", "GONE=1"}, Labels: map[string]string{"v": "1"}},
		},
		Fingerprint: detonaut.Fingerprint{Tool: "1", Plan: "sha256:1"},
		Verdict:     detonaut.Verdict{Word: detonaut.Clean, Sentence: "Nothing.", Vulnerability: detonaut.Low},
		Findings:    []detonaut.Finding{{ID: "discovery/user", Title: "Asks who it is", Severity: detonaut.Low}},
		Inventory:   &detonaut.Inventory{Packages: []detonaut.Package{{Name: "openssl", Version: "3.0", Type: "deb"}, {Name: "zlib", Version: "1", Type: "deb"}, {Name: "hidden", Type: "deb", Hidden: true}}},
		Files:       []detonaut.File{{Path: "/app", SHA256: "11"}},
		Run: &detonaut.Run{
			Processes: []detonaut.Process{{Executable: "/app"}}, Names: []string{"example.org"},
			Listeners: []detonaut.Listener{{Network: "tcp", Address: "0.0.0.0:80"}},
		},
	}
}

func after() *detonaut.Report {
	r := before()
	r.Image.Ref, r.Image.Digest, r.Image.Layers[1] = "app:2", "sha256:bb", detonaut.Layer{DiffID: "sha256:03", CreatedBy: "RUN y"}
	r.Image.Config.Cmd, r.Image.Config.Env, r.Image.Config.Labels = []string{"/app"}, []string{"A=2"}, nil
	r.Fingerprint.Plan = "sha256:2"
	r.Verdict = detonaut.Verdict{Word: detonaut.Malicious, Sentence: "Mines.", Vulnerability: detonaut.High}
	r.Findings = append(r.Findings,
		detonaut.Finding{ID: "a/suppressed", Suppressed: &detonaut.Suppression{}},
		detonaut.Finding{ID: "execution/x", Title: "Runs x", Severity: detonaut.Medium},
		detonaut.Finding{ID: "impact/pool", Title: "Talks to a pool", Severity: detonaut.Critical})
	r.Inventory.Packages[0].Version = "3.1"
	r.Inventory.Packages = append(r.Inventory.Packages[:1], detonaut.Package{Name: "openssl", Version: "1.1", Type: "deb"}, detonaut.Package{Name: "xmrig", Version: "6", Type: "deb"})
	r.Vulnerabilities = []detonaut.Vulnerability{{ID: "CVE-2026-1", Package: "openssl", Version: "3.1", Severity: detonaut.High}}
	r.Files[0].SHA256 = "22"
	r.Run.Listeners = nil
	r.Run.Processes = append(r.Run.Processes, detonaut.Process{Executable: "/tmp/x", Origin: "written", Args: []string{"x", "-o", "pool"}})
	r.Run.Connections = []detonaut.Connection{{Network: "tcp", Address: "192.0.2.1:3333", Protocol: "stratum"}, {Network: "tcp", Address: "192.0.2.2:443", Name: "example.org"}}
	r.Run.Payloads = []detonaut.Payload{{SHA256: "ff", Type: "elf", Paths: []string{"/tmp/x"}}}
	r.Run.Changes = []detonaut.Change{{Kind: "add", Path: "/tmp/x", SHA256: "ff", Privileged: true}}
	return r
}

func TestOf(t *testing.T) {
	d := Of(before(), after())
	want := &Difference{
		A:          Side{Ref: "app:1", Digest: "sha256:aa", Verdict: detonaut.Clean, Sentence: "Nothing.", Vulnerability: detonaut.Low, Ran: true},
		B:          Side{Ref: "app:2", Digest: "sha256:bb", Verdict: detonaut.Malicious, Sentence: "Mines.", Vulnerability: detonaut.High, Ran: true},
		Comparable: true,
		Parts: []Part{
			{Name: Findings, Same: 1, New: []Item{
				{Key: "impact/pool", Text: "Talks to a pool", Severity: detonaut.Critical, Value: "critical"},
				{Key: "execution/x", Text: "Runs x", Severity: detonaut.Medium, Value: "medium"},
			}},
			{Name: Processes, Same: 1, New: []Item{{Key: "/tmp/x", Value: "written", Text: "x -o pool"}}},
			{Name: Hosts, Same: 1, New: []Item{{Key: "192.0.2.1", Text: "tcp stratum"}}},
			{Name: Listeners, Gone: []Item{{Key: "tcp 0.0.0.0:80"}}},
			{Name: Payloads, New: []Item{{Key: "ff", Text: "elf /tmp/x"}}},
			{Name: Changes, New: []Item{{Key: "/tmp/x", Value: "add, gives rights", Text: "ff"}}},
			{Name: Packages, New: []Item{{Key: "xmrig (deb)", Value: "6"}}, Gone: []Item{{Key: "zlib (deb)", Value: "1"}}, Changed: []Item{{Key: "openssl (deb)", Was: "3.0", Value: "1.1, 3.1"}}},
			{Name: Vulnerabilities, New: []Item{{Key: "CVE-2026-1 in openssl", Text: "3.1", Severity: detonaut.High}}},
			{Name: Files, Changed: []Item{{Key: "/app", Was: "11", Value: "22"}}},
			{Name: Layers, Same: 1, New: []Item{{Key: "sha256:03", Text: "RUN y"}}, Gone: []Item{{Key: "sha256:02", Text: "RUN x"}}},
			{Name: Config, Gone: []Item{{Key: "env GONE", Value: "1"}, {Key: "label v", Value: "1"}}, Changed: []Item{{Key: "cmd", Was: `"/app" "a b"`, Value: "/app"}, {Key: "env A", Was: "1", Value: "2"}}},
		},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
}

// A report does not differ from itself, whatever is in it, and the other way round what is new
// is gone.
func TestOfIsSymmetric(t *testing.T) {
	hostile := reporttest.Hostile("<script>alert(1)</script>\u202e")
	for _, r := range []*detonaut.Report{before(), after(), hostile, {}} {
		d := Of(r, r)
		if !d.Comparable {
			t.Error("a report is not comparable with itself")
		}
		for _, p := range d.Parts {
			if p.Differs() {
				t.Errorf("%s differ from themselves: %+v", p.Name, p)
			}
		}
	}
	kept := mustJSON(t, hostile)
	there, back := Of(before(), hostile), Of(hostile, before())
	for i := range there.Parts {
		a, b := there.Parts[i], back.Parts[i]
		if !reflect.DeepEqual(a.New, b.Gone) || !reflect.DeepEqual(a.Gone, b.New) || len(a.Changed) != len(b.Changed) || a.Same != b.Same {
			t.Errorf("%s: there %+v, back %+v", a.Name, a, b)
		}
	}
	if mustJSON(t, hostile) != kept {
		t.Error("a report was changed")
	}
}

func mustJSON(t *testing.T, r *detonaut.Report) string {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// With another tool, or other rules, what differs may be due to that.
func TestComparable(t *testing.T) {
	other := before()
	other.Fingerprint.Rules = "sha256:9"
	if Of(before(), other).Comparable {
		t.Error("reports by different rules are called comparable")
	}
}
