package decode

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/tape"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                "",
		"grüße":           "grüße",
		"a\xffb":          `a\xffb`,
		"\xc3":            `\xc3`,
		"\x00\x1b[31m":    "\x00\x1b[31m", // JSON escapes these
		"\xed\xa0\x80end": `\xed\xa0\x80end`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAddress(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []byte
		want string
	}{
		{"none", nil, ""},
		{"short", []byte{2}, ""},
		{"unspecified", []byte{0, 0}, ""},
		{"inet", []byte{unix.AF_INET, 0, 0x1f, 0x90, 127, 0, 0, 1}, "127.0.0.1:8080"},
		{"cut inet", []byte{unix.AF_INET, 0, 0x1f, 0x90, 127}, "inet"},
		{"inet6", append([]byte{unix.AF_INET6, 0, 0, 53, 0, 0, 0, 0, 0xfe, 0x80}, make([]byte, 14)...), "[fe80::]:53"},
		{"unix", append([]byte{unix.AF_UNIX, 0}, "/run/x.sock\x00junk"...), "/run/x.sock"},
		{"abstract", append([]byte{unix.AF_UNIX, 0}, "\x00name\x00"...), "@name"},
		{"unnamed unix", []byte{unix.AF_UNIX, 0}, ""},
		{"netlink", []byte{unix.AF_NETLINK, 0, 0, 0, 0, 0, 0, 0}, "netlink"},
		{"unknown", []byte{99, 0, 1}, "99"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Address(tc.in); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

const query = "\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04pool\x07example\x00\x00\x10\x00\x01"

func TestQuestions(t *testing.T) {
	want := []tape.Question{{Name: "pool.example", Type: "TXT"}}
	for _, tc := range []struct {
		name   string
		in     string
		stream bool
		want   []tape.Question
	}{
		{"datagram", query, false, want},
		{"stream", "\x00\x1e" + query, true, want},
		{"answer", strings.Replace(query, "\x01\x00", "\x81\x00", 1), false, nil},
		{"cut", query[:20], false, nil},
		{"garbage", "GET / HTTP/1.1", false, nil},
		{"loop", query[:12] + "\xc0\x0c\x00\x01\x00\x01", false, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Questions([]byte(tc.in), tc.stream)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzAddress(f *testing.F) {
	f.Add([]byte{unix.AF_INET, 0, 0x1f, 0x90, 127, 0, 0, 1})
	f.Add(append([]byte{unix.AF_UNIX, 0}, "\x00name"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := Printable(Address(b)); !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
	})
}

func FuzzQuestions(f *testing.F) {
	f.Add([]byte(query), false)
	f.Add([]byte("\x00\x1e"+query), true)
	f.Fuzz(func(t *testing.T, b []byte, stream bool) {
		for _, q := range Questions(b, stream) {
			if !utf8.ValidString(q.Name) || len(q.Name) > 4*255 {
				t.Errorf("name %q", q.Name)
			}
		}
	})
}
