package yara

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
)

var everything = cmp.AllowUnexported(match{}, name{}, meta{}, place{})

func TestParseText(t *testing.T) {
	for _, test := range []struct {
		line string
		full bool
		want match
	}{
		{"r1:rule file", false, match{name: name{"r1", "rule"}, file: "file"}},
		{"r1:rule a file of blanks", false, match{name: name{"r1", "rule"}, file: "a file of blanks"}},
		{"r1:rule [] [] file", true, match{name: name{"r1", "rule"}, file: "file"}},
		{
			`n:A [t1,t2] [author="O\"x\n, b] [\\",score =80,ok=true,license="\303\251"] t1`, true,
			match{name{"n", "A"}, "t1", []string{"t1", "t2"}, []meta{{"author", "O\"x\n, b] [\\"}, {"score", "80"}, {"ok", "true"}, {"license", "é"}}, nil},
		},
	} {
		got, err := parseText(test.line+"\n", test.full)
		if diff := cmp.Diff([]match{test.want}, got, everything); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.line, err, diff)
		}
	}
	got, err := parseText("r1:rule file\n0x1f:4:$a\n0x20:4:$b\n0x21:4:$c\n0x22:4:$d\nr1:other file\n", false)
	want := []match{{name: name{"r1", "rule"}, file: "file", places: []place{{"$a", 31}, {"$b", 32}, {"$c", 33}}}, {name: name{"r1", "other"}, file: "file"}}
	if diff := cmp.Diff(want, got, everything); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, line := range []string{"", "rule file", "r1:rule", "r1: file", ":rule file", "r1:rule ", "0x1:2:$a", "0xg:2:$a"} {
		if got, err := parseText(line+"\n", false); err == nil {
			t.Errorf("%q: got %+v", line, got)
		}
	}
	for _, line := range []string{
		"r1:rule file", "r1:rule [ [] file", "r1:rule [] file", "r1:rule [] [a] file", `r1:rule [] [a="b] file`, `r1:rule [] [a="b"file`,
		"r1:rule [] [a=1 file", `r1:rule [] [a="b\`, "r1:rule [] [] ",
	} {
		if got, err := parseText(line+"\n", true); err == nil {
			t.Errorf("%q: got %+v", line, got)
		}
	}
}

func TestParseJSON(t *testing.T) {
	got, err := parseJSON([]byte(`{"path":"0","rules":[]}
{"path":"1","rules":[{"identifier":"a","namespace":"r0","tags":["x"],"meta":[["k","v"],["k",7],["f",1.5],["b",true]],"strings":[{"identifier":"$x","offset":7,"match":"x"}]},{"identifier":"b","namespace":"r1","meta":{"k":"v"}}]}

`))
	want := []match{
		{name{"r0", "a"}, "1", []string{"x"}, []meta{{"k", "v"}, {"k", "7"}, {"f", "1.5"}, {"b", "true"}}, []place{{"$x", 7}}},
		{name{"r1", "b"}, "1", nil, []meta{{"k", "v"}}, nil},
	}
	if diff := cmp.Diff(want, got, everything); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, line := range []string{`x`, `[]`, `{}`, `{"path":"1","rules":[{}]}`, `{"path":"1","rules":[{"identifier":"a","meta":[["k"]]}]}`, `{"path":"1","rules":[{"identifier":"a","meta":"x"}]}`} {
		if got, err := parseJSON([]byte(line)); err == nil {
			t.Errorf("%s: got %+v", line, got)
		}
	}
}

func TestSeverity(t *testing.T) {
	for _, test := range []struct {
		key, value string
		want       detonaut.Severity
	}{
		{"severity", "critical", detonaut.Medium},
		{"severity", "Low", detonaut.Low},
		{"severity", "informational", detonaut.Negligible},
		{"severity", "100", detonaut.Medium},
		{"severity", "8", detonaut.Medium},
		{"severity", "3", detonaut.Low},
		{"severity", "39", detonaut.Low},
		{"threat_level", "2", detonaut.Low},
		{"threat_level", "0", detonaut.Negligible},
		{"score", "80", detonaut.Medium},
		{"score", "40", detonaut.Medium},
		{"Score", "10", detonaut.Low},
		{"score", "much", detonaut.Medium},
		{"author", "low", detonaut.Medium},
	} {
		if got := severity(match{meta: []meta{{test.key, test.value}}}); got != test.want {
			t.Errorf("%s %s: got %s, want %s", test.key, test.value, got, test.want)
		}
	}
	if got := severity(match{tags: []string{"miner", "low", "7"}}); got != detonaut.Low {
		t.Errorf("of a tag: got %s", got)
	}
}

func TestSlug(t *testing.T) {
	for text, want := range map[string]string{
		"Miner/XMRig_2": "miner-xmrig-2", "__a..b__": "a-b", "": "x", "é": "x", strings.Repeat("ab", 300): strings.Repeat("ab", 100),
	} {
		if got := slug(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	if got := clip(" a\n\tb "); got != "a b" {
		t.Errorf("got %q", got)
	}
	if got := clip(strings.Repeat("é", 300)); len(got) > maxWords+3 || !strings.HasSuffix(got, "é...") {
		t.Errorf("got %q", got)
	}
}

// check holds what was parsed to what callers rely on.
func check(t *testing.T, all []match) {
	t.Helper()
	for _, m := range all {
		if m.rule == "" || m.file == "" {
			t.Errorf("a match without a rule or a file: %+v", m)
		}
		f := describe(m, m.space)
		if f.Severity.Rank() > detonaut.Medium.Rank() || f.Confidence != detonaut.Tentative || len(f.Title)+len(f.Meaning) > 3*maxWords || len(summary(m, m.space)) > 6*maxWords {
			t.Errorf("got %+v", f)
		}
	}
}

func FuzzParseText(f *testing.F) {
	f.Fuzz(func(t *testing.T, out string, full bool) {
		all, err := parseText(out, full)
		if err != nil {
			return
		}
		check(t, all)
		if lines := strings.Count(out, "\n") + 1; len(all) > lines {
			t.Errorf("%d matches in %d lines", len(all), lines)
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	f.Fuzz(func(t *testing.T, out []byte) {
		if all, err := parseJSON(out); err == nil {
			check(t, all)
		}
	})
}
