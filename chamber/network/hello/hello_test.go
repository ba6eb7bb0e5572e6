package hello

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An option is one extension of a hello that a test makes.
type option struct {
	number uint16
	body   []byte
}

func numbered(size int, numbers ...uint16) (b []byte) {
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return prefixed(size, b)
}

// prefixed writes b after its length, which has size bytes.
func prefixed(size int, b []byte) []byte {
	length := binary.BigEndian.AppendUint32(nil, uint32(len(b)))
	return append(length[4-size:], b...)
}

func names(all ...string) option {
	var b []byte
	for _, s := range all {
		b = append(b, prefixed(1, []byte(s))...)
	}
	return option{extALPN, prefixed(2, b)}
}

func host(name string) option {
	return option{extServerName, prefixed(2, append([]byte{nameHost}, prefixed(2, []byte(name))...))}
}

// plain are extensions that nobody looks into.
func plain(numbers ...uint16) (all []option) {
	for _, n := range numbers {
		all = append(all, option{number: n})
	}
	return all
}

// made writes a hello as records of at most size bytes.
func made(size int, version uint16, ciphers []uint16, options ...option) (records []byte) {
	body := binary.BigEndian.AppendUint16(nil, version)
	body = append(body, make([]byte, 32)...)
	body = append(body, 0)
	body = append(body, numbered(2, ciphers...)...)
	body = append(body, 1, 0)
	if options != nil {
		var b []byte
		for _, o := range options {
			b = append(binary.BigEndian.AppendUint16(b, o.number), prefixed(2, o.body)...)
		}
		body = append(body, prefixed(2, b)...)
	}
	for part := range slices.Chunk(append([]byte{messageClientHello}, prefixed(3, body)...), size) {
		records = append(append(records, recordHandshake, 3, 1), prefixed(2, part)...)
	}
	return records
}

var chrome = []uint16{
	0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8,
	0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
}

// The wanted fingerprints are published: the first in FoxIO's specification,
// the second with its test data (sigalg-grease.pcapng).
func TestJA4(t *testing.T) {
	specification := slices.Concat(
		plain(0x001b), []option{host("example.com")}, plain(0x0033), []option{names("h2", "http/1.1")}, plain(0x4469, 0x0017, 0x002d),
		[]option{{extSignatureSchemes, numbered(2, 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)}},
		plain(0x0005, 0x0023, 0x0012), []option{{extVersions, numbered(1, 0x0304, 0x0303)}}, plain(0xff01, 0x000b, 0x000a, 0x0015),
	)
	grease := slices.Concat(
		plain(0x8a8a, 0xfe0d), []option{names("h2")}, plain(0x0017, 0x0033, 0x44cd, 0xff01, 0x000a),
		[]option{{extSignatureSchemes, numbered(2, 0x3a3a, 0x0904, 0x0905, 0x0906, 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)}},
		plain(0x0023), []option{{extVersions, numbered(1, 0xfafa, 0x0304, 0x0303)}}, plain(0x000b, 0xca34, 0x002d),
		[]option{host("optimizationguide-pa.googleapis.com")}, plain(0x0005, 0x001b, 0x0012, 0x2a2a),
	)
	many := make([]uint16, 120)
	for i := range many {
		many[i] = uint16(0x4000 + i)
	}
	for _, tc := range []struct {
		name   string
		record []byte
		want   string
	}{
		{"specification", made(1<<14, 0x0303, chrome, specification...), "t13d1516h2_8daaf6152771_e5627efa2ab1"},
		{"in small records", made(7, 0x0303, chrome, specification...), "t13d1516h2_8daaf6152771_e5627efa2ab1"},
		{"grease", made(1<<14, 0x0303, append([]uint16{0xcaca}, chrome...), grease...), "t13d1517h2_8daaf6152771_cb7bf5808d99"},
		{
			"no signature schemes",
			made(1<<14, 0x0302, chrome, plain(0x0005, 0x000a, 0x000b, 0x000d+0x100, 0x0012)...),
			"t11i150500_8daaf6152771_" + digest("0005,000a,000b,0012,010d"),
		},
		{"no extensions", made(1<<14, 0x0300, []uint16{0x0005}), "s3i010000"},
		{"nothing", made(1<<14, 0x7777, nil, []option{}...), "t00i000000_000000000000_000000000000"},
		{"more than can be counted", made(1<<14, 0x0303, many, plain(many...)...), "t12i99"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, err := Parse(tc.record)
			if err != nil {
				t.Fatal(err)
			}
			if got := h.JA4(); !strings.Contains(got, tc.want) {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// The wanted pairs are those of the specification.
func TestJA4Protocol(t *testing.T) {
	for in, want := range map[string]string{
		"":                 "00",
		"h2":               "h2",
		"http/1.1":         "h1",
		"x":                "xx",
		"\xab":             "ab",
		"\xab\xcd":         "ad",
		"0\xab":            "3b",
		"01\xab\xcd":       "3d",
		"0\xab\xcd1":       "01",
		"\x1b]0;title\x07": "17",
	} {
		h := Hello{ALPN: []string{in, "h2"}}
		if got := h.protocol(); got != want {
			t.Errorf("protocol of %q = %q, want %q", in, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	whole := made(1<<14, 0x0303, chrome, host("a.example"), names("h2"))
	for _, tc := range []struct {
		name string
		in   []byte
		want error
	}{
		{"nothing", nil, ErrIncomplete},
		{"half a header", whole[:3], ErrIncomplete},
		{"half a message header", whole[:7], ErrIncomplete},
		{"all but a byte", whole[:len(whole)-1], ErrIncomplete},
		{"all but a record", made(50, 0x0303, chrome, host("a.example"))[:55], ErrIncomplete},
		{"whole", whole, nil},
		{"more after it", append(slices.Clone(whole), "\x17\x03\x03"...), nil},
		{"HTTP", []byte("GET / HTTP/1.1\r\n"), ErrInvalid},
		{"one byte of HTTP", []byte("G"), ErrInvalid},
		{"an alert", []byte{21, 3, 1, 0, 2, 2, 40}, ErrInvalid},
		{"no TLS", []byte{recordHandshake, 9}, ErrInvalid},
		{"a server's hello", []byte{recordHandshake, 3, 1, 0, 4, 2, 0, 0, 0}, ErrInvalid},
		{"empty record", []byte{recordHandshake, 3, 1, 0, 0}, ErrInvalid},
		{"large record", []byte{recordHandshake, 3, 1, 0x40, 1}, ErrInvalid},
		{"large hello", []byte{recordHandshake, 3, 1, 0, 4, 1, 1, 0, 1}, ErrInvalid},
		{"another record inside", append(made(50, 0x0303, chrome)[:55], 23, 3, 1, 0, 1, 0), ErrInvalid},
		{"cut inside", []byte{recordHandshake, 3, 1, 0, 5, 1, 0, 0, 1, 3}, ErrInvalid},
		{"odd ciphers", append([]byte{recordHandshake, 3, 1, 0, 44, 1, 0, 0, 40, 3, 3}, append(make([]byte, 33), 0, 1, 5, 1, 0)...), ErrInvalid},
		{"odd ALPN", made(1<<14, 0x0303, chrome, option{extALPN, []byte{0, 2, 9, 'h'}}), ErrInvalid},
		{"odd name", made(1<<14, 0x0303, chrome, option{extServerName, []byte{0, 3, 0, 0, 9}}), ErrInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := Parse(tc.in); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// recorded returns what the first client that comes to l says before it gets
// an answer.
func recorded(l net.Listener) ([]byte, error) {
	c, err := l.Accept()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var b []byte
	for part := make([]byte, 1<<10); ; {
		n, err := c.Read(part)
		b = append(b, part[:n]...)
		if _, perr := Parse(b); !errors.Is(perr, ErrIncomplete) {
			return b, perr
		}
		if err != nil {
			return nil, err
		}
	}
}

func listen(t *testing.T) net.Listener {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestGo(t *testing.T) {
	l := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			return
		}
		defer c.Close()
		tls.Client(c, &tls.Config{
			ServerName: "go.example", NextProtos: []string{"h2", "http/1.1"}, MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		}).HandshakeContext(t.Context())
	}()
	b, err := recorded(l)
	if err != nil {
		t.Fatal(err)
	}
	<-done
	h, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if h.ServerName != "go.example" || !slices.Equal(h.ALPN, []string{"h2", "http/1.1"}) || !slices.Contains(h.Ciphers, 0xc02f) {
		t.Errorf("got %+v", h)
	}
	if got := h.JA4(); !strings.HasPrefix(got, "t12d01") || !strings.Contains(got, "h2_"+digest("c02f")+"_") {
		t.Errorf("JA4 is %s", got)
	}
}

func TestOpenSSL(t *testing.T) {
	l := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "openssl", "s_client", "-connect", l.Addr().String(), "-servername", "o.example",
		"-alpn", "irc,h2", "-tls1_2", "-cipher", "AES128-SHA:AES256-SHA", "-sigalgs", "RSA+SHA512:RSA+SHA256")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(nil), io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: run testdata/needs.sh test", err)
	}
	b, err := recorded(l)
	cancel()
	cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
	h, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	extensions := h.Extensions
	want := Hello{
		Version: 0x0303, Ciphers: []uint16{0x002f, 0x0035, 0x00ff}, ServerName: "o.example",
		ALPN: []string{"irc", "h2"}, SignatureSchemes: []uint16{0x0601, 0x0401}, Extensions: extensions,
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("hello (-want +got):\n%s", diff)
	}
	if got := h.JA4(); !strings.HasPrefix(got, "t12d03") || !strings.Contains(got, "ic_"+digest("002f,0035,00ff")+"_") {
		t.Errorf("JA4 is %s", got)
	}
}

// FuzzParse also holds JA4 to its form.
func FuzzParse(f *testing.F) {
	f.Add(made(1<<14, 0x0303, chrome, host("a.example"), names("h2")))
	f.Add(made(9, 0x0300, chrome))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Parse(b)
		switch {
		case errors.Is(err, ErrIncomplete) || errors.Is(err, ErrInvalid):
			return
		case err != nil:
			t.Fatalf("an error of no kind: %v", err)
		}
		if ja4 := h.JA4(); len(ja4) != 36 || ja4[10] != '_' || ja4[23] != '_' || strings.IndexFunc(ja4, odd) >= 0 {
			t.Errorf("JA4 is %q", ja4)
		}
	})
}

func odd(r rune) bool { return r != '_' && (r > 0x7f || !alphanumeric(byte(r))) }
