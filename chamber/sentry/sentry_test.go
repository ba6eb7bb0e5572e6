package sentry

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"

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

func TestList(t *testing.T) {
	long := strings.Repeat("x", maxString+1)
	many := make([]string, maxList+5)
	for _, tc := range []struct {
		name  string
		in    []string
		n     int
		count int
		cut   bool
	}{
		{"none", nil, 0, 0, false},
		{"few", []string{"a", "b"}, 2, 0, false},
		{"long", []string{"a", long}, 2, 2, true},
		{"many", many, maxList, len(many), true},
		{"much", []string{long, long, long, long, long}, 4, 5, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var ev tape.Event
			out, count := list(&ev, tc.in)
			if len(out) != tc.n || count != tc.count || ev.Cut != tc.cut {
				t.Errorf("got %d strings, count %d, cut %t; want %d, %d, %t", len(out), count, ev.Cut, tc.n, tc.count, tc.cut)
			}
		})
	}
}

// The longest event that the bounds allow still fits on a line.
func TestBoundsFitALine(t *testing.T) {
	ev := &tape.Event{Kind: tape.ProcessExec, Seq: 1, Process: &tape.Process{}}
	worst := make([]string, maxList)
	for i := range worst {
		worst[i] = strings.Repeat("\x01", maxListSum/maxList) // JSON writes one as six
	}
	fillArgs(ev, worst, worst)
	one := strings.Repeat("\x01", maxString)
	ev.Process.Executable, ev.Process.Dir, ev.Process.Interpreter = text(ev, one), text(ev, one), text(ev, one[:256])
	if err := tape.NewEncoder(new(strings.Builder)).Record(ev); err != nil {
		t.Error(err)
	}
}

func TestFormatAddress(t *testing.T) {
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
			if got := formatAddress(tc.in); got != tc.want {
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
			if diff := cmp.Diff(tc.want, questions(new(tape.Event), []byte(tc.in), tc.stream)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFlagNames(t *testing.T) {
	for _, tc := range []struct {
		flags uint64
		names []flagName
		want  string
	}{
		{0, cloneFlags, "0x0"},
		{linux.CLONE_NEWNS | linux.CLONE_NEWUSER, cloneFlags, "CLONE_NEWNS|CLONE_NEWUSER"},
		{unix.MS_BIND | 1<<40, mountFlags, "MS_BIND|0x10000000000"},
	} {
		if got := flagNames(tc.flags, tc.names); got != tc.want {
			t.Errorf("flagNames(%#x) = %q, want %q", tc.flags, got, tc.want)
		}
	}
	if got, want := openFlags(linux.O_RDWR|linux.O_CREAT|linux.O_EXCL), "O_RDWR|O_CREAT|O_EXCL"; got != want {
		t.Errorf("openFlags = %q, want %q", got, want)
	}
}

func TestSensitive(t *testing.T) {
	for path, want := range map[string]bool{
		"/etc/shadow": true, "/root/.ssh/id_rsa": true, "/home/a/.aws/credentials": true, "/run/secrets/token": true,
		"/etc/passwd": false, "/usr/lib/libc.so.6": false, "/var/lib/aws/x": false,
	} {
		if got := sensitive(path); got != want {
			t.Errorf("sensitive(%q) = %t, want %t", path, got, want)
		}
	}
}

// A hook whose name is in no table sees nothing.
func TestEveryHookHasASystemCall(t *testing.T) {
	known := map[string]bool{}
	for _, sc := range table().Table {
		known[sc.Name] = true
	}
	for name := range hooks() {
		if !known[name] {
			t.Errorf("hook %s: gVisor has no system call of that name", name)
		}
	}
}

func TestCandidates(t *testing.T) {
	env := []string{"HOME=/", "PATH=/bin:/usr/bin"}
	for program, want := range map[string][]string{
		"/x/y": {"/x/y"}, "./y": {"./y"}, "sh": {"/bin/sh", "/usr/bin/sh"},
	} {
		if diff := cmp.Diff(want, candidates(program, env)); diff != "" {
			t.Errorf("candidates(%q) (-want +got):\n%s", program, diff)
		}
	}
}

func FuzzFormatAddress(f *testing.F) {
	f.Add([]byte{unix.AF_INET, 0, 0x1f, 0x90, 127, 0, 0, 1})
	f.Add(append([]byte{unix.AF_UNIX, 0}, "\x00name"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := text(new(tape.Event), formatAddress(b)); !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
	})
}

func FuzzQuestions(f *testing.F) {
	f.Add([]byte(query), false)
	f.Add([]byte("\x00\x1e"+query), true)
	f.Fuzz(func(t *testing.T, b []byte, stream bool) {
		for _, q := range questions(new(tape.Event), b, stream) {
			if !utf8.ValidString(q.Name) || len(q.Name) > 4*255 {
				t.Errorf("name %q", q.Name)
			}
		}
	})
}
