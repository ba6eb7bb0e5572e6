package detonate_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/internal/detonate"
)

// certificates is n blocks of PEM that look like certificates, each after a
// text.
func certificates(n int, text, kind string) []byte {
	line := strings.Repeat("MIIB", 16) + "\n"
	block := text + "-----BEGIN " + kind + "-----\n" + strings.Repeat(line, 20) + "-----END " + kind + "-----\n"
	return bytes.Repeat([]byte(block), n)
}

// p12 is the start of a PFX: a SEQUENCE, and the version 3.
var p12 = []byte{0x30, 0x82, 0x0a, 0x00, 0x02, 0x01, 0x03, 0x30, 0x80}

// content is what the files of a layout may have, by the name of it there.
func content(tb testing.TB, name string) []byte {
	tb.Helper()
	const plain = "CERTIFICATE"
	bundle := certificates(150, "", plain)
	all := map[string]func() []byte{
		"bundle":    func() []byte { return bundle },
		"one":       func() []byte { return certificates(1, "", plain) },
		"few":       func() []byte { return certificates(9, strings.Repeat("#", 2000)+"\n", plain) },
		"trusted":   func() []byte { return certificates(150, "# a name\n", "TRUSTED CERTIFICATE") },
		"comments":  func() []byte { return certificates(150, "\n# Issuer: CN=Főtanúsítvány\n# Serial: 1\n", plain) },
		"text-dump": func() []byte { return certificates(60, "Certificate:\n"+strings.Repeat("    00:01:02\n", 300), plain) },
		"mozilla": func() []byte {
			return append([]byte(strings.Repeat("## Bundle of CA\n", 600)), certificates(150, "A\n=\n", plain)...)
		},
		"p11-kit": func() []byte {
			return append([]byte("# made\n"), certificates(150, "[p11-kit-object-v1]\nx: y\n\n", plain)...)
		},
		"in-a-string": func() []byte { return slices.Concat([]byte("export default `\n"), bundle, []byte("`;\n")) },
		"cut-off":     func() []byte { return bundle[:len(bundle)-100] },
		"jks":         func() []byte { return append([]byte{0xfe, 0xed, 0xfe, 0xed}, "\x00\x00\x00\x02"...) },
		"pkcs12":      func() []byte { return p12 },
		"der":         func() []byte { return []byte{0x30, 0x82, 0x0a, 0x00, 0x02, 0x01, 0x00, 0x30} }, // of a private key
		"huge":        func() []byte { return certificates(8000, "", plain) },
		"huge-jks":    func() []byte { return append([]byte{0xfe, 0xed, 0xfe, 0xed}, make([]byte, 8<<20)...) },
		"text":        func() []byte { return bytes.Repeat([]byte("# a long text\nof no interest\n"), 1000) },
		"binary":      func() []byte { return append(make([]byte, 100), bundle...) },
		"program":     func() []byte { return append(program(elf.EM_X86_64, ""), bundle...) },
		"empty":       func() []byte { return nil },
	}
	make, ok := all[name]
	if !ok {
		tb.Fatalf("%q is no content", name)
	}
	return make()
}

// layout is an image of which the certificates matter, and what should be found
// in it.
type layout struct {
	fsys            fstest.MapFS
	image, operator []string // variables
	want            []string
}

// parseLayout reads a layout: lines of a path with a content, a link "-> TARGET"
// or, with a final slash, nothing; "image" and "operator" with a variable; and,
// after "want", the stores, the variables and "cut".
func parseLayout(tb testing.TB, text string) layout {
	tb.Helper()
	l := layout{fsys: fstest.MapFS{"bin/true": file(0o755, string(program(elf.EM_X86_64, "")))}}
	before, after, ok := strings.Cut(text, "\nwant\n")
	if !ok {
		tb.Fatal("the layout wants nothing")
	}
	l.want = strings.Split(strings.TrimSpace(after), "\n")
	for line := range strings.SplitSeq(before, "\n") {
		name, what, _ := strings.Cut(line, " ")
		target, isLink := strings.CutPrefix(what, "-> ")
		real, err := strconv.Unquote(`"` + strings.Trim(name, "/") + `"`)
		switch {
		case line == "" || line[0] == '#':
		case name == "image":
			l.image = append(l.image, what)
		case name == "operator":
			l.operator = append(l.operator, what)
		case err != nil:
			tb.Fatalf("%q: %v", line, err)
		case isLink:
			l.fsys[real] = link(target)
		case strings.HasSuffix(name, "/"):
			l.fsys[real] = file(fs.ModeDir|0o755, "")
		case what == "fifo":
			l.fsys[real] = file(fs.ModeNamedPipe|0o644, "")
		default:
			f := &fstest.MapFile{Mode: 0o644, Data: content(tb, what)}
			if what == "program" {
				f.Mode = 0o755
			}
			l.fsys[real] = f
		}
	}
	return l
}

// plan plans a run of the image.
func (l layout) plan(tb testing.TB) plan.Plan {
	tb.Helper()
	img := newImage(detonaut.Config{Cmd: []string{"true"}, Env: l.image, WorkingDir: "/srv"})
	p, err := detonate.NewPlan(img, l.fsys, detonate.Overrides{Env: l.operator})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// found writes what a plan has of trust as a layout does.
func found(p plan.Plan) (lines []string) {
	for _, s := range p.Internet.Trust {
		lines = append(lines, string(s.Kind)+" "+s.Path)
	}
	for _, v := range p.Env {
		if strings.HasPrefix(v, "NODE_EXTRA_CA_CERTS=/usr/local/share") || strings.HasPrefix(v, "NODE_EXTRA_CA_CERTS=/srv/share") ||
			v == "DENO_TLS_CA_STORE=system,mozilla" {
			lines = append(lines, v)
		}
	}
	if p.Internet.TrustCut {
		lines = append(lines, "cut")
	}
	return lines
}

// TestTrust finds the stores of testdata/trust/*.txt, which show where each
// distribution has its own.
func TestTrust(t *testing.T) {
	files, err := filepath.Glob("testdata/trust/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d layouts: %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			l := parseLayout(t, string(text))
			if diff := cmp.Diff(l.want, found(l.plan(t))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestTrustNone leaves an image as it is that has nobody to trust.
func TestTrustNone(t *testing.T) {
	l := parseLayout(t, "/usr/bin/node program\n/etc/ssl/cert.pem bundle\nwant\n")
	img := newImage(detonaut.Config{Cmd: []string{"true"}})
	p, err := detonate.NewPlan(img, l.fsys, detonate.Overrides{Network: plan.None})
	if err != nil {
		t.Fatal(err)
	}
	if got := found(p); got != nil {
		t.Errorf("got %q, want nothing", got)
	}
}

// TestTrustBounds has more of everything than is looked at.
func TestTrustBounds(t *testing.T) {
	bundle := content(t, "bundle")
	for _, c := range []struct {
		name string
		file func(i int) string
		n    int
		min  int // stores found at least
	}{
		{"many stores", func(i int) string { return fmt.Sprintf("opt/%d.pem", i) }, 300, 256},
		{"long names", func(i int) string { return fmt.Sprintf("opt/%s/%s/%s/%d.pem", long, long, long, i) }, 100, 30},
		{"a name too long", func(int) string { return path.Join("opt", long, long, long, long, long, "x.pem") }, 1, 3},
		{"too deep", func(int) string { return strings.Repeat("d/", 70) + "x.pem" }, 1, 3},
		{"too much to read", func(i int) string { return fmt.Sprintf("opt/%d.txt", i) }, 40, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := parseLayout(t, "/etc/passwd empty\nwant\n")
			data := bundle
			if c.name == "too much to read" {
				data = append(bytes.Repeat([]byte("# a comment\n"), 600_000), 'x')
			}
			for i := range c.n {
				l.fsys[c.file(i)] = &fstest.MapFile{Mode: 0o644, Data: data}
			}
			p := l.plan(t)
			if n := len(p.Internet.Trust); !p.Internet.TrustCut || n < c.min || n > 256 {
				t.Errorf("%d stores, cut %t, want %d or more and a bound that was hit", n, p.Internet.TrustCut, c.min)
			}
		})
	}
}

var long = strings.Repeat("n", 250)

// FuzzTrust: whatever an image has in the places that count, the plan is valid
// and each store is what its kind says.
func FuzzTrust(f *testing.F) {
	const one = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
	f.Add([]byte(one), p12, "certs/ca-certificates.crt", "/srv/x")
	f.Add([]byte("# a\n"+strings.ReplaceAll(one, "CERT", "TRUSTED CERT")), content(f, "jks"), "../../../../etc/ssl", "../a/../b")
	f.Add([]byte("[p11-kit-object-v1]\n"+one+"`"), []byte{0x30, 0x80, 2, 1, 3}, "/nowhere/../x", "")
	f.Fuzz(func(t *testing.T, pem, java []byte, target, variable string) {
		l := parseLayout(t, "/usr/bin/node program\nwant\n")
		l.fsys["etc/ssl/certs/ca-certificates.crt"] = &fstest.MapFile{Mode: 0o644, Data: pem}
		// What is found by content is large.
		l.fsys["opt/roots.pem"] = &fstest.MapFile{Mode: 0o644, Data: bytes.Repeat(pem, 1+min(16<<10/max(1, len(pem)), 1000))}
		l.fsys["opt/java/lib/security/cacerts"] = &fstest.MapFile{Mode: 0o644, Data: java}
		l.fsys["etc/ssl/cert.pem"], l.fsys["etc/pki"], l.fsys["usr/local"] = link(target), link(target), link(target)
		img := newImage(detonaut.Config{Cmd: []string{"true"}, Env: []string{"SSL_CERT_FILE=" + variable, "SSL_CERT_DIR=" + variable}})
		p, err := detonate.NewPlan(img, l.fsys, detonate.Overrides{})
		if err != nil {
			if !strings.ContainsRune(variable, 0) && len(variable) < 1000 {
				t.Fatalf("got %v, want a plan", err)
			}
			return
		}
		for _, s := range p.Internet.Trust {
			info, err := fs.Lstat(l.fsys, path.Join(".", s.Path[1:]))
			switch {
			case s.Kind == plan.PEMFile && err == nil:
				t.Errorf("%s would be written over", s.Path)
			case s.Kind == plan.PEMFile:
			case s.Kind == plan.HashedDir && (err != nil || !info.IsDir()), s.Kind != plan.HashedDir && (err != nil || !info.Mode().IsRegular()):
				t.Errorf("%s is no %s: %v", s.Path, s.Kind, err)
			}
		}
	})
}
