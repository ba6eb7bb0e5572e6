package page

import (
	"testing"
	"time"
)

func TestPlainText(t *testing.T) {
	for _, test := range []struct {
		in   string
		n    int
		want string
	}{
		{"plain", 10, "plain"},
		{"plain", 5, "plain"},
		{"plain", 4, "plai…"},
		{"", 0, ""},
		{"a\u202eb", 9, `a\u202eb`},
		{"\x1b[31m\x00\x7f", 20, `\x1b[31m\x00\x7f`},
		{"a\nb\r\tc", 9, `a\nb\r\tc`},
		{"\xff\xfe", 9, `\xff\xfe`},
		{"\u200b\u2066\ufeff\U000e0041", 9, `\u200b\u2066\ufeff\U000e0041`},
		{"\u3164\u2800\u00a0", 9, `\u3164\u2800\u00a0`},
		{"שלום", 9, "שלום"},
		{"日本語の", 3, "日本語…"},
		{"e\u0301\u0301\u0301\u0301", 9, "e\u0301\u0301\u0301\\u0301"},
		{"❤\ufe0f", 9, `❤\ufe0f`},
	} {
		if got := Plain(test.in, test.n); got != test.want {
			t.Errorf("%q, %d is %s, want %s", test.in, test.n, got, test.want)
		}
	}
}

// TestText holds marks to being pieces of their own, and what was cut to being there.
func TestText(t *testing.T) {
	got := text("ab\u202ecd", 4)
	if len(got.Pieces) != 3 || got.Pieces[0] != (Piece{Text: "ab"}) || got.Pieces[1] != (Piece{Text: `\u202e`, Mark: true}) || got.Pieces[2] != (Piece{Text: "c"}) || got.Full != `ab\u202ecd` {
		t.Errorf("%+v", got)
	}
	if got := text("ab", 4); got.Full != "" || len(got.Pieces) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestWords says numbers, sizes and times for people.
func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		bytesOf(999): "999 B", bytesOf(1000): "1.0 kB", bytesOf(999_960): "1.0 MB", bytesOf(70_941_044): "70.9 MB",
		countOf(0): "0", countOf(1234567): "1,234,567", countOf(-1234): "-1,234", countOf(uint64(999)): "999",
		pluralOf(1, "process"): "1 process", pluralOf(2, "process"): "2 processes", pluralOf(2, "day"): "2 days", pluralOf(3, "repository"): "3 repositories",
		spanOf(300 * time.Microsecond): "0.3 ms", spanOf(325 * time.Millisecond): "325 ms", spanOf(6800 * time.Millisecond): "6.8 s", spanOf(3 * time.Minute): "3 min", spanOf(80 * time.Hour): "3 days",
		agoOf(time.Second): "just now", agoOf(time.Minute): "1 minute ago", agoOf(26 * time.Hour): "26 hours ago", agoOf(50 * time.Hour): "2 days ago", agoOf(100 * 24 * time.Hour): "3 months ago", agoOf(800 * 24 * time.Hour): "2 years ago",
		short("sha256:0123456789abcdef"): "sha256:0123456789ab", short("0123456789abcdef"): "0123456789ab", short("x"): "x",
		dateOf(time.Time{}): "unknown", momentOf(time.Date(2026, 11, 30, 17, 5, 0, 0, time.UTC)): "2026-11-30 17:05 UTC",
		slug("impact/Mining pool"): "impact-Mining-pool", slug("\u202e"): "---",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestHosts takes hosts out of what subjects say.
func TestHosts(t *testing.T) {
	for in, want := range map[string]string{
		"http://a.example/x": "a.example", "https://u:p@a.example:8443?x": "a.example", "http://[2001:db8::1]:80/": "2001:db8::1", "http://192.0.2.1": "192.0.2.1",
		"no url": "", "http://": "", "x://a/b@c": "a",
	} {
		if got := hostOfURL(in); got != want {
			t.Errorf("%s is at %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string][2]string{
		"192.0.2.1:80": {"192.0.2.1", "80"}, "[2001:db8::1]:80": {"2001:db8::1", "80"}, "2001:db8::1": {"2001:db8::1", ""}, "192.0.2.1": {"192.0.2.1", ""},
		"pool.example:3333": {"pool.example", "3333"}, "": {"", ""}, ":": {"", ""}, "[": {"", ""},
	} {
		if host, port := hostPort(in); host != want[0] || port != want[1] {
			t.Errorf("%s is %q and %q, want %q", in, host, port, want)
		}
	}
}
