package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/report"
)

const digest = detonaut.Digest("sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae")

// miner is a report with something in every part.
func miner() *detonaut.Report {
	return &detonaut.Report{
		Schema: detonaut.Schema,
		Image: detonaut.Image{
			Ref: "example.com/app:1", Digest: digest, Platform: "linux/amd64",
			Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			Config:  detonaut.Config{Entrypoint: []string{"/app"}, Env: []string{"A=b"}},
			Layers: []detonaut.Layer{{
				Digest: digest, DiffID: digest, MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Size: 1_234_567,
			}},
			Size: 1_234_567, Files: 12,
		},
		Fingerprint: detonaut.Fingerprint{Tool: "0.1.0", Rules: digest, Plan: digest},
		Started:     time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
		Elapsed:     1500 * time.Millisecond,
		Verdict: detonaut.Verdict{
			Word: detonaut.Unwanted, Vulnerability: detonaut.UnknownSeverity,
			Sentence: "It mines cryptocurrency (xmrig, as the image says).", Category: detonaut.Miner, Family: "xmrig", Declared: true,
			Reasons: []detonaut.Reason{{Text: "Speaks the protocol of mining pools", Finding: "network/mining-pool"}},
		},
		Findings: []detonaut.Finding{{
			ID: "network/mining-pool", Title: "Speaks the protocol of mining pools", Meaning: "It earns money for somebody.",
			Severity: detonaut.High, Confidence: detonaut.Probable, Category: detonaut.Miner, Family: "xmrig",
			Techniques: []string{"T1496"}, Count: 3,
			Evidence: []detonaut.Evidence{
				{Events: []uint64{4, 5, 6, 7}, Summary: "connect 192.0.2.1:3333"},
				{Path: "/app", Layer: digest, Offset: 42},
			},
		}},
		Stories: []detonaut.Story{
			{
				Title: "pid 2 ran /tmp/x and connected to 192.0.2.1:3333", Severity: detonaut.High, PID: 2, SHA256: []string{strings.Repeat("ab", 32)},
				Findings: []string{"network/mining-pool", "a/b", "a/c", "a/d"},
				Steps: []detonaut.Step{
					{Text: "/tmp/x: is packed", Findings: []string{"a/b"}},
					{Event: 3, PID: 2, Text: "ran /tmp/x", Findings: []string{"a/b", "a/c", "a/d", "network/mining-pool"}},
					{Event: 4, Text: "connected to 192.0.2.1:3333"},
				},
			},
			{
				Title: "pid 1 read /etc/shadow", Severity: detonaut.Medium, PID: 1, Findings: []string{"a/e"},
				Steps: []detonaut.Step{{Event: 5, PID: 1, Text: "read /etc/shadow", Findings: []string{"a/e"}}},
			},
		},
		Stages: []detonaut.Stage{
			{Name: detonaut.StagePull, State: detonaut.Complete},
			{Name: detonaut.StageDetonate, State: detonaut.Complete},
			{Name: detonaut.StageExplain, State: detonaut.Complete},
		},
		Coverage: detonaut.Coverage{
			Full: true, Exercised: []string{"default profile for 1.2s"}, Events: 120, Folded: 3, Bounds: []string{"artifacts", "output"},
			Unimplemented: []detonaut.Call{{Name: "io_pgetevents", Count: 1, Event: 17}, {Name: "vmsplice", Count: 9, Event: 18}},
			Checks:        []detonaut.Check{{Name: "kernel version", Count: 2, PID: 2, Event: 19}, {Name: "processor", Count: 1, PID: 2, Event: 20}},
			Unstarted: &detonaut.Unstarted{Programs: 340, Count: 120, Paths: []string{
				"/app/a", "/app/b", "/app/c", "/usr/bin/d", "/usr/bin/e", "/usr/bin/f", "/usr/bin/g", "/usr/bin/h", "/usr/bin/i",
			}},
		},
		Run: &detonaut.Run{
			Command: []string{"/app", "--pool", "a b"}, EndReason: "exited", Elapsed: 1200 * time.Millisecond, Simulated: 72*time.Hour + 1200*time.Millisecond,
			CPU: 300 * time.Millisecond, MaxMemory: 23_000_000,
			Processes: []detonaut.Process{
				{PID: 1, Executable: "/app", Args: []string{"/app", "--pool", "a b"}, Origin: "image", End: 1, Exit: "0"},
				{PID: 2, Parent: 1, Executable: "/tmp/x", Args: []string{"kworker"}, Origin: "written", UID: 33, Start: 5, End: -1},
				{PID: 3, Parent: 2, Executable: "/bin/sh", Args: []string{"sh", "-c", "true"}, Origin: "image", Start: 6, Exit: "SIGKILL"},
			},
			Listeners: []detonaut.Listener{{Network: "tcp", Address: "0.0.0.0:80", PID: 1, Event: 9}},
			Network:   "simulated",
			Connections: []detonaut.Connection{
				{Network: "tcp", Address: "192.0.2.1:3333", PID: 2, Count: 3, Errno: "ENETUNREACH", Event: 4},
				{Network: "tcp", Address: "192.0.2.2:443", Name: "a.example.org", Protocol: "http", TLS: true, PID: 2, Count: 1, Sent: 1234, Received: 99, Event: 10},
				{Network: "tcp", Address: "192.0.2.3:23", Count: 1, Refused: "scan", Event: 11},
			},
			Requests: []detonaut.Request{
				{Method: "GET", URL: "https://a.example.org/x?y=z", Status: 200, Answer: "default/html", PID: 2, Count: 2, Received: 50, Event: 12},
				{Method: "POST", URL: "https://a.example.org/" + strings.Repeat("long", 100), Status: 404, Sent: 5000, Live: true, PID: 2, Count: 1, Event: 13},
			},
			Rejections: []detonaut.Rejection{{Name: "pinned.example.org", JA4: "t13d1516h2_8daaf6152771_e5627efa2ab1", PID: 2, Count: 1, Event: 14}},
			Messages: []detonaut.Message{{
				Protocol: "stratum", Verb: "login", Fields: map[string]string{"wallet": "4A", "agent": "x y/1"}, Remote: "pool.example.org:3333", PID: 2, Count: 3, Event: 15,
			}},
			Baits:  []detonaut.Bait{{Name: "aws-secret-key", Encoding: "base64", Place: "http-body", Sent: true, Remote: "a.example.org:443", PID: 2, Count: 1, Event: 16}},
			Bodies: []detonaut.Body{{SHA256: "ab", Size: 5000, Sent: true, Kept: true, Count: 1, Event: 13}},
			Trust:  &detonaut.Trust{Edited: 2, Failed: 1},
			Payloads: []detonaut.Payload{
				{SHA256: strings.Repeat("ab", 32), Size: 1_234_567, Type: "elf", Hows: []string{"executed", "deleted"}, Paths: []string{"/tmp/x"}, PID: 2, Kept: true, Events: []uint64{21, 22}},
				{Size: 3e8, Hows: []string{"left"}, Paths: []string{"/data/" + strings.Repeat("long", 50), "/data/b"}, Events: []uint64{23}},
			},
			Changes: []detonaut.Change{
				{Kind: "modify", Path: "/etc/passwd", Type: "file", Mode: 0o644, Was: 0o644, SHA256: "cd", Size: 99, Event: 24},
				{Kind: "remove", Path: "/etc/shadow", Event: 25},
				{Kind: "add", Path: "/link", Type: "symlink", Target: "/etc/passwd", Event: 26},
				{Kind: "add", Path: "/tmp/d", Type: "dir", Mode: 0o755, Event: 27},
				{Kind: "modify", Path: "/usr/bin/id", Type: "file", Mode: 0o4755, Was: 0o755, Privileged: true, Event: 28},
				{Kind: "add", Path: "/usr/bin/x", Type: "file", Mode: 0o755, Size: 1234, Privileged: true, Event: 29},
			},
			Names: []string{"pool.example.org"}, FilesWritten: []string{"/tmp/x"}, FilesDeleted: []string{"/tmp/x"},
			Output: "hello\nworld\n",
		},
	}
}

// nasty has what breaks terminals: escape sequences, C1 controls, overrides of
// the direction of text, line ends, bytes that are no UTF-8.
const nasty = "a\x1b[2Jb\u009b31mc\u202ed\u2066e\r\nf\x00g\x7fh\xffi\u2028j\u200bk\U000e0001"

// hostile has a bad string wherever the subject puts one.
func hostile() *detonaut.Report {
	r := miner()
	r.Image.Ref, r.Image.Digest, r.Image.Platform = nasty, nasty, nasty
	r.Verdict.Word = detonaut.Inconclusive
	r.Verdict.Sentence, r.Verdict.Category, r.Verdict.Family = nasty, nasty, nasty
	r.Stories = []detonaut.Story{{
		Title: nasty, Severity: nasty, SHA256: []string{nasty}, Findings: []string{nasty},
		Steps: []detonaut.Step{{Text: nasty, Findings: []string{nasty}}, {Event: 1, Text: nasty}},
	}}
	r.Verdict.Reasons = []detonaut.Reason{{Text: nasty, Finding: nasty}}
	f := &r.Findings[0]
	f.ID, f.Title, f.Meaning, f.Family, f.Techniques = nasty, nasty, nasty, nasty, []string{nasty}
	f.Evidence = []detonaut.Evidence{{Summary: nasty, Path: nasty, Layer: nasty, Events: []uint64{1}}}
	r.Stages[1] = detonaut.Stage{Name: detonaut.StageDetonate, State: detonaut.Failed, Reason: nasty}
	r.Coverage = detonaut.Coverage{
		Gaps: []string{nasty}, Exercised: []string{nasty}, Bounds: []string{nasty}, Unimplemented: []detonaut.Call{{Name: nasty}},
		Checks: []detonaut.Check{{Name: nasty}}, Unstarted: &detonaut.Unstarted{Count: math.MaxInt, Paths: []string{nasty}},
	}
	r.Run = &detonaut.Run{
		Command: []string{nasty}, EndReason: nasty, EndDetail: nasty, Signal: nasty, Output: nasty, Notes: []string{nasty},
		Processes:   []detonaut.Process{{PID: 1, Parent: 1, Executable: nasty, Args: []string{nasty}, Origin: nasty, Exit: nasty}},
		Listeners:   []detonaut.Listener{{Network: nasty, Address: nasty}},
		Network:     nasty,
		Connections: []detonaut.Connection{{Network: nasty, Address: nasty, Errno: nasty, Name: nasty, Protocol: nasty, Refused: nasty}},
		Requests:    []detonaut.Request{{Method: nasty, URL: nasty, Answer: nasty}},
		Rejections:  []detonaut.Rejection{{Name: nasty, JA4: nasty}},
		Messages:    []detonaut.Message{{Protocol: nasty, Verb: nasty, Fields: map[string]string{nasty: nasty}, Remote: nasty}},
		Baits:       []detonaut.Bait{{Name: nasty, Source: nasty, Encoding: nasty, Place: nasty, Path: nasty, Remote: nasty}},
		Bodies:      []detonaut.Body{{SHA256: nasty}},
		Payloads:    []detonaut.Payload{{SHA256: nasty, Type: nasty, Hows: []string{nasty}, Paths: []string{nasty}, PID: 1}},
		Changes:     []detonaut.Change{{Kind: nasty, Path: nasty, Type: nasty, Target: nasty, SHA256: nasty}},
		Names:       []string{nasty}, FilesWritten: []string{nasty}, FilesDeleted: []string{nasty},
	}
	return r
}

// write returns what a writer makes of reports.
func write(t *testing.T, f report.Format, o report.Options, reports ...*detonaut.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := report.New(f, &b, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	clean := miner()
	clean.Image.Ref = "example.com/clean:2"
	clean.Findings, clean.Stories, clean.Run = []detonaut.Finding{}, nil, nil
	clean.Verdict = detonaut.Verdict{Word: detonaut.Clean, Sentence: "Nothing bad was seen, and nothing was missed.", Reasons: []detonaut.Reason{{Text: "nothing bad was seen, and nothing was missed"}}}
	for _, test := range []struct {
		name    string
		format  report.Format
		opts    report.Options
		reports []*detonaut.Report
	}{
		{"table.txt", report.Table, report.Options{}, []*detonaut.Report{miner()}},
		{"table-clean.txt", report.Table, report.Options{}, []*detonaut.Report{clean}},
		{"table-color.txt", report.Table, report.Options{Color: true}, []*detonaut.Report{miner()}},
		{"table-many.txt", report.Table, report.Options{Many: true}, []*detonaut.Report{clean, miner(), hostile()}},
		{"table-hostile.txt", report.Table, report.Options{}, []*detonaut.Report{hostile()}},
		{"report.json", report.JSON, report.Options{}, []*detonaut.Report{miner()}},
		{"report-hostile.json", report.JSON, report.Options{}, []*detonaut.Report{hostile()}},
		{"report-many.json", report.JSON, report.Options{Many: true}, []*detonaut.Report{clean, miner()}},
		{"report-none.json", report.JSON, report.Options{Many: true}, nil},
		{"report.jsonl", report.JSONLines, report.Options{}, []*detonaut.Report{clean, hostile()}},
	} {
		t.Run(test.name, func(t *testing.T) {
			golden.Check(t, test.name, write(t, test.format, test.opts, test.reports...))
		})
	}
}

// TestHostile holds every format to showing nothing that a terminal obeys.
func TestHostile(t *testing.T) {
	for _, f := range report.Formats() {
		for _, many := range []bool{false, true} {
			out := string(write(t, f, report.Options{Many: many}, hostile()))
			if !utf8.ValidString(out) {
				t.Errorf("%s: not UTF-8", f)
			}
			bad := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) })
			if bad >= 0 {
				t.Errorf("%s: %q does not print", f, out[bad:min(bad+10, len(out))])
			}
		}
	}
}

// TestJSON holds the JSON to meaning what it did before it was escaped.
func TestJSON(t *testing.T) {
	want := hostile()
	plain, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var wantBack detonaut.Report
	if err := json.Unmarshal(plain, &wantBack); err != nil {
		t.Fatal(err)
	}
	for _, f := range []report.Format{report.JSON, report.JSONLines} {
		got, err := report.Read(bytes.NewReader(write(t, f, report.Options{}, want)), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&wantBack, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f, diff)
		}
	}
	var many []detonaut.Report
	if err := json.Unmarshal(write(t, report.JSON, report.Options{Many: true}, miner(), miner()), &many); err != nil {
		t.Fatal(err)
	}
	if len(many) != 2 {
		t.Errorf("got %d reports, want 2", len(many))
	}
}

// TestLive holds the page to saying that a run was live, loudly.
func TestLive(t *testing.T) {
	r := miner()
	r.Run.Network = "live"
	r.Run.Connections[0].Live = true
	out := string(write(t, report.Table, report.Options{}, r))
	for _, want := range []string{"LIVE: it could reach the real internet", "3 times, live"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out := string(write(t, report.Table, report.Options{Many: true}, r)); strings.Count(out, "live run: ") != 2 {
		t.Errorf("a line or a row does not say so:\n%s", out)
	}
}

func TestUnknownFormat(t *testing.T) {
	_, err := report.New("xml", nil, report.Options{})
	if !errors.Is(err, detonaut.ErrUsage) || !strings.Contains(err.Error(), `"xml"`) {
		t.Errorf("got %v, want ErrUsage with the name", err)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no JSON": "{", "other schema": `{"schema": 99}`, "unknown field": `{"schema": 1, "x": 1}`,
		"too long": `{"schema": 1}` + strings.Repeat(" ", 200),
	} {
		if _, err := report.Read(strings.NewReader(text), 100); !errors.Is(err, detonaut.ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain /path":  "plain /path",
		"grün 漢字 😀":    "grün 漢字 😀",
		"\x1b[31m":     `\x1b[31m`,
		"a\nb\tc\r":    `a\nb\tc\r`,
		"\u009b":       `\u009b`,
		"\u202e":       `\u202e`,
		"\U000e0001":   `\U000e0001`,
		"\xff\xfe":     `\xff\xfe`,
		"\ufffd":       "\ufffd",
		"\\x41 is \\":  `\x41 is \`,
		"\u00a0":       `\u00a0`,
		"e\u0301":      "e\u0301",
		"\x7f\x00\x07": `\x7f\x00\x07`,
	} {
		if got := report.Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestProcesses holds the tree to ending, and to showing or counting every
// process, whatever the tape says of parents.
func TestProcesses(t *testing.T) {
	r := miner()
	r.Run.Processes = []detonaut.Process{{PID: 5, Parent: 6, Executable: "/five"}, {PID: 6, Parent: 5, Executable: "/six"}}
	for pid := range int32(200) {
		r.Run.Processes = append(r.Run.Processes, detonaut.Process{PID: 100 + pid, Parent: 99 + pid, Executable: "/deep"})
	}
	out := string(write(t, report.Table, report.Options{}, r))
	for _, want := range []string{"and 160 more", "and 2 whose parents are unknown"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
