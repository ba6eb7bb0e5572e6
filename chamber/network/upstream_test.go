package network_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/tape"
)

// What the policy allows is answered by the real server, in clear on the tape;
// all else is simulated, and the flow says why.
func TestLive(t *testing.T) {
	w := newWorld(t, nil, nil)
	s := w.subject(network.Options{})
	for _, url := range []string{"http://real.example.com/a", "https://real.example.com/b"} {
		if _, body := get(t, s.client(), url); body != "real real.example.com" {
			t.Errorf("%s: body %q", url, body)
		}
		if h := s.exchange(url); !h.Live || h.Answer != "live" || h.ResponseBody.Text != "real real.example.com" {
			t.Errorf("exchange = %+v", h)
		}
	}
	for _, url := range []string{"https://other.example.com/", "http://1.1.1.1/", "http://169.254.169.254/latest/meta-data/", "http://real.example.com:8080/"} {
		if status, body := get(t, s.client(), url); status != http.StatusOK || strings.Contains(body, "real ") {
			t.Errorf("%s: status %d, body %q", url, status, body)
		}
		if h := s.exchange(url); h.Live || h.Answer == "live" {
			t.Errorf("exchange = %+v", h)
		}
	}
	s.close()
	for _, e := range s.seen(tape.FlowEnded) {
		f := e.FlowEnd
		want := "policy"
		if f.Name == "real.example.com" && !strings.HasSuffix(f.Remote, ":8080") || f.Network == "udp" {
			want = ""
		}
		if live := want == "" && f.Network == "tcp"; f.Reason != want || f.Live != live {
			t.Errorf("flow = %+v, want reason %q, live %t", f, want, live)
		}
	}
	if n := w.other.Load(); n != 0 {
		t.Errorf("the other host met %d connections", n)
	}
}

// A host that may be reached and does not answer is simulated, and its flow
// says so.
func TestLiveUnreachable(t *testing.T) {
	w := newWorld(t, nil, nil)
	clear(w.stage.Servers)
	s := w.subject(network.Options{})
	get(t, s.client(), "http://real.example.com/")
	s.close()
	if f := s.flow(80); f.Live || f.Reason != "unreachable" {
		t.Errorf("flow = %+v", f)
	}
}

// A subject gets what the server sends: its codings, its lengths and its
// answers without a body.
func TestLiveAnswers(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprint(z, strings.Repeat("packed ", 100))
	z.Close()
	w := newWorld(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(packed.Bytes())
		case "/chunked":
			for range 3 {
				io.WriteString(w, "chunk")
				http.NewResponseController(w).Flush()
			}
		case "/unchanged":
			w.Header().Set("ETag", `"1"`)
			w.WriteHeader(http.StatusNotModified)
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/length":
			w.Header().Set("Content-Length", "12345")
		case "/moved":
			http.Redirect(w, r, "http://10.0.0.1/", http.StatusFound)
		case "/odd":
			w.WriteHeader(777)
		case "/headers":
			fmt.Fprintf(w, "%q %q %q", r.Header["User-Agent"], r.Header["Keep-Alive"], r.Header["Accept-Encoding"])
		default:
			b, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %d %q %s", r.Method, r.ContentLength, r.TransferEncoding, b)
		}
	}, nil)
	type answer struct {
		Status int
		Length int64
		Coding string
		Body   string
	}
	for _, tc := range []struct {
		method, path, body string
		header             http.Header
		want               answer
	}{
		{path: "/gzip", header: http.Header{"Accept-Encoding": {"gzip"}}, want: answer{200, int64(packed.Len()), "gzip", packed.String()}},
		{path: "/chunked", want: answer{200, 15, "", "chunkchunkchunk"}},
		{path: "/unchanged", want: answer{304, 0, "", ""}},
		{path: "/none", want: answer{204, 0, "", ""}},
		{method: "HEAD", path: "/length", want: answer{200, 12345, "", ""}},
		{path: "/moved", want: answer{302, 39, "", "<a href=\"http://10.0.0.1/\">Found</a>.\n\n"}},
		{path: "/odd", want: answer{777, 0, "", ""}},
		{path: "/headers", header: http.Header{"User-Agent": nil, "Keep-Alive": {"1"}, "Accept-Encoding": {"identity"}}, want: answer{200, 19, "", `[] [] ["identity"]`}},
		{method: "POST", path: "/echo", body: "sent", want: answer{200, 14, "", "POST 4 [] sent"}},
		{method: "POST", path: "/echo", want: answer{200, 10, "", "POST 0 [] "}},
		{method: "PUT", path: "/echo", body: "sent", header: http.Header{"Expect": {"100-continue"}}, want: answer{200, 13, "", "PUT 4 [] sent"}},
	} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(scheme+" "+tc.method+tc.path+tc.header.Get("Expect"), func(t *testing.T) {
				s := w.subject(network.Options{})
				c := s.client()
				c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				r, err := http.NewRequestWithContext(t.Context(), tc.method, scheme+"://real.example.com"+tc.path, strings.NewReader(tc.body))
				if err != nil {
					t.Fatal(err)
				}
				if tc.header != nil {
					r.Header = tc.header.Clone()
				}
				response, err := c.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				b, err := io.ReadAll(response.Body)
				if err != nil {
					t.Error(err)
				}
				want := tc.want
				got := answer{response.StatusCode, max(0, response.ContentLength), response.Header.Get("Content-Encoding"), string(b)}
				if want.Body != "" {
					want.Length = int64(len(want.Body))
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				s.close()
				if h := s.exchange(scheme + "://real.example.com" + tc.path); !h.Live || h.Status != want.Status {
					t.Errorf("exchange = %+v", h)
				}
			})
		}
	}
}

// The bounds of the run end a download, and keep others from beginning.
func TestLiveBounds(t *testing.T) {
	t.Run("bytes", func(t *testing.T) {
		w := newWorld(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zero{}, 1<<20) }, nil)
		w.plan.Bytes = 1 << 19
		s := w.subject(network.Options{})
		response, err := s.client().Do(request(t, "http://real.example.com/"))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		n, err := io.Copy(io.Discard, response.Body)
		if err == nil || n == 0 || n > w.plan.Bytes {
			t.Errorf("%d bytes, %v", n, err)
		}
		if bounds := s.close(); !slices.Contains(bounds, "live") {
			t.Errorf("bounds = %v", bounds)
		}
		if f := s.flow(80); !f.Live || f.Reason != "policy" {
			t.Errorf("flow = %+v", f)
		}
	})
	t.Run("connections", func(t *testing.T) {
		w := newWorld(t, nil, nil)
		w.plan.Connections = 1
		s := w.subject(network.Options{})
		get(t, s.client(), "http://real.example.com/1")
		get(t, s.client(), "https://real.example.com/2")
		if !s.exchange("http://real.example.com/1").Live || s.exchange("https://real.example.com/2").Live {
			t.Error("not one and only one is live")
		}
		if bounds := s.close(); !slices.Contains(bounds, "live") {
			t.Errorf("bounds = %v", bounds)
		}
		if f := s.flow(443); f.Live || f.Reason != "policy" {
			t.Errorf("flow = %+v", f)
		}
	})
}

func request(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// WebSocket goes through, in clear and in TLS.
func TestLiveWebsocket(t *testing.T) {
	w := newWorld(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" {
			w.WriteHeader(http.StatusUpgradeRequired)
			return
		}
		c, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		io.Copy(c, buffered)
	}, nil)
	for _, scheme := range []string{"http", "https"} {
		s := w.subject(network.Options{})
		r := request(t, scheme+"://real.example.com/socket")
		r.Header.Set("Connection", "keep-alive, Upgrade")
		r.Header.Set("Upgrade", "websocket")
		response, err := s.client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		conn, ok := response.Body.(io.ReadWriteCloser)
		if response.StatusCode != http.StatusSwitchingProtocols || !ok {
			t.Fatalf("%s: status %d", scheme, response.StatusCode)
		}
		fmt.Fprint(conn, "hello")
		got := make([]byte, 5)
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
			t.Errorf("%s: %q, %v", scheme, got, err)
		}
		conn.Close()
		s.close()
		if h := s.exchange(scheme + "://real.example.com/socket"); !h.Live || h.Status != http.StatusSwitchingProtocols {
			t.Errorf("exchange = %+v", h)
		}
	}
}

// A run that ends does not wait for the real internet, and nothing follows it.
func TestLiveClose(t *testing.T) {
	asked, over := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			io.WriteString(w, "begun")
			http.NewResponseController(w).Flush()
		}
		asked <- struct{}{}
		<-over
	}, func(c net.Conn) {
		io.WriteString(c, "begun")
		_, _ = io.Copy(io.Discard, c)
	})
	defer close(over)
	for _, what := range []string{"/header", "/body"} {
		s := w.subject(network.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			response, err := s.client().Do(request(t, "http://real.example.com"+what).WithContext(ctx))
			if err == nil {
				_, err = io.ReadAll(response.Body)
				response.Body.Close()
			}
			result <- err
		}()
		<-asked
		s.close()
		cancel() // nobody tells it that its internet is gone
		if err := <-result; err == nil {
			t.Errorf("%s: it was answered", what)
		}
	}
	s := w.subject(network.Options{})
	c, err := s.dial(t.Context(), "tcp", fmt.Sprintf("real.example.com:%d", rawPort))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	s.close()
	if f := s.flow(rawPort); !f.Live || f.End != "open" {
		t.Errorf("flow = %+v", f)
	}
}
