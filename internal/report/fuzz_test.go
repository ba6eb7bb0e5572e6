package report_test

import (
	"bytes"
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
// every format, and read again as the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"schema":1,"run":{"processes":[{"pid":1,"parent":1}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := report.Read(bytes.NewReader(b), 1<<16)
		if err != nil {
			return
		}
		for _, format := range report.Formats() {
			out := write(t, format, report.Options{}, r)
			if i := bytes.IndexFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("%s: %q does not print", format, out[i:])
			}
			if format == report.Table {
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
