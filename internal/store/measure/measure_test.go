package measure_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store/measure"
)

func finding(id string, s detonaut.Severity, c detonaut.Confidence, k detonaut.Category, evidence ...detonaut.Evidence) detonaut.Finding {
	return detonaut.Finding{ID: id, Severity: s, Confidence: c, Category: k, Count: 1, Evidence: evidence}
}

func run(end string, exit int, took time.Duration) *detonaut.Run {
	return &detonaut.Run{EndReason: end, ExitCode: exit, Elapsed: took, Network: "simulated"}
}

// The parts of a measure, each by a report that has nothing else.
func TestOf(t *testing.T) {
	suppressed := &detonaut.Suppression{By: "ignore", Reason: "known"}
	for _, c := range []struct {
		name string
		r    detonaut.Report
		get  func(m *measure.Measure) any
		want any
	}{
		{
			"what counts of findings",
			detonaut.Report{Findings: []detonaut.Finding{
				{ID: "a/b", Severity: detonaut.High, Confidence: detonaut.Certain, Category: detonaut.Miner, Family: "xmrig"},
				finding("a/c", detonaut.High, detonaut.Tentative, detonaut.Worm),
				finding("a/d", detonaut.Low, detonaut.Certain, detonaut.Proxy),
				{ID: "a/e", Severity: detonaut.High, Confidence: detonaut.Certain, Category: detonaut.Exploit, Suppressed: suppressed},
				{ID: "config/root-user", Severity: detonaut.High, Confidence: detonaut.Certain, Weakness: true},
				finding("a/b", detonaut.Medium, detonaut.Probable, detonaut.Backdoor),
			}},
			func(m *measure.Measure) any { return []any{m.Categories, m.Families, m.Rules} },
			[]any{[]detonaut.Category{detonaut.Backdoor, detonaut.Miner}, []string{"xmrig"}, []string{"a/b", "a/c", "a/d"}},
		},
		{
			"a tool that is declared",
			detonaut.Report{
				Verdict:  detonaut.Verdict{Word: detonaut.Unwanted, Category: detonaut.Hacktool, Declared: true},
				Findings: []detonaut.Finding{finding("tool/nmap", detonaut.Medium, detonaut.Certain, detonaut.Hacktool)},
			},
			func(m *measure.Measure) any { return m.Tools }, measure.ToolsDeclared,
		},
		{
			"one that is not",
			detonaut.Report{
				Verdict:  detonaut.Verdict{Word: detonaut.Unwanted, Category: detonaut.Miner},
				Findings: []detonaut.Finding{finding("miner/xmrig", detonaut.High, detonaut.Certain, detonaut.Miner)},
			},
			func(m *measure.Measure) any { return m.Tools }, measure.ToolsHidden,
		},
		{
			"one that makes malicious",
			detonaut.Report{
				Verdict:  detonaut.Verdict{Word: detonaut.Malicious, Category: detonaut.Miner},
				Findings: []detonaut.Finding{finding("miner/xmrig", detonaut.High, detonaut.Certain, detonaut.Miner)},
			},
			func(m *measure.Measure) any { return m.Tools }, measure.ToolsHidden,
		},
		{
			"one beside worse",
			detonaut.Report{
				Verdict:  detonaut.Verdict{Word: detonaut.Malicious, Category: detonaut.Backdoor},
				Findings: []detonaut.Finding{finding("tool/nmap", detonaut.Medium, detonaut.Certain, detonaut.Hacktool)},
			},
			func(m *measure.Measure) any { return m.Tools }, measure.ToolsBeside,
		},
		{
			"a tentative one is none",
			detonaut.Report{Findings: []detonaut.Finding{finding("tool/nmap", detonaut.Medium, detonaut.Tentative, detonaut.Hacktool)}},
			func(m *measure.Measure) any { return m.Tools }, measure.Tools(""),
		},
		{
			"malicious packages",
			detonaut.Report{Findings: []detonaut.Finding{
				finding("package/npm/@a/b@1.0", detonaut.Critical, detonaut.Certain, detonaut.MaliciousPackage),
				finding("package/npm/@a/c", detonaut.Critical, detonaut.Certain, detonaut.MaliciousPackage),
				finding("package/golang/x.example/y@v1", detonaut.Critical, detonaut.Certain, detonaut.MaliciousPackage),
				finding("package/pypi/perhaps@1", detonaut.Critical, detonaut.Tentative, detonaut.MaliciousPackage),
				finding("package/pypi", detonaut.Critical, detonaut.Certain, detonaut.MaliciousPackage),
			}},
			func(m *measure.Measure) any { return m.Malicious },
			[]measure.Package{{Name: "@a/b", Type: "npm"}, {Name: "@a/c", Type: "npm"}, {Name: "x.example/y", Type: "golang"}},
		},
		{
			"secrets",
			detonaut.Report{Findings: []detonaut.Finding{
				{ID: "secret/private-key", Weakness: true, Count: 3, Confidence: detonaut.Certain},
				{ID: "secret/by-name", Weakness: true, Count: 2, Confidence: detonaut.Tentative},
				{ID: "secret/jwt", Weakness: true, Count: 2, Suppressed: suppressed},
			}},
			func(m *measure.Measure) any { return *m.Secrets },
			measure.Secrets{Count: 5, Kinds: []string{"by-name", "private-key"}, Sure: true},
		},
		{
			"secrets that are guesses",
			detonaut.Report{Findings: []detonaut.Finding{{ID: "secret/by-name", Weakness: true, Count: 2, Confidence: detonaut.Tentative}}},
			func(m *measure.Measure) any { return m.Secrets.Sure }, false,
		},
		{
			"vulnerabilities",
			detonaut.Report{
				Verdict: detonaut.Verdict{Vulnerability: detonaut.Critical},
				Vulnerabilities: []detonaut.Vulnerability{
					{Package: "zlib", Type: "deb", Severity: detonaut.Critical, Reached: true, Exploited: true},
					{Package: "zlib", Type: "deb", Severity: detonaut.Critical},
					{Package: "curl", Type: "deb", Severity: detonaut.Critical},
					{Package: "a", Type: "npm", Severity: detonaut.Medium},
					{Package: "b", Type: "npm", Severity: "odd"},
					{Package: "c", Type: "npm", Severity: detonaut.Critical, Suppressed: suppressed},
				},
			},
			func(m *measure.Measure) any { return []any{*m.Vulnerabilities, m.Criticals, m.Vulnerability} },
			[]any{
				measure.Vulnerabilities{All: measure.Counts{Critical: 3, Medium: 1, Unknown: 1}, Reached: measure.Counts{Critical: 1}, Exploited: 1},
				[]measure.Package{{Name: "zlib", Type: "deb", Reached: true}, {Name: "curl", Type: "deb"}},
				detonaut.Critical,
			},
		},
		{
			"none were looked for",
			detonaut.Report{Stages: []detonaut.Stage{{Name: detonaut.StageVulnerabilities, State: detonaut.Skipped}}},
			func(m *measure.Measure) any {
				return m.Vulnerabilities == nil && m.Vulnerability == detonaut.UnknownSeverity
			}, true,
		},
		{
			"none were found",
			detonaut.Report{Stages: []detonaut.Stage{{Name: detonaut.StageVulnerabilities, State: detonaut.Complete}}, Verdict: detonaut.Verdict{Vulnerability: detonaut.NoSeverity}},
			func(m *measure.Measure) any {
				return m.Vulnerabilities != nil && m.Vulnerability == detonaut.NoSeverity
			}, true,
		},
		{
			"what the image is",
			detonaut.Report{
				Image:     detonaut.Image{Platform: "linux/arm64", Size: 77, Files: 5, Layers: make([]detonaut.Layer, 3), Config: detonaut.Config{Cmd: []string{"sh"}}},
				Inventory: &detonaut.Inventory{Distribution: &detonaut.Distribution{ID: "Debian", VersionID: "12"}, Packages: make([]detonaut.Package, 9)},
				Coverage:  detonaut.Coverage{Full: true},
			},
			func(m *measure.Measure) any {
				return fmt.Sprint(m.Platform, m.Size, m.Files, m.Layers, m.Base, m.Packages, m.Full, m.NoCommand)
			},
			fmt.Sprint("linux/arm64", 77, 5, 3, "debian 12", 9, true, false),
		},
		{
			"no inventory",
			detonaut.Report{},
			func(m *measure.Measure) any { return m.Packages }, -1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.get(measure.Of(&c.r)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestWindows(t *testing.T) {
	const sum = "aa"
	wm := detonaut.WindowsMalware
	rule := func(id string, c detonaut.Category, e ...detonaut.Evidence) []detonaut.Finding {
		return []detonaut.Finding{finding(id, detonaut.High, detonaut.Certain, c, e...)}
	}
	file := func(f detonaut.File) []detonaut.File { f.SHA256 = sum; return []detonaut.File{f} }
	at := detonaut.Evidence{SHA256: sum}
	for _, c := range []struct {
		name string
		r    detonaut.Report
		want *measure.Windows
	}{
		{"nothing", detonaut.Report{Findings: rule("miner/x", detonaut.Miner)}, nil},
		{"a program that nothing is found in", detonaut.Report{Files: file(detonaut.File{Type: "pe"})}, &measure.Windows{Programs: 1}},
		{"a rule of .NET", detonaut.Report{Findings: rule("windows-malware/dotnet-njrat", wm)}, &measure.Windows{Threats: 1, By: []string{measure.ByDotNet}}},
		{"a rule of Go", detonaut.Report{Findings: rule("windows-malware/go-shellcode-loader", wm)}, &measure.Windows{Threats: 1, By: []string{measure.ByGo}}},
		{"a rule of PowerShell", detonaut.Report{Findings: rule("windows-malware/powershell-cradle", wm)}, &measure.Windows{Threats: 1, By: []string{measure.ByPowerShell}}},
		{"a rule of a dropper", detonaut.Report{Findings: rule("dropper/powershell", detonaut.Dropper)}, &measure.Windows{Threats: 1, By: []string{measure.ByPowerShell}}},
		{"a rule of another kind", detonaut.Report{Findings: rule("windows-malware/pe-injects-calls", wm)}, &measure.Windows{Threats: 1, By: []string{measure.ByOther}}},
		{
			"that, of a file in Go",
			detonaut.Report{Findings: rule("windows-malware/pe-injects-calls", wm, at), Files: file(detonaut.File{Type: "pe", Likeness: detonaut.Likeness{Modules: "m"}})},
			&measure.Windows{Programs: 1, Threats: 1, By: []string{measure.ByGo}},
		},
		{
			"that, of a file of .NET",
			detonaut.Report{Findings: rule("hacktool/mimikatz", detonaut.Hacktool, at), Files: file(detonaut.File{Type: "pe", Likeness: detonaut.Likeness{Imphash: "f34d5f2d4577ed6d9ceec516c1f5a744"}})},
			&measure.Windows{Programs: 1, Threats: 1, By: []string{measure.ByDotNet}},
		},
		{
			"a tool that is a program of Windows",
			detonaut.Report{Findings: rule("hacktool/mimikatz", detonaut.Hacktool, at), Files: file(detonaut.File{Type: "pe"})},
			&measure.Windows{Programs: 1, Threats: 1, By: []string{measure.ByOther}},
		},
		{"a tool that is none", detonaut.Report{Findings: rule("hacktool/mimikatz", detonaut.Hacktool, at), Files: file(detonaut.File{Type: "elf"})}, nil},
		{
			"a script",
			detonaut.Report{Findings: rule("hacktool/winpeas", detonaut.Hacktool, detonaut.Evidence{Path: "/opt/a.PS1"})},
			&measure.Windows{Threats: 1, By: []string{measure.ByPowerShell}},
		},
		{"a guess", detonaut.Report{Findings: []detonaut.Finding{finding("windows-malware/pe-packed", detonaut.High, detonaut.Tentative, wm)}}, nil},
		{"with what runs it", detonaut.Report{
			Findings:  rule("windows-malware/dotnet-njrat", wm),
			Inventory: &detonaut.Inventory{Packages: []detonaut.Package{{Name: "wine64"}, {Name: "PowerShell", Hidden: true}}},
			Image:     detonaut.Image{Config: detonaut.Config{Env: []string{"DOTNET_VERSION=8"}}},
			Run:       &detonaut.Run{Processes: []detonaut.Process{{Executable: "/usr/bin/pwsh"}}},
		}, &measure.Windows{Threats: 1, By: []string{measure.ByDotNet}, Runtimes: []string{measure.RuntimeDotNet, measure.RuntimePowerShell, measure.RuntimeWine}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := measure.Of(&c.r).Windows; !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestClasses(t *testing.T) {
	late := measure.AtOnce + 1
	for _, c := range []struct {
		r    *detonaut.Run
		want measure.Class
	}{
		{run("exited", 0, time.Second), measure.ClassFinished},
		{run("exited", 0, measure.AtOnce), measure.ClassFinished},
		{run("exited", 1, time.Second), measure.ClassFailed},
		{run("signalled", 0, time.Second), measure.ClassFailed},
		{run("exited", 0, late), measure.ClassWorked},
		{run("exited", 3, late), measure.ClassBroke},
		{run("signalled", 0, late), measure.ClassBroke},
		{&detonaut.Run{EndReason: "exited", Elapsed: time.Second, Simulated: time.Hour}, measure.ClassWorked},
		{run("quiescent", 0, time.Second), measure.ClassWaits},
		{run("time-limit", 0, time.Minute), measure.ClassRuns},
		{run("travel-limit", 0, time.Minute), measure.ClassRuns},
		{run("memory-limit", 0, time.Second), measure.ClassBounded},
		{run("event-limit", 0, time.Second), measure.ClassBounded},
		{run("not-started", 0, 0), measure.ClassNone},
		{run("killed", 0, 0), measure.ClassNone},
		{run("sandbox-failed", 0, 0), measure.ClassNone},
		{run("\x1b[2J", 0, 0), measure.ClassNone},
	} {
		if got := measure.Of(&detonaut.Report{Run: c.r}).Run; got.Class != c.want || got.AtOnce() != (c.want == measure.ClassFinished || c.want == measure.ClassFailed) {
			t.Errorf("%+v is %q, want %q", c.r, got.Class, c.want)
		}
	}
}

func TestRun(t *testing.T) {
	r := &detonaut.Report{Run: &detonaut.Run{
		EndReason: "time-limit", Network: "simulated", CPU: 5, MaxMemory: 6, Notes: []string{"cut"},
		Processes: make([]detonaut.Process, 2), FilesWritten: []string{"/a"}, FilesDeleted: []string{"/b", "/c"},
		Names: []string{"Up.Example.COM.", "db", "host.internal", "4.3.2.1.in-addr.arpa", "bad..name", "x.example/y"},
		Listeners: []detonaut.Listener{
			{Network: "tcp", Address: "0.0.0.0:8080"},
			{Network: "tcp", Address: "[::]:8080"},
			{Network: "tcp", Address: "127.0.0.1:9000"},
			{Network: "udp", Address: "10.0.0.2:53"},
			{Network: "tcp", Address: "0.0.0.0:443"},
			{Network: "tcp", Address: "nonsense"},
		},
		Connections: []detonaut.Connection{
			{Network: "udp", Address: "8.8.8.8:53", Name: "dns.google", Protocol: "dns", Sent: 40},
			{Network: "tcp", Address: "20.41.100.147:443", Name: "files.example.org", Protocol: "http", Sent: 100, Received: 1000},
			{Network: "tcp", Address: "20.41.100.147:80"}, // the answer to that name
			{Network: "udp", Address: "20.41.100.148:53"}, // to choose an address
			{Network: "tcp", Address: "198.51.100.7:4444", Sent: 7},
			{Network: "icmp", Address: "203.0.113.5"},
			{Network: "tcp", Address: "10.1.2.3:22", Sent: 1},
			{Network: "tcp", Address: "169.254.169.254:80", Name: "metadata.google.internal"},
			{Network: "tcp", Address: "127.0.0.1:8080", Sent: 9999},
			{Network: "tcp", Address: "203.0.113.9:22", Refused: "scan"},
		},
	}}
	got := measure.Of(r).Run
	want := &measure.Run{
		End: "time-limit", Class: measure.ClassRuns, Listens: []string{"tcp/443", "tcp/8080", "udp/53"}, Contacts: 4,
		Domains: []string{"files.example.org", "up.example.com"}, Addresses: []string{"198.51.100.7", "203.0.113.5"},
		CPU: 5, Memory: 6, Processes: 2, Written: 1, Deleted: 2, Sent: 148, Received: 1000, Listed: true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !got.Serves() || !got.Phones() {
		t.Error("it serves, and phones home")
	}
	local := measure.Of(&detonaut.Report{Run: &detonaut.Run{Listeners: []detonaut.Listener{{Network: "tcp", Address: "[::1]:80"}}}}).Run
	if !local.Local || local.Serves() {
		t.Errorf("who listens for himself only: %+v", local)
	}
}

func TestFetches(t *testing.T) {
	body := []detonaut.Body{{SHA256: "aa", Size: 9, Received: true}}
	for _, c := range []struct {
		name string
		r    detonaut.Report
		want measure.Fetch
	}{
		{"nothing", detonaut.Report{Run: &detonaut.Run{}}, ""},
		{"a page", detonaut.Report{Run: &detonaut.Run{Bodies: body}}, ""},
		{"a program that stays", detonaut.Report{Run: &detonaut.Run{Bodies: body, Payloads: []detonaut.Payload{{SHA256: "aa", Type: "elf", Hows: []string{"left"}}}}}, measure.FetchKept},
		{"a program that runs", detonaut.Report{Run: &detonaut.Run{Bodies: body, Payloads: []detonaut.Payload{{SHA256: "aa", Type: "elf", Hows: []string{"left", "executed"}}}}}, measure.FetchRan},
		{"another runs", detonaut.Report{Run: &detonaut.Run{Bodies: body, Payloads: []detonaut.Payload{{SHA256: "bb", Type: "elf", Hows: []string{"executed"}}}}}, ""},
		{"what it sent", detonaut.Report{Run: &detonaut.Run{Bodies: []detonaut.Body{{SHA256: "aa", Size: 9, Sent: true}}, Payloads: []detonaut.Payload{{SHA256: "aa", Hows: []string{"executed"}}}}}, ""},
		{"a process of it", detonaut.Report{Run: &detonaut.Run{Bodies: body, Processes: []detonaut.Process{{SHA256: "aa", Origin: "memory"}}}}, measure.FetchRan},
		{"a process of the image", detonaut.Report{Run: &detonaut.Run{Bodies: body, Processes: []detonaut.Process{{SHA256: "aa", Origin: "image"}}}}, ""},
		{"packages", detonaut.Report{Run: &detonaut.Run{Requests: []detonaut.Request{{Method: "GET", Status: 200, Answer: "package/npm"}}}}, measure.FetchKept},
		{"packages that are not there", detonaut.Report{Run: &detonaut.Run{Requests: []detonaut.Request{{Method: "GET", Status: 404, Answer: "package/npm"}}}}, ""},
		{"a rule", detonaut.Report{Run: &detonaut.Run{}, Findings: []detonaut.Finding{{ID: "execution/runs-download"}}}, measure.FetchRan},
	} {
		if got := measure.Of(&c.r).Run.Fetches; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Lists that are longer than they may be are cut, and say so.
func TestCut(t *testing.T) {
	r := &detonaut.Report{Run: &detonaut.Run{}}
	for i := range 100 {
		r.Findings = append(r.Findings, detonaut.Finding{
			ID: fmt.Sprintf("package/npm/p%03d", i), Severity: detonaut.High, Confidence: detonaut.Certain, Family: fmt.Sprintf("f%03d", i),
		}, detonaut.Finding{ID: fmt.Sprintf("secret/s%03d", i), Count: 1, Weakness: true})
		r.Vulnerabilities = append(r.Vulnerabilities, detonaut.Vulnerability{Package: fmt.Sprintf("v%03d", i), Severity: detonaut.Critical})
		r.Run.Names = append(r.Run.Names, fmt.Sprintf("n%03d.example.com", i))
		r.Run.Connections = append(r.Run.Connections, detonaut.Connection{Network: "tcp", Address: fmt.Sprintf("203.0.113.%d:1", i)})
		r.Run.Listeners = append(r.Run.Listeners, detonaut.Listener{Network: "tcp", Address: fmt.Sprintf("0.0.0.0:%d", 1000+i)})
	}
	m := measure.Of(r)
	want := []string{"addresses", "criticals", "domains", "families", "listens", "malicious", "rules", "secrets"}
	if !slices.Equal(m.Cut, want) || m.Run.Contacts != 200 || m.Secrets.Count != 100 || m.Run.Listens[0] != "tcp/1000" {
		t.Errorf("cut %v, want %v; %+v", m.Cut, want, m.Run)
	}
	bounded(t, r)
}

func TestRealReports(t *testing.T) {
	all := []*detonaut.Report{reporttest.Large()}
	for seed := range uint64(64) {
		all = append(all, reporttest.Realistic(seed))
	}
	longest := 0
	fetched := 0
	for _, r := range all {
		m := bounded(t, r)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, len(b))
		if m.Run.Fetches == measure.FetchRan {
			fetched++
		}
		if m.Verdict != r.Verdict.Word || m.Size != r.Image.Size || m.Run == nil {
			t.Errorf("%+v is not of its report", m)
		}
	}
	if longest > 2048 {
		t.Errorf("the longest of reports as scans make them is %d bytes", longest)
	}
	if fetched != 16 { // two of eight actors
		t.Errorf("%d of 65 fetch what they run, want 16", fetched)
	}
	web := measure.Of(reporttest.Realistic(7))
	if web.Run.Class != measure.ClassWaits || !slices.Equal(web.Run.Listens, []string{"tcp/8080"}) || web.Run.Phones() || web.Needs != "" {
		t.Errorf("the server of the actors: %+v", web.Run)
	}
}

// Whatever is in a report, and it is the subject's, the measure is bounded, clean, and the same
// every time.
func TestHostileReports(t *testing.T) {
	for _, payload := range reporttest.Payloads() {
		bounded(t, reporttest.Hostile(payload.Text))
		bounded(t, reporttest.Hostile(strings.Repeat(payload.Text+"<&>", 1000)))
	}
}

func TestAnyReports(t *testing.T) {
	chance := rand.New(rand.NewPCG(9, 4))
	for range 300 {
		bounded(t, anyReport(chance))
	}
	if got := measure.Of(nil); got.Verdict != detonaut.Inconclusive || got.Packages != -1 {
		t.Errorf("of no report: %+v", got)
	}
}

func FuzzOf(f *testing.F) {
	f.Add([]byte(`{"run":{"end_reason":"exited","output":"usage: \u001b[2J"},"findings":[{"id":"secret/\u202e"}]}`), uint64(1))
	f.Add([]byte(`{"findings":[{"id":"package/npm/@"}],"image":{"created":"2026-01-01T00:00:00Z","size":-1}}`), uint64(2))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		var r detonaut.Report
		if json.Unmarshal(b, &r) == nil {
			bounded(t, &r)
		}
		bounded(t, anyReport(rand.New(rand.NewPCG(seed, uint64(len(b))))))
	})
}

// bounded measures a report, and checks what holds of every measure.
func bounded(t *testing.T, r *detonaut.Report) *measure.Measure {
	t.Helper()
	m := measure.Of(r)
	if again := measure.Of(r); !reflect.DeepEqual(m, again) {
		t.Fatalf("%+v, and then %+v", m, again)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > measure.MaxJSON {
		t.Fatalf("%d bytes: %s", len(b), b)
	}
	var back measure.Measure
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(&back, m) {
		t.Fatalf("comes back as %+v, want %+v: %v", back, m, err)
	}
	clean(t, reflect.ValueOf(m).Elem())
	return m
}

// clean checks that all strings print.
func clean(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() { // a measure has no others
	case reflect.String:
		if s := v.String(); !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q does not print", s)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			clean(t, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			clean(t, v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			clean(t, v.Field(i))
		}
	default:
	}
}

// anyReport is a report in which every field has any value.
func anyReport(chance *rand.Rand) *detonaut.Report {
	r := &detonaut.Report{}
	fill(chance, reflect.ValueOf(r).Elem(), 0)
	return r
}

var words = []string{
	"", "exited", "signalled", "time-limit", "quiescent", "tcp", "udp", "pe", "elf", "script-powershell", "windows-malware/go-x", "secret/x", "package/npm/@a/b@1",
	"malicious", "unwanted", "critical", "certain", "miner", "\xff\xfe", "\x1b]0;x\a", "\u202e", "<script>&\"\\", "0.0.0.0:80", "[::]:443", "8.8.8.8:53", "a.example.com",
	"usage: x\nAPP_KEY is required", strings.Repeat("x<", 500), "/a.ps1", "executed", "image", "package/apt", "GET",
}

func fill(chance *rand.Rand, v reflect.Value, depth int) {
	switch v.Kind() { // a report has no others
	case reflect.String:
		v.SetString(words[chance.IntN(len(words))])
	case reflect.Bool:
		v.SetBool(chance.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(chance.Uint64()) >> chance.IntN(64) & (1<<(v.Type().Bits()-1) - 1))
		if chance.IntN(3) == 0 {
			v.SetInt(-v.Int())
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(chance.Uint64() >> (64 - min(32, v.Type().Bits())))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(chance.NormFloat64())
	case reflect.Pointer:
		if chance.IntN(4) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(chance, v.Elem(), depth)
		}
	case reflect.Slice:
		n := chance.IntN(4)
		if depth < 2 && chance.IntN(4) == 0 {
			n = chance.IntN(60)
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(chance, v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(int64(chance.Uint64())>>chance.IntN(40), 0)))
			return
		}
		for i := range v.NumField() {
			fill(chance, v.Field(i), depth+1)
		}
	default:
		panic(v.Kind().String())
	}
}
