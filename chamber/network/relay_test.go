package network_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

// capitals says a greeting, then in capitals what it hears until the other side
// ends, and then ends too.
func capitals(c net.Conn) {
	io.WriteString(c, "hello\n")
	b, _ := io.ReadAll(c)
	_, _ = c.Write(bytes.ToUpper(b))
}

// A stream that is no HTTP goes through, in clear and in TLS, and each side may
// end before the other.
func TestLiveStream(t *testing.T) {
	for _, port := range []int{rawPort, secretPort} {
		w := newWorld(t, nil, capitals)
		s := w.subject(network.Options{})
		c := s.raw(t, "real.example.com", port, "")
		if got := talk(t, c, "words"); got != "hello\nWORDS" {
			t.Errorf("port %d: heard %q", port, got)
		}
		s.close()
		if f := s.flow(port); !f.Live || f.End != "closed" || f.Reason != "" || f.TLS != (port == secretPort) {
			t.Errorf("flow = %+v", f)
		}
	}
	t.Run("the server ends first", func(t *testing.T) {
		heard := make(chan string, 1)
		w := newWorld(t, nil, func(c net.Conn) {
			io.WriteString(c, "go on")
			_ = c.(*net.TCPConn).CloseWrite() // the test sees it
			b, _ := io.ReadAll(c)
			heard <- string(b)
		})
		s := w.subject(network.Options{})
		c := s.raw(t, "real.example.com", rawPort, "")
		if b, err := io.ReadAll(c); err != nil || string(b) != "go on" {
			t.Errorf("heard %q, %v", b, err)
		}
		fmt.Fprint(c, "I do")
		c.Close()
		if got := <-heard; got != "I do" {
			t.Errorf("the server heard %q", got)
		}
		s.close()
		if f := s.flow(rawPort); f.End != "closed" {
			t.Errorf("flow = %+v", f)
		}
	})
}

type closeWriter interface{ CloseWrite() error }

// raw is a connection of the subject, in TLS with a name if the port is secretPort.
func (s *subject) raw(t *testing.T, host string, port int, sni string) net.Conn {
	t.Helper()
	c, err := s.dial(t.Context(), "tcp", fmt.Sprintf("%s:%d", host, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if port == secretPort {
		if sni == "" {
			sni = host
		}
		return tls.Client(c, &tls.Config{RootCAs: s.trust(), ServerName: sni, MinVersion: tls.VersionTLS12})
	}
	return c
}

// talk hears a line, says text and all there is to say, and returns what it
// heard.
func talk(t *testing.T, c net.Conn, text string) string {
	t.Helper()
	in := bufio.NewReader(c)
	if h, ok := c.(interface{ HandshakeContext(context.Context) error }); ok {
		if err := h.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	line, err := in.ReadString('\n')
	if err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	fmt.Fprint(c, text)
	if err := c.(closeWriter).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(in)
	if err != nil {
		t.Fatalf("%q, %v", rest, err)
	}
	return line + string(rest)
}

// Whatever a subject says beside it, the name that is asked for is the name
// that the policy decides on. One host is allowed, the other is not; a subject
// that mixes them up reaches the one that it names in the end, or none.
func TestLiveMixed(t *testing.T) {
	const allowed, other = "real.example.com", "other.example.com"
	overTLS := func(to, sni string) func(*testing.T, *subject) net.Conn {
		return func(t *testing.T, s *subject) net.Conn {
			c, err := s.dial(t.Context(), "tcp", to+":443")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			return tls.Client(c, &tls.Config{RootCAs: s.trust(), ServerName: sni, MinVersion: tls.VersionTLS12})
		}
	}
	plain := func(to string) func(*testing.T, *subject) net.Conn {
		return func(t *testing.T, s *subject) net.Conn { return s.raw(t, to, 80, "") }
	}
	for _, tc := range []struct {
		name string
		dial func(*testing.T, *subject) net.Conn
		text string
		live string // the host that is reached; empty if none
	}{
		{"Host of another", plain(allowed), "GET / HTTP/1.1\r\nHost: " + other + "\r\n\r\n", ""},
		{"Host of another by its address", plain(allowed), "GET / HTTP/1.1\r\nHost: 1.1.1.2\r\n\r\n", ""},
		{"Host of the allowed at another", plain(other), "GET / HTTP/1.1\r\nHost: " + allowed + "\r\n\r\n", allowed},
		{"two hosts", plain(allowed), "GET / HTTP/1.1\r\nHost: " + allowed + "\r\nHost: " + other + "\r\n\r\n", ""},
		{"a user before the host", plain(allowed), "GET / HTTP/1.1\r\nHost: " + allowed + "@" + other + "\r\n\r\n", ""},
		{"a host in the path", plain(allowed), "GET //" + other + "/ HTTP/1.1\r\nHost: " + allowed + "\r\n\r\n", allowed},
		{"a path in the host", plain(allowed), "GET / HTTP/1.1\r\nHost: " + other + "/" + allowed + "\r\n\r\n", ""},
		{"absolute form", plain(allowed), "GET http://" + other + "/ HTTP/1.1\r\nHost: " + allowed + "\r\n\r\n", ""},
		{"absolute form of the allowed", plain(other), "GET http://" + allowed + "/ HTTP/1.1\r\nHost: " + other + "\r\n\r\n", allowed},
		{"all of a server", plain(allowed), "OPTIONS * HTTP/1.1\r\nHost: " + other + "\r\n\r\n", ""},
		{"a tunnel to another", plain(allowed), "CONNECT " + other + ":80 HTTP/1.1\r\nHost: " + allowed + "\r\n\r\nGET / HTTP/1.0\r\n\r\n", ""},
		{"a tunnel to the allowed", plain(other), "CONNECT " + allowed + ":80 HTTP/1.1\r\nHost: " + other + "\r\n\r\nGET / HTTP/1.0\r\n\r\n", allowed},
		{"a tunnel to the other, with the Host", plain(allowed), "CONNECT " + other + ":80 HTTP/1.1\r\nHost: " + allowed + "\r\n\r\nGET / HTTP/1.1\r\nHost: " + other + "\r\n\r\n", ""},
		{"SNI of the allowed, Host of another", overTLS(allowed, allowed), "GET / HTTP/1.1\r\nHost: " + other + "\r\n\r\n", ""},
		{"SNI of another, no Host", overTLS(allowed, other), "GET / HTTP/1.0\r\n\r\n", ""},
		{"SNI of the allowed at another, no Host", overTLS(other, allowed), "GET / HTTP/1.0\r\n\r\n", allowed},
		{"SOCKS to another", plain(allowed), "\x05\x01\x00\x05\x01\x00\x03\x11" + other + "\x00\x50GET / HTTP/1.0\r\n\r\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			s := w.subject(network.Options{})
			c := tc.dial(t, s)
			fmt.Fprint(c, tc.text)
			if err := c.(closeWriter).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			heard, _ := io.ReadAll(c) // some end with an error
			live := ""
			if i := strings.LastIndex(string(heard), "real "); i >= 0 {
				live = string(heard[i+len("real "):])
			}
			if live != tc.live {
				t.Errorf("%q is reached, want %q; heard %.300q", live, tc.live, heard)
			}
			if n := w.other.Load(); n != 0 {
				t.Errorf("the other host met %d connections", n)
			}
		})
	}
	t.Run("authority of another in HTTP/2", func(t *testing.T) {
		w := newWorld(t, nil, nil)
		s := w.subject(network.Options{})
		client := s.client()
		get(t, client, "https://"+allowed+"/") // the same connection carries both
		r := request(t, "https://"+allowed+"/")
		r.Host = other
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if b, err := io.ReadAll(response.Body); err != nil || strings.Contains(string(b), "real ") || response.ProtoMajor != 2 {
			t.Errorf("%s %q, %v", response.Proto, b, err)
		}
		if h := s.exchange("https://" + other + "/"); h.Live {
			t.Errorf("exchange = %+v", h)
		}
	})
	t.Run("SNI of another in a raw stream", func(t *testing.T) {
		w := newWorld(t, nil, capitals)
		s := w.subject(network.Options{})
		c := s.raw(t, allowed, secretPort, other)
		fmt.Fprint(c, "\x00\x01raw")
		_ = c.(closeWriter).CloseWrite()
		if b, _ := io.ReadAll(c); bytes.Contains(b, []byte("RAW")) {
			t.Errorf("heard %q", b)
		}
		s.close()
		if f := s.flow(secretPort); f.Live || f.Reason != "policy" || w.other.Load() != 0 {
			t.Errorf("flow = %+v, the other host met %d", f, w.other.Load())
		}
	})
	t.Run("SNI of the allowed in a raw stream to another", func(t *testing.T) {
		w := newWorld(t, nil, capitals)
		s := w.subject(network.Options{})
		if got := talk(t, s.raw(t, other, secretPort, allowed), "words"); got != "hello\nWORDS" || w.other.Load() != 0 {
			t.Errorf("heard %q, the other host met %d", got, w.other.Load())
		}
	})
}

// A live network has the names that the real one has, where they may be asked
// for, and answers with addresses of its own.
func TestLiveNames(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.plan.Allow = []string{"*.example.com"}
	s := w.subject(network.Options{})
	got := map[string]bool{}
	for _, name := range []string{"real.example.com", "gone.example.com", "www.example.org"} {
		found, err := s.resolver().LookupNetIP(t.Context(), "ip4", name)
		var dns *net.DNSError
		if err != nil && (!errors.As(err, &dns) || !dns.IsNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		for _, a := range found {
			if a.Unmap() == realAddr {
				t.Errorf("%s has its real address", name)
			}
		}
		got[name] = err == nil
	}
	if diff := cmp.Diff(map[string]bool{"real.example.com": true, "gone.example.com": false, "www.example.org": true}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.close()
	for _, e := range s.seen(tape.DNSAnswer) {
		if want := e.DNS.Name != "www.example.org"; e.DNS.Live != want {
			t.Errorf("answer = %+v", e.DNS)
		}
	}
}

// What was recorded live is the same when it is replayed, with nothing to reach;
// what was not is simulated.
func TestRecordAndReplay(t *testing.T) {
	visits := 0
	w := newWorld(t, func(w http.ResponseWriter, r *http.Request) {
		visits++
		fmt.Fprintf(w, "visit %d to %s", visits, r.URL.Path)
	}, capitals)
	w.plan.Allow = []string{"*.example.com"}
	scene := func(s *subject) (heard []string) {
		client := s.client()
		for _, url := range []string{"http://real.example.com/a", "https://real.example.com/b", "https://real.example.com/b"} {
			_, body := get(t, client, url)
			heard = append(heard, body)
		}
		_, err := s.resolver().LookupHost(t.Context(), "gone.example.com")
		heard = append(heard, fmt.Sprint(err))
		for _, port := range []int{rawPort, secretPort} {
			heard = append(heard, talk(t, s.raw(t, "real.example.com", port, ""), "words"))
		}
		return heard
	}
	to, done := keep(t)
	live := w.subject(network.Options{Artifacts: to, Plan: plan.Internet{Record: true}})
	want := scene(live)
	if bounds := live.close(); len(bounds) != 0 {
		t.Errorf("bounds = %v", bounds)
	}
	record := done().record.Bytes()
	replay := newSubject(t, network.Options{Replay: bytes.NewReader(record)})
	if diff := cmp.Diff(want, scene(replay)); diff != "" {
		t.Errorf("replayed (-live +replayed):\n%s", diff)
	}
	if _, body := get(t, replay.client(), "https://real.example.com/elsewhere"); strings.Contains(body, "visit") || body == "" {
		t.Errorf("what was not recorded has body %q", body)
	}
	if bounds := replay.close(); len(bounds) != 0 || visits != 3 {
		t.Errorf("bounds = %v; %d visits", bounds, visits)
	}
	for _, e := range replay.seen(tape.HTTPExchange) {
		if recorded := !strings.HasSuffix(e.HTTP.URL, "/elsewhere"); e.HTTP.Replayed != recorded || e.HTTP.Live {
			t.Errorf("exchange = %+v", e.HTTP)
		}
	}
	for _, e := range replay.seen(tape.FlowEnded) {
		if e.FlowEnd.Live {
			t.Errorf("flow = %+v", e.FlowEnd)
		}
	}
	cut := newSubject(t, network.Options{Replay: bytes.NewReader(record[:len(record)-1])})
	if bounds := cut.close(); !cmp.Equal([]string{"record"}, bounds) {
		t.Errorf("of a record that was cut off: bounds = %v", bounds)
	}
	if _, err := network.New(nil, network.Options{Replay: strings.NewReader("no record\n")}); err == nil {
		t.Error("nonsense is replayed")
	}
}
