package bait_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/bait"
)

// compress runs s through a compressor.
func compress(t testing.TB, s string, open func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var b bytes.Buffer
	w := open(&b)
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t testing.TB, s string) string {
	return compress(t, s, func(w io.Writer) io.WriteCloser {
		z := gzip.NewWriter(w)
		z.Name, z.Comment, z.Extra = "credentials", "a comment", []byte("extra")
		return z
	})
}

func zlibbed(t testing.TB, s string) string {
	return compress(t, s, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
}

func deflated(t testing.TB, s string) string {
	return compress(t, s, func(w io.Writer) io.WriteCloser { z, _ := flate.NewWriter(w, 6); return z })
}

func zipped(t testing.TB, s string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"README", "home/.aws/credentials"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, s)
		s += s
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tarred(t testing.TB, s string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "credentials", Size: int64(len(s)), Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func wrapped(s string, n int, end string) string {
	var b strings.Builder
	for len(s) > n {
		b.WriteString(s[:n] + end)
		s = s[n:]
	}
	return b.String() + s + end
}

func xored(s string, key byte) string {
	b := []byte(s)
	for i := range b {
		b[i] ^= key
	}
	return string(b)
}

func backwards(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func everyByte(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

// caesar shifts letters.
func caesar(s string, n rune) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return 'a' + (r-'a'+n)%26
		case 'A' <= r && r <= 'Z':
			return 'A' + (r-'A'+n)%26
		}
		return r
	}, s)
}

// bzipped is what bzip2 makes of the file of set 7: Go's package only reads.
var bzipped, _ = base64.StdEncoding.DecodeString("QlpoOTFBWSZTWde0fPMAABBfgAAQQAIz4gMhzKqv796gIABIigA0NAPSGmgaZPUaFTCGjTQaHqADQNNPUhHBbjh78ZxZorYxFwZTjZ2KElApqRBwLMT8bGnpLwxDHYYFlKlRcXsrYrflzXwi2e9HwWrYQ4mIkBcdH4u5IpwoSGvaPnmA")

var (
	b64    = base64.StdEncoding.EncodeToString
	hexa   = func(s string) string { return hex.EncodeToString([]byte(s)) }
	around = func(s string) string { return "[default]\naws_secret_access_key = " + s + "\nregion = eu-west-1\n" }
)

func TestFind(t *testing.T) {
	s := newSet(t, 7)
	secret := s.Value("aws-secret-access-key")
	file := around(secret)
	quoted := compress(t, strings.Repeat("=", 40)+file, func(w io.Writer) io.WriteCloser { return quotedprintable.NewWriter(w) })
	asJSON, _ := json.Marshal(map[string]string{"file": "é\x01" + file})
	for _, tc := range []struct {
		name, data string
		want       []string
	}{
		{"nothing", "", nil},
		{"short", secret[:15], nil},
		{"other text", strings.Repeat(around("none"), 40), nil},
		{"alone", secret, []string{"plain"}},
		{"in a file", file, []string{"plain"}},
		{"part", secret[:16], []string{"plain"}},
		{"far", strings.Repeat("x", 1<<20) + file, []string{"plain"}},
		{"tar", tarred(t, file), []string{"plain"}},
		{"json", string(asJSON), []string{"plain"}},
		{"form", "q=" + url.QueryEscape(file), []string{"plain"}},
		{"quoted-printable", quoted, []string{"plain"}},
		{"base64", "data=" + b64([]byte(secret)), []string{"base64"}},
		{"base64, 1 byte on", "data=" + b64([]byte("a"+secret)), []string{"base64"}},
		{"base64, 2 bytes on", "data=" + b64([]byte("ab"+secret)), []string{"base64"}},
		{"base64url", "/" + base64.RawURLEncoding.EncodeToString([]byte("\xff\xfe\xff"+secret)), []string{"base64"}},
		{"base64 of a file", b64([]byte(file)), []string{"base64"}},
		{"base64, wrapped", wrapped(b64([]byte(file)), 76, "\r\n"), []string{"base64"}},
		{"base64, badly wrapped", wrapped(b64([]byte(file)), 45, "\n"), []string{"base64"}},
		{"hex", hexa(secret), []string{"hex"}},
		{"HEX", strings.ToUpper(hexa(file)), []string{"hex"}},
		{"hex, wrapped as xxd -p does", wrapped(hexa(file), 60, "\n"), []string{"hex"}},
		{"hex, two digits a time", everyByte(secret, "\\x%02x"), []string{"escaped"}},
		{"percent", everyByte(secret, "%%%02X"), []string{"escaped"}},
		{"percent, in much text", string(noise(100_000)) + everyByte(secret, "%%%02X"), []string{"escaped"}},
		{"unicode", everyByte(secret, `\u%04x`), []string{"escaped"}},
		{"reversed", backwards(file), []string{"reversed"}},
		{"rot13", caesar(file, 13), []string{"rot13"}},
		{"utf-16", everyByte(file, "%c\x00"), []string{"utf-16"}},
		{"xor", xored(file, 0x5a), []string{"xor"}},
		{"xor, over an edge", strings.Repeat("\x01", 16<<10-20) + xored(file, 0xff), []string{"xor"}},
		{"deflate", deflated(t, file), []string{"deflate"}},
		{"zlib", "HEAD\x00" + zlibbed(t, file), []string{"zlib"}},
		{"gzip", "HEAD\x00" + gzipped(t, file), []string{"gzip"}},
		{"gzip, cut off", gzipped(t, file+string(noise(10_000)))[:1000], []string{"gzip"}},
		{"tar and gzip", gzipped(t, tarred(t, file)), []string{"gzip"}},
		{"zip", zipped(t, file), []string{"zip"}},
		{"bzip2", string(bzipped), []string{"bzip2"}},
		{"base64 of gzip", `{"d":"` + b64([]byte(gzipped(t, file))) + `"}`, []string{"base64+gzip"}},
		{"base64 of gzip in a path", "/up/load/" + base64.RawURLEncoding.EncodeToString([]byte(gzipped(t, file))), []string{"base64+gzip"}},
		{"base64 of gzip in a form", "d=" + url.QueryEscape(b64([]byte(gzipped(t, file+string(noise(3000)))))), []string{"escaped+base64+gzip"}},
		{"hex of zlib", hexa(zlibbed(t, file)), []string{"hex+zlib"}},
		{"base64 of base64", b64([]byte(b64([]byte(file)))), []string{"base64+base64"}},
		{"base64 of a reversed one", b64([]byte(backwards(file))), []string{"base64+reversed"}},
		{"twice", file + gzipped(t, hexa(file)), []string{"gzip+hex", "plain"}},
		{"three layers", gzipped(t, gzipped(t, gzipped(t, file))), []string{"gzip+gzip+gzip"}},
		{"unseen: another shift", caesar(file, 1), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var want []bait.Match
			for _, e := range tc.want {
				want = append(want, bait.Match{Name: "aws-secret-access-key", Encoding: e})
			}
			found, complete := s.Search([]byte(tc.data))
			if diff := cmp.Diff(want, found); diff != "" || !complete {
				t.Errorf("complete %v, (-want +got):\n%s", complete, diff)
			}
		})
	}
}

// Every credential of a set is found, not only the one above.
func TestFindEach(t *testing.T) {
	s := newSet(t, 8)
	for _, name := range s.Names() {
		value := s.Value(name)
		for encoding, data := range map[string]string{
			"plain": "x" + value, "base64": "a " + b64([]byte("x"+value)), "hex": hexa("xy" + value), "gzip": gzipped(t, value),
			"base64+gzip": b64([]byte(gzipped(t, value))), "reversed": backwards(value), "rot13": caesar(value, 13),
		} {
			found, complete := s.Search([]byte(data))
			if !slices.Contains(found, bait.Match{Name: name, Encoding: encoding}) || !complete {
				t.Errorf("%s in %s: %v, %v", name, encoding, found, complete)
			}
			for _, m := range found {
				if m.Name != name {
					t.Errorf("%s in %s: also %v", name, encoding, m)
				}
			}
		}
	}
}

func TestFindBounds(t *testing.T) {
	s := newSet(t, 7)
	file := around(s.Value("aws-secret-access-key"))
	nested := file
	for range 5 {
		nested = gzipped(t, nested)
	}
	const header = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00"
	for name, data := range map[string]string{
		"ratio":    gzipped(t, strings.Repeat("\x00", 64<<20)+file),
		"depth":    nested,
		"attempts": strings.Repeat(header+"\xff\xff\xff\xff\xff", 2000) + gzipped(t, file),
		"input":    header + strings.Repeat("\x00\x00\x00\xff\xff", 4_000_000) + gzipped(t, file),
		"output":   wrapped(strings.Repeat("QUJD", 2<<20), 76, "\n"),
	} {
		if found, complete := s.Search([]byte(data)); found != nil || complete {
			t.Errorf("%s: %v, complete %v", name, found, complete)
		}
	}
}

func TestFindName(t *testing.T) {
	s := newSet(t, 9)
	secret := s.Value("aws-secret-access-key")
	dotted := func(text string, n int) string { return strings.TrimSuffix(wrapped(text, n, "."), ".") + ".c2.example" }
	b32 := func(text string) string {
		return strings.TrimRight(base32.StdEncoding.EncodeToString([]byte(text)), "=")
	}
	for _, tc := range []struct {
		name, host string
		want       string
	}{
		{"nothing", "www.example.com", ""},
		{"long and innocent", strings.Repeat("abcdefghij.", 20), ""},
		{"empty", "", ""},
		{"plain", secret + ".example.com", "plain"},
		{"lower case", strings.ToLower(secret) + ".example.com", "plain"},
		{"labels", dotted(secret, 10), "plain"},
		{"a chunk", "0001." + secret[3:19] + ".t.example.com", "plain"},
		{"too small a chunk", secret[3:18] + ".--.example.com", ""},
		{"hex", dotted(hexa(around(secret))[:120], 60), "hex"},
		{"base32", dotted(b32(secret), 63), "base32"},
		{"base32, lower case, 3 bytes on", dotted(strings.ToLower(b32("abc"+secret)), 21), "base32"},
		{"base64", dotted(strings.TrimRight(b64([]byte("k="+secret)), "="), 31), "base64"},
		{"beyond a name", strings.Repeat("a", 300) + secret, ""},
	} {
		var want []bait.Match
		if tc.want != "" {
			want = []bait.Match{{Name: "aws-secret-access-key", Encoding: tc.want}}
		}
		if diff := cmp.Diff(want, s.FindName(tc.host)); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", tc.name, diff)
		}
	}
}

// buried puts bait between what the fuzzer made up, in the layers it asks for.
func buried(t testing.TB, s *bait.Set, before, after []byte, layers uint16) []byte {
	data := string(before) + s.Value("aws-secret-access-key") + string(after)
	for n := layers % 4; n > 0; n-- {
		layers /= 4
		switch layers % 4 {
		case 0:
			data = b64([]byte(data))
		case 1:
			data = gzipped(t, data)
		case 2:
			data = hexa(data)
		case 3:
			data = zlibbed(t, data)
		}
	}
	return []byte(data)
}

// What was put there is found, or a bound was hit; nothing else is.
func FuzzFind(f *testing.F) {
	f.Add([]byte("key="), []byte("\n"), uint16(0))
	f.Add([]byte("PK\x03\x04"), []byte("BZh91AY&SY"), uint16(1+4*1))
	f.Add([]byte("\x1f\x8b\x08\x1f"), []byte("%41%41"), uint16(2+4*1+16*3))
	f.Add([]byte("x\x9c"), []byte("H4sI"), uint16(3+4*1+16*2))
	s := newSet(f, 7)
	f.Fuzz(func(t *testing.T, before, after []byte, layers uint16) {
		if len(before)+len(after) > 1<<16 {
			return
		}
		if found := s.Find(slices.Concat(before, after)); found != nil {
			t.Errorf("found %v in nothing", found)
		}
		s.FindName(string(before))
		found, complete := s.Search(buried(t, s, before, after, layers))
		if complete && !slices.ContainsFunc(found, func(m bait.Match) bool { return m.Name == "aws-secret-access-key" }) {
			t.Errorf("not found below the layers %x", layers)
		}
	})
}
