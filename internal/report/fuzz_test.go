package report_test

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/internal/report"
)

// FuzzEscape holds what is shown to characters that print, and to saying as
// much as before.
func FuzzEscape(f *testing.F) {
	f.Add("plain")
	f.Add(nasty)
	f.Fuzz(func(t *testing.T, s string) {
		got := report.Escape(s)
		if i := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q does not print at %d", got, i)
		}
		if len(got) < len(s) {
			t.Errorf("%q is shorter than %q", got, s)
		}
		if again := report.Escape(got); again != got {
			t.Errorf("escaped twice: %q, want %q", again, got)
		}
	})
}

// FuzzRead reads reports from outside: what is accepted can be written, in
// every format, and read again as the same from those that are read.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"schema":1,"run":{"processes":[{"pid":1,"parent":1}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := report.Read(bytes.NewReader(b), 1<<16)
		if err != nil {
			return
		}
		for _, format := range report.Formats() {
			out := write(t, format, report.Options{}, r)
			checkForm(t, format, false, out)
			if format != report.JSON && format != report.JSONLines {
				continue
			}
			back, err := report.Read(bytes.NewReader(out), 1<<24)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(write(t, format, report.Options{}, r), write(t, format, report.Options{}, back)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", format, diff)
			}
		}
	})
}

// FuzzMarkdown holds a string in a row of a table, and in a list, to being one piece of
// text or of code, whatever is in it.
func FuzzMarkdown(f *testing.F) {
	f.Add("plain words")
	f.Add(markup)
	f.Fuzz(func(t *testing.T, s string) {
		for name, show := range map[string]func(string) string{"text": report.MarkdownText, "code": report.MarkdownCode} {
			shown := show(s)
			table := "| a | b |\n| --- | --- |\n| " + report.MarkdownCell(shown) + " | end |\n"
			list := "- **high** " + shown + " end\n"
			for _, doc := range []string{table, list} {
				got := shapeOf(t, []byte(doc))
				if len(got.strange) > 0 || len(got.code) > 1 || got.headings > 0 || got.rows+got.items != 1 || !strings.HasSuffix(got.plain[len(got.plain)-1], "end") {
					t.Errorf("%s of %q is %+v", name, doc, got)
				}
				want := report.Escape(s)
				if doc == table {
					want = strings.ReplaceAll(want, "|", "¦")
				}
				if len(got.code) == 1 && got.code[0] != want {
					t.Errorf("%s of %q is code %q, want %q", name, doc, got.code[0], want)
				}
				if len(got.code) == 0 && strings.ContainsAny(strings.Join(got.plain, ""), "@#<>[]$`|&~^\\") {
					t.Errorf("%s of %q is outside of code", name, doc)
				}
			}
		}
	})
}

// FuzzEscapeURI holds a path to being a relative reference, which gives the path back
// and leads nowhere else.
func FuzzEscapeURI(f *testing.F) {
	f.Add("/usr/bin/a b")
	f.Add("//evil.example/x?y#z")
	f.Add("javascript:alert(1)")
	f.Add("/a/../../b/./%2e")
	f.Fuzz(func(t *testing.T, s string) {
		got := report.EscapeURI(s)
		u, err := url.Parse(got)
		if err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		if u.Scheme != "" || u.Host != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasPrefix(got, "/") || got == "" {
			t.Errorf("%q is %+v", got, u)
		}
		if want := strings.TrimLeft(s, "/"); u.Path != want && !(want == "" && u.Path == "/") {
			t.Errorf("%q gives %q, want %q", got, u.Path, want)
		}
		for _, segment := range strings.Split(got, "/") {
			if segment == "." || segment == ".." {
				t.Errorf("%q has dot segments", got)
			}
		}
	})
}

var embedded = regexp.MustCompile(`\]\(|\{[0-9]+\}`)

// FuzzPlainMessage holds a message of SARIF to printing, and to having no links and no
// placeholders.
func FuzzPlainMessage(f *testing.F) {
	f.Add(markup)
	f.Add("[a](1) {0} {12} {{0}} [[b]](2)")
	f.Fuzz(func(t *testing.T, s string) {
		got := report.PlainMessage(s)
		if at := embedded.FindString(got); at != "" {
			t.Errorf("%q has %q", got, at)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q does not print at %d", got, i)
		}
	})
}

// FuzzFormats writes reports of any string in every format: well-formed, and of the
// schema where there is one.
func FuzzFormats(f *testing.F) {
	f.Add("plain")
	f.Add(markup)
	schemas := map[report.Format]func(testing.TB, []byte) error{}
	for _, format := range []report.Format{report.CycloneDX, report.SPDX, report.SARIF} {
		s := schemaOf(f, format)
		schemas[format] = func(t testing.TB, doc []byte) error { return validate(t, s, doc) }
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, format := range report.Formats() {
			out := write(t, format, report.Options{}, poisoned(s))
			checkForm(t, format, false, out)
			if check := schemas[format]; check != nil {
				if err := check(t, out); err != nil {
					t.Errorf("%s: %v", format, err)
				}
			}
		}
	})
}
