package service

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
)

// wall is the run's clock in all tests.
func wall() time.Time { return time.Unix(1_700_000_000, 500_000_000).UTC() }

// A script is a connection whose client has said everything in advance.
type script struct {
	net.Conn // nil: what is not here is not called
	in       *bytes.Reader
	out      bytes.Buffer
	read     time.Time // the deadlines
	write    time.Time
}

func (c *script) Read(b []byte) (int, error)         { return c.in.Read(b) }
func (c *script) Write(b []byte) (int, error)        { return c.out.Write(b) }
func (c *script) Close() error                       { return nil }
func (c *script) SetReadDeadline(t time.Time) error  { c.read = t; return nil }
func (c *script) SetWriteDeadline(t time.Time) error { c.write = t; return nil }

// play has the service called name talk to a client that says input, and
// returns what it answered and recorded.
func play(t testing.TB, v Service, input string) (out string, said []tape.Message, err error) {
	t.Helper()
	conn := &script{in: bytes.NewReader([]byte(input))}
	s := &Session{
		Conn: conn, Reader: bufio.NewReaderSize(conn, 4096), Port: 4444, Host: "host.example", Now: wall,
		Say: func(m tape.Message, _ bool) { said = append(said, m) },
	}
	s.Tunnel = func(host string, _ uint16) error {
		if !conn.read.IsZero() || !conn.write.IsZero() {
			t.Error("the tunnel has deadlines of the proxy")
		}
		rest, err := io.ReadAll(s.Reader)
		said = append(said, tape.Message{Protocol: "tunnel", Verb: host, Fields: map[string]string{"text": string(rest)}})
		return err
	}
	err = v.Serve(t.Context(), s)
	return conn.out.String(), said, err
}

func named(t testing.TB, name string) Service {
	t.Helper()
	for _, v := range All() {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no service is called %q", name)
	return Service{}
}

func say(protocol, verb string, fields ...string) tape.Message {
	m := tape.Message{Protocol: protocol, Verb: verb}
	for i := 0; i < len(fields); i += 2 {
		if m.Fields == nil {
			m.Fields = make(map[string]string)
		}
		m.Fields[fields[i]] = fields[i+1]
	}
	return m
}

func crlf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

// heard collects what services of a real server record.
type heard struct {
	mu   sync.Mutex
	said []tape.Message
}

func (h *heard) say(m tape.Message, _ bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, m)
}

// listen serves v on a port of the loopback until the test ends, with TLS for
// those who ask for it. stop waits for every client and returns what was said.
func listen(t *testing.T, v Service) (at netip.AddrPort, stop func() []tape.Message) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	certificate := selfSigned(t)
	ctx, cancel := context.WithCancel(t.Context())
	var h heard
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				if err := v.Serve(ctx, session(conn, &h, certificate)); err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
					t.Logf("serve %s: %v", v.Name, err)
				}
			})
		}
	})
	var once sync.Once
	stop = func() []tape.Message {
		once.Do(func() {
			l.Close()
			time.AfterFunc(5*time.Second, cancel) // what a client said before it left is read first
			running.Wait()
			cancel()
		})
		return h.said
	}
	t.Cleanup(func() { stop() })
	return netip.MustParseAddrPort(l.Addr().String()), stop
}

func session(conn net.Conn, h *heard, certificate tls.Certificate) *Session {
	s := &Session{Conn: conn, Reader: bufio.NewReader(conn), Host: "host.example", Now: wall, Say: h.say}
	s.StartTLS = func() error {
		inner := tls.Server(s.Conn, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
		if err := inner.Handshake(); err != nil {
			return err
		}
		s.Conn, s.Reader = inner, bufio.NewReader(inner)
		return nil
	}
	s.Passive = func() (netip.AddrPort, func() (net.Conn, error), error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return netip.AddrPort{}, nil, err
		}
		accept := func() (net.Conn, error) { defer l.Close(); return l.Accept() }
		return netip.MustParseAddrPort(l.Addr().String()), accept, nil
	}
	return s
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestRecognise(t *testing.T) {
	startTLS := "\x30\x1d\x02\x01\x01\x77\x18"
	for _, tc := range []struct {
		name, head string
		port       uint16
		want       string
		sure       Recognition
	}{
		{"nothing yet", "", 1, "", More},
		{"http", "GET / HTTP/1.1\r\n", 1, "", No},
		{"ssh", "SSH-2.0-Go\r\n", 1, "ssh", Yes},
		{"cut ssh", "SS", 1, "", More},
		{"smtp", "EHLO me\r\n", 1, "smtp", Yes},
		{"imap", "a1 LOGIN x y\r\n", 1, "imap", Yes},
		{"telnet", "\xff\xfb\x1f", 1, "telnet", Yes},
		{"irc", "NICK bot\r\nUSER a b c :d\r\n", 1, "irc", Yes},
		{"cryptonote", `{"id":1,"jsonrpc":"2.0","method":"login","params":{}}` + "\n", 1, "stratum", Yes},
		{"bitcoin", `{"id":1,"method":"mining.subscribe","params":[]}` + "\n", 1, "stratum", Yes},
		{"cut stratum", `{"id":1,"meth`, 1, "", More},
		{"json of others", `{"cmd":"hello"}` + "\n", 1, "", No},
		{"redis", "*1\r\n$4\r\nPING\r\n", 1, "redis", Yes},
		{"cut redis", "*1\r", 1, "", More},
		{"memcached", "stats\r\n", 1, "memcached", Yes},
		{"postgresql TLS", "\x00\x00\x00\x08\x04\xd2\x16\x2f", 1, "postgresql", Yes},
		{"postgresql", "\x00\x00\x00\x29\x00\x03\x00\x00user\x00", 1, "postgresql", Yes},
		{"mongodb", "\x39\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00", 1, "mongodb", Yes},
		{"ldap bind", "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", 1, "ldap", Yes},
		{"ldap StartTLS", startTLS, 1, "ldap", Yes},
		{"ldap long", "\x30\x84\x00\x00\x00\x10\x02\x01\x01\x63", 1, "ldap", Yes},
		{"rmi", "JRMI\x00\x02\x4b", 1, "rmi", Yes},
		{"socks4", "\x04\x01\x00\x50\x01\x02\x03\x04\x00", 1, "socks", Yes},
		{"socks5", "\x05\x01\x00", 1, "socks", Yes},
		{"cut socks5", "\x05\x02\x00", 1, "", More},
		{"mqtt", "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", 1, "mqtt", Yes},
		{"amqp", "AMQP\x00\x00\x09\x01", 1, "amqp", Yes},
		{"bittorrent", "\x13BitTorrent protocol\x00\x00", 1, "bittorrent", Yes},
		{"rdp", "\x03\x00\x00\x13\x0e\xe0\x00\x00", 1, "rdp", Yes},
		{"smb", "\x00\x00\x00\x54\xffSMB\x72", 1, "smb", Yes},
		{"x11", "l\x00\x0b\x00\x00\x00\x00\x00", 1, "x11", Yes},
		{"git", "0032git-upload-pack /x.git\x00", 1, "git", Yes},
		{"prompt", "root@web-7c9f:/# ", 1, "shell", Yes},
		{"coloured prompt", "\x1b[?2004hroot@web:~# ", 1, "shell", Yes},
		{"sh", "$ ", 1, "shell", Yes},
		{"no job control", "bash: cannot set terminal process group (7): Inappropriate ioctl for device\n", 1, "shell", Yes},
		{"windows", "Microsoft Windows [Version 10.0.19045]\r\n", 1, "shell", Yes},
		{"stratum2", string(random64()), 34255, "stratum2", Yes},
		{"the same elsewhere", string(random64()), 1, "", No},
		{"text of 64 bytes", strings.Repeat("hello123", 8), 34255, "", No},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, sure := Recognise(tc.port, []byte(tc.head))
			if got.Name != tc.want || sure != tc.sure {
				t.Errorf("got %q %v, want %q %v", got.Name, sure, tc.want, tc.sure)
			}
		})
	}
}

// random64 are 64 bytes that all differ and begin like no other protocol.
func random64() []byte {
	b := make([]byte, 64)
	for i := range b {
		b[i] = byte(0xc1 + 37*i)
	}
	return b
}

// No client has to say all at once what it is recognised by.
func TestRecogniseBytewise(t *testing.T) {
	for _, text := range []string{
		"SSH-2.0-x\r\n", "EHLO me\r\n", "*1\r\n$4\r\nPING\r\n", "\x05\x01\x00", "\x04\x01\x00\x50\x01\x02\x03\x04\x00", "JRMI\x00\x02\x4b",
		`{"id":1,"method":"login","params":{}}` + "\n", "\x10\x0c\x00\x04MQTT\x04", "\x00\x00\x00\x08\x04\xd2\x16\x2f",
		"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x63", "\xff\xfb\x1f", "\x00\x00\x00\x54\xffSMB", "\x03\x00\x00\x13\x0e\xe0",
	} {
		sure, n := More, 0
		for ; sure == More && n <= len(text); n++ {
			_, sure = Recognise(1, []byte(text[:n]))
		}
		if sure != Yes {
			t.Errorf("%q: got %v after %q", text, sure, text[:n-1])
		}
	}
}

func TestByPort(t *testing.T) {
	for port, want := range map[uint16]string{21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 465: "smtp", 995: "pop3", 993: "imap", 3306: "mysql", 80: "", 4444: ""} {
		if got, ok := ByPort(port); got.Name != want || ok != (want != "") {
			t.Errorf("%d: got %q %v, want %q", port, got.Name, ok, want)
		}
	}
}

// A context that is done ends a session whose client says nothing.
func TestServeEndsWithContext(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	s := &Session{Conn: server, Reader: bufio.NewReader(server), Now: wall, Say: func(tape.Message, bool) {}}
	ended := make(chan error)
	go func() { ended <- named(t, "smtp").Serve(ctx, s) }()
	if _, err := bufio.NewReader(client).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want %v", err, io.ErrClosedPipe)
	}
}

func TestSayHasBounds(t *testing.T) {
	var said []tape.Message
	var cuts []bool
	s := &Session{protocol: "irc", Say: func(m tape.Message, cut bool) { said, cuts = append(said, m), append(cuts, cut) }}
	s.say("NICK", "nick", strings.Repeat("ü", maxField), "empty", "")
	s.say("NICK", "nick", "a\xff")
	for range maxMessages + 10 {
		s.say("PING")
	}
	if len(said) != maxMessages+1 {
		t.Fatalf("got %d messages, want %d", len(said), maxMessages+1)
	}
	want := []tape.Message{say("irc", "NICK", "nick", strings.Repeat("ü", maxField/2)), say("irc", "NICK", "nick", `a\xff`), say("irc", "PING")}
	if diff := cmp.Diff(want, said[:3]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(say("irc", "cut"), said[maxMessages]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bool{true, false, false}, cuts[:3]); diff != "" || !cuts[maxMessages] {
		t.Errorf("%s, last %v", diff, cuts[maxMessages])
	}
}
