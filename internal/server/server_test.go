package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/server"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/server/servertest"
	"github.com/detonaut/detonaut/internal/store"
)

// running is a server that answers at an address.
type running struct {
	*server.Server
	store *servertest.Store
	url   string
	end   context.CancelFunc
	ended chan error
}

func serve(t *testing.T, o server.Options) *running {
	t.Helper()
	return serveStore(t, o, servertest.New(t))
}

func serveStore(t *testing.T, o server.Options, s *servertest.Store) *running {
	t.Helper()
	r := &running{store: s, ended: make(chan error, 1)}
	o.Store = r.store
	if o.Ref == nil {
		o.Ref = func(ref detonaut.Ref) (detonaut.Ref, error) { return ref, nil }
	}
	var err error
	if r.Server, err = server.New(o); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.url = "http://" + l.Addr().String()
	ctx, end := context.WithCancel(t.Context())
	r.end = end
	go func() { r.ended <- r.Serve(ctx, l) }()
	t.Cleanup(func() {
		end()
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		r.ended <- nil // for who has waited already
	})
	return r
}

func (r *running) key(t *testing.T, scopes ...store.Scope) string {
	t.Helper()
	k, secret, err := guard.NewKey("a test's", scopes, 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.store.AddKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	return secret
}

// get asks for a path; with a key if that is not empty.
func (r *running) get(t *testing.T, path, key, accept string) (status int, header http.Header, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

// A private server shows nothing to who is not known, but its health and where to sign in.
func TestPrivate(t *testing.T) {
	r := serve(t, server.Options{Version: "v1"})
	key := r.key(t, store.ScopeRead)
	for _, test := range []struct {
		path, accept     string
		nobody, somebody int
	}{
		{"/", "text/html", 303, 200},
		{"/", "*/*", 401, 200},
		{"/api/v1/reports", "*/*", 401, 200},
		{"/api/v1/version", "*/*", 401, 200},
		{"/api/v1/keys", "*/*", 401, 403},
		{"/api/v1/openapi.yaml", "*/*", 200, 200},
		{"/sign-in", "text/html", 200, 200},
		{"/healthz", "*/*", 200, 200},
		{"/readyz", "*/*", 200, 200},
		{"/nothing", "*/*", 401, 404},
		{"/api/v1/nothing", "*/*", 401, 404},
	} {
		for who, want := range map[string]int{"": test.nobody, key: test.somebody} {
			status, header, body := r.get(t, test.path, who, test.accept)
			if status != want {
				t.Errorf("%s with the key %.8q: got %d, want %d: %.200s", test.path, who, status, want, body)
			}
			if header.Get("Content-Security-Policy") == "" || header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: got the headers %v", test.path, header)
			}
			var p guard.Problem
			if status >= 400 && (json.Unmarshal([]byte(body), &p) != nil || p.Status != status) {
				t.Errorf("%s: %d is no problem document: %.200s", test.path, status, body)
			}
		}
	}
}

// A public one is read by anybody.
func TestPublic(t *testing.T) {
	r := serve(t, server.Options{Public: true})
	for path, want := range map[string]int{"/": 200, "/api/v1/reports": 200, "/api/v1/numbers": 200, "/api/v1/audit": 401, "/readyz": 200} {
		if status, _, body := r.get(t, path, "", "*/*"); status != want {
			t.Errorf("%s: got %d, want %d: %.200s", path, status, want, body)
		}
	}
}

// What watches the server sees whether its store answers.
func TestReady(t *testing.T) {
	r := serve(t, server.Options{})
	r.store.Fail(errors.New("gone"))
	if status, _, _ := r.get(t, "/readyz", "", "*/*"); status != 503 {
		t.Errorf("got %d", status)
	}
	if status, _, _ := r.get(t, "/healthz", "", "*/*"); status != 200 {
		t.Errorf("got %d", status)
	}
	r.store.Fail(nil)
	if status, _, _ := r.get(t, "/readyz", "", "*/*"); status != 200 {
		t.Errorf("got %d", status)
	}
}

// What the guard refuses a person is shown as a page, and a program as a problem; related
// images come from where pages have them.
func TestRefusals(t *testing.T) {
	r := serve(t, server.Options{Public: true, Limits: guard.Limits{Address: guard.Rate{Minute: 1, Burst: 3}}})
	r.get(t, "/healthz", "", "*/*")
	if status, _, body := r.get(t, "/api/v1/reports/sha256:"+strings.Repeat("a", 64)+"/related", "", "*/*"); status != 404 {
		t.Errorf("got %d %s", status, body)
	}
	r.get(t, "/healthz", "", "*/*")
	status, header, body := r.get(t, "/search", "", "text/html")
	if status != 429 || header.Get("Retry-After") == "" || !strings.Contains(body, "<h1>Too Many Requests</h1>") {
		t.Errorf("got %d %s", status, body)
	}
	if status, header, _ := r.get(t, "/search", "", "*/*"); status != 429 || header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d of type %s", status, header.Get("Content-Type"))
	}
}

// The link that is printed lets a browser in, to everything.
func TestLink(t *testing.T) {
	r := serve(t, server.Options{})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	for _, path := range []string{r.Link(), "/api/v1/audit"} {
		res, err := browser.Get(r.url + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d", path, res.StatusCode)
		}
	}
}

// When the server ends, who follows a submission is sent away, and what is under way ends.
func TestEnd(t *testing.T) {
	r := serve(t, server.Options{})
	key := r.key(t, store.ScopeSubmit)
	sub, err := r.store.Submit(t.Context(), store.Submission{Ref: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.store.AddProgress(t.Context(), sub.ID, []store.Progress{{Kind: "note", Data: json.RawMessage(`{}`)}}); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/api/v1/scans/"+sub.ID+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data: ") {
	}
	r.end()
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the connection broke: %v", err)
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	r.ended <- nil
	if c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://")); err == nil {
		c.Close()
		t.Error("it still answers")
	}
}

// A client that says half of a request holds up nobody else, nor the end of the server.
func TestHalfARequest(t *testing.T) {
	r := serve(t, server.Options{Public: true, Limits: guard.Limits{Wait: 50 * time.Millisecond}})
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	digest := "sha256:" + strings.Repeat("a", 64)
	io.WriteString(c, "POST /api/v1/reports/"+digest+"/disputes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"te")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusRequestTimeout || res.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d of type %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	if status, _, _ := r.get(t, "/healthz", "", "*/*"); status != 200 {
		t.Errorf("got %d", status)
	}
}

// What is larger than a request is refused.
func TestLargeHeader(t *testing.T) {
	r := serve(t, server.Options{Public: true})
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET /api/v1/reports?q="+strings.Repeat("a", 64<<10)+" HTTP/1.1\r\nHost: x\r\n\r\n")
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 431") {
		t.Errorf("got %q and %v, want 431", line, err)
	}
}

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:1": true, "[::1]:80": true, "127.1.2.3:80": true,
		"0.0.0.0:80": false, ":80": false, "[::]:80": false, "192.0.2.1:80": false, "example.com:80": false, "nonsense": false,
	} {
		hosts := server.Loopback(address)
		if (len(hosts) > 0) != want || want && !slices.Contains(hosts, "localhost") {
			t.Errorf("%s: got %v", address, hosts)
		}
	}
}

// What is submitted at one server can be followed at another with the same database.
func TestTwoServers(t *testing.T) {
	first := serve(t, server.Options{})
	second := serveStore(t, server.Options{}, first.store)
	key := first.key(t, store.ScopeSubmit)
	send := func(method, url, body string) (http.Header, *bufio.Scanner) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res.Header, bufio.NewScanner(res.Body)
	}
	submitted, _ := send(http.MethodPost, first.url+"/api/v1/scans", `{"ref":"a"}`)
	_, followed := send(http.MethodGet, second.url+submitted.Get("Location")+"/events", "")
	work, stop := context.WithCancel(t.Context())
	defer stop()
	err := first.store.Work(work, store.WorkOptions{Images: 1, Do: func(ctx context.Context, j store.Job) store.Outcome {
		stop()
		if err := first.store.AddProgress(ctx, j.Submission, []store.Progress{{Kind: "note", Data: json.RawMessage(`{"text":"half of it"}`)}}); err != nil {
			t.Error(err)
		}
		return store.Outcome{Failure: &store.Failure{Says: "it is gone", Final: true}}
	}, Grace: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for followed.Scan() {
		if line, ok := strings.CutPrefix(followed.Text(), "event: "); ok {
			told = append(told, line)
		}
	}
	if err := followed.Err(); err != nil || !slices.Equal(told, []string{"state", "note", "state", "end"}) {
		t.Errorf("got %q and %v", told, err)
	}
}
