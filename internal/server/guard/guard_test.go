package guard_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/server/servertest"
	"github.com/detonaut/detonaut/internal/store"
)

// place is a guard before a handler that says who came.
type place struct {
	t        *testing.T
	store    *servertest.Store
	sessions *guard.Sessions
	guard    *guard.Guard
	handler  http.Handler
	now      time.Time
}

func newPlace(t *testing.T, change ...func(*guard.Options)) *place {
	t.Helper()
	p := &place{t: t, store: servertest.New(t), now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	var err error
	if p.sessions, err = guard.NewSessions(nil, false, time.Hour, p.clock); err != nil {
		t.Fatal(err)
	}
	o := guard.Options{Store: p.store, Now: p.clock, Sessions: p.sessions, Open: []string{"/open", "/static/"}, SignIn: "/sign-in"}
	for _, c := range change {
		c(&o)
	}
	if p.guard, err = guard.New(o); err != nil {
		t.Fatal(err)
	}
	p.handler = p.guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c := guard.Of(r.Context())
		io.WriteString(w, string(c.Kind)+" "+guard.Who(r)+" from "+c.From+":")
		for _, s := range guard.Scopes() {
			if guard.Allowed(r, s) {
				io.WriteString(w, " "+string(s))
			}
		}
	}))
	return p
}

func (p *place) clock() time.Time { return p.now }

func (p *place) newKey(life time.Duration, scopes ...store.Scope) (id, secret string) {
	p.t.Helper()
	k, secret, err := guard.NewKey("a test's", scopes, life, p.now)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.store.AddKey(p.t.Context(), k); err != nil {
		p.t.Fatal(err)
	}
	return k.ID, secret
}

func (p *place) do(method, target string, headers ...string) *httptest.ResponseRecorder {
	p.t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w
}

// is holds a refusal to a status, and to be a problem document.
func is(t *testing.T, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("got %d, want %d: %s", w.Code, status, w.Body)
	}
	var p guard.Problem
	if status < 400 {
		return
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != status || p.Title == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d is no problem document: %s", status, w.Body)
	}
}

func TestKeys(t *testing.T) {
	p := newPlace(t)
	reader, read := p.newKey(0, store.ScopeRead)
	_, submit := p.newKey(0, store.ScopeSubmit)
	_, download := p.newKey(time.Hour, store.ScopeDownload)
	_, admin := p.newKey(0, store.ScopeAdmin)
	for _, test := range []struct {
		name, authorization string
		want                int
		body                string
	}{
		{"nobody", "", 401, "a key is needed"},
		{"read", "Bearer " + read, 200, "key " + reader + " from 192.0.2.1: read"},
		{"in any case", "bearer  " + read, 200, ": read"},
		{"submit has read", "Bearer " + submit, 200, ": read submit"},
		{"download has read", "Bearer " + download, 200, ": read download"},
		{"admin has all", "Bearer " + admin, 200, ": read submit download admin"},
		{"no scheme", read, 401, "Bearer"},
		{"another scheme", "Basic " + read, 401, "Bearer"},
		{"a key that was cut", "Bearer " + read[:len(read)-1], 401, "no key"},
		{"a key of nobody's", "Bearer " + mistyped(read), 401, "no key"},
		{"one that is not here", "Bearer " + stranger(t), 401, "no key"},
		{"a very long one", "Bearer " + strings.Repeat("A", 5000), 401, "no key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := p.do("GET", "/api/v1/x", "Authorization", test.authorization)
			is(t, w, test.want)
			if !strings.Contains(w.Body.String(), test.body) {
				t.Errorf("got %q, want %q in it", w.Body, test.body)
			}
			if test.want == 401 && w.Header().Get("WWW-Authenticate") == "" {
				t.Error("nobody says how to authorize")
			}
		})
	}

	p.now = p.now.Add(time.Hour)
	w := p.do("GET", "/api/v1/x", "Authorization", "Bearer "+download)
	is(t, w, 401)
	if !strings.Contains(w.Body.String(), "expired") {
		t.Errorf("got %s", w.Body)
	}
	if err := p.store.RevokeKey(t.Context(), reader); err != nil {
		t.Fatal(err)
	}
	is(t, p.do("GET", "/api/v1/x", "Authorization", "Bearer "+read), 401)
	is(t, p.do("GET", "/open", "Authorization", "Bearer "+read), 401) // rather than as nobody
	p.store.Fail(errors.New("disk is full"))
	if w := p.do("GET", "/api/v1/x", "Authorization", "Bearer "+admin); w.Code != 503 || strings.Contains(w.Body.String(), "disk") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// mistyped is a key with one other letter.
func mistyped(key string) string {
	b := []byte(key)
	if b[10]++; b[10] > 'Z' {
		b[10] = 'A'
	}
	return string(b)
}

func stranger(t *testing.T) string {
	t.Helper()
	_, secret, err := guard.NewKey("x", []store.Scope{store.ScopeRead}, 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestNewKey(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	k, secret, err := guard.NewKey(" CI ", []store.Scope{store.ScopeSubmit, store.ScopeRead, store.ScopeRead}, time.Hour, now)
	if err != nil || k.Name != "CI" || !slices.Equal(k.Scopes, []store.Scope{store.ScopeRead, store.ScopeSubmit}) || !k.Expires.Equal(now.Add(time.Hour)) {
		t.Fatalf("got %+v and %v", k, err)
	}
	if !strings.HasPrefix(secret, "dtn_") || !guard.Wellformed(secret) || k.Hash != guard.Hash(secret) || strings.Contains(k.Hash, secret) {
		t.Errorf("got the secret %s", secret)
	}
	for i := range secret { // whatever letter is mistyped
		if other := secret[:i] + "?" + secret[i+1:]; guard.Wellformed(other) {
			t.Errorf("%s is a key", other)
		}
	}
	for _, bad := range []struct {
		name   string
		scopes []store.Scope
		life   time.Duration
	}{
		{"", []store.Scope{store.ScopeRead}, 0},
		{strings.Repeat("x", 101), []store.Scope{store.ScopeRead}, 0},
		{"x", nil, 0},
		{"x", []store.Scope{"root"}, 0},
		{"x", []store.Scope{store.ScopeRead}, -time.Second},
	} {
		if _, _, err := guard.NewKey(bad.name, bad.scopes, bad.life, now); err == nil {
			t.Errorf("%+v made a key", bad)
		}
	}
}

// A browser has a session instead of a key, which ends with its key, and with its time.
func TestSessions(t *testing.T) {
	p := newPlace(t)
	id, secret := p.newKey(0, store.ScopeSubmit)
	cookie := func(s guard.Session) string {
		w := httptest.NewRecorder()
		if err := p.sessions.Begin(w, s); err != nil {
			t.Fatal(err)
		}
		c := w.Result().Cookies()[0]
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge != 3600 || c.Secure {
			t.Errorf("got the cookie %s", c)
		}
		return c.Name + "=" + c.Value
	}
	byKey := cookie(guard.Session{KeyHash: guard.Hash(secret)})
	person := cookie(guard.Session{Who: "ann@example.com", Scopes: []store.Scope{store.ScopeRead}})
	if w := p.do("GET", "/", "Cookie", byKey); !strings.HasPrefix(w.Body.String(), "key "+id) {
		t.Errorf("got %s", w.Body)
	}
	if w := p.do("GET", "/", "Cookie", person); w.Body.String() != "person ann@example.com from 192.0.2.1: read" {
		t.Errorf("got %s", w.Body)
	}
	for name, forged := range map[string]string{
		"changed":         person[:len(person)-2] + "AA",
		"of another life": strings.Replace(person, "detonaut=", "detonaut=e30", 1),
		"no signature":    "detonaut=e30",
		"empty":           "detonaut=",
		"too long":        "detonaut=" + strings.Repeat("a", 5000),
	} {
		if w := p.do("GET", "/", "Cookie", forged); w.Code != 401 {
			t.Errorf("%s: got %d", name, w.Code)
		}
	}
	if err := p.store.RevokeKey(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	is(t, p.do("GET", "/", "Cookie", byKey), 401)
	p.now = p.now.Add(time.Hour)
	is(t, p.do("GET", "/", "Cookie", person), 401)

	// What was sealed for one purpose is no good for another, nor with another secret.
	text, err := p.sessions.Seal("sign-in", guard.Session{Who: "eve"})
	if err != nil {
		t.Fatal(err)
	}
	var s guard.Session
	if err := p.sessions.Open("session", text, &s); err == nil {
		t.Error("opened for another purpose")
	}
	other, err := guard.NewSessions(nil, false, time.Hour, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Open("sign-in", text, &s); err == nil {
		t.Error("opened with another secret")
	}
	if _, err := guard.NewSessions([]byte("short"), false, time.Hour, nil); err == nil {
		t.Error("a short secret was taken")
	}
	secure, err := guard.NewSessions(nil, true, time.Hour, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := secure.Cookie("x", "", -1); !c.Secure || c.MaxAge != -1 {
		t.Errorf("got %s", c)
	}
}

// Browsers are sent to where people sign in, and back.
func TestBrowsers(t *testing.T) {
	p := newPlace(t)
	w := p.do("GET", "/search?q=a%26b", "Accept", "text/html,*/*")
	if w.Code != 303 || w.Header().Get("Location") != "/sign-in?to=%2Fsearch%3Fq%3Da%2526b" {
		t.Errorf("got %d to %s", w.Code, w.Header().Get("Location"))
	}
	is(t, p.do("POST", "/search", "Accept", "text/html"), 401)
	is(t, p.do("GET", "/api/v1/reports", "Accept", "text/html"), 401)
	p = newPlace(t, func(o *guard.Options) {
		o.Refuse = func(w http.ResponseWriter, _ *http.Request, p guard.Problem) { http.Error(w, "a page", p.Status) }
	})
	if w := p.do("POST", "/x", "Accept", "text/html"); w.Code != 401 || w.Body.String() != "a page\n" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	for path, want := range map[string]int{"/open": 200, "/static/site.css": 200, "/opened": 401, "/static": 401} {
		if w := p.do("GET", path); w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
}

func TestPublic(t *testing.T) {
	p := newPlace(t, func(o *guard.Options) { o.Public = true })
	_, admin := p.newKey(0, store.ScopeAdmin)
	if w := p.do("GET", "/"); w.Body.String() != "  from 192.0.2.1: read" || w.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("got %s with %v", w.Body, w.Header())
	}
	if w := p.do("GET", "/", "Authorization", "Bearer "+admin); !strings.HasSuffix(w.Body.String(), ": read download admin") {
		t.Errorf("got %s", w.Body)
	}
	if w := p.do("POST", "/"); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error("pages of other sites may change something")
	}
}

// A page of another site changes nothing, and nobody reads under another name.
func TestForeign(t *testing.T) {
	site, err := url.Parse("https://detonaut.example")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, func(o *guard.Options) {
		o.Public, o.URL, o.Hosts = true, site, []string{"localhost", "::1"}
	})
	for _, test := range []struct {
		name, method string
		headers      []string
		want         int
	}{
		{"a form of ours", "POST", []string{"Host", "detonaut.example", "Origin", "https://detonaut.example", "Sec-Fetch-Site", "same-origin"}, 200},
		{"a program", "POST", []string{"Host", "detonaut.example"}, 200},
		{"a link of theirs", "GET", []string{"Host", "detonaut.example", "Sec-Fetch-Site", "cross-site"}, 200},
		{"a form of theirs", "POST", []string{"Host", "detonaut.example", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403},
		{"in an old browser", "POST", []string{"Host", "detonaut.example", "Origin", "https://evil.example"}, 403},
		{"a sandboxed page", "POST", []string{"Host", "detonaut.example", "Origin", "null"}, 403},
		{"a sibling", "DELETE", []string{"Host", "detonaut.example", "Sec-Fetch-Site", "same-site"}, 403},
		{"with a port", "GET", []string{"Host", "LOCALHOST:8080"}, 200},
		{"by number", "GET", []string{"Host", "[::1]:8080"}, 200},
		{"another name", "GET", []string{"Host", "evil.example"}, 421},
		{"a name with ours", "GET", []string{"Host", "detonaut.example.evil.example"}, 421},
		{"no name", "GET", []string{"Host", ""}, 421},
	} {
		t.Run(test.name, func(t *testing.T) { is(t, p.do(test.method, "/", test.headers...), test.want) })
	}
}

func TestHeaders(t *testing.T) {
	site, _ := url.Parse("https://detonaut.example")
	p := newPlace(t, func(o *guard.Options) { o.URL = site })
	for _, w := range []*httptest.ResponseRecorder{p.do("GET", "/open"), p.do("GET", "/"), p.do("POST", "/", "Origin", "https://evil.example")} {
		for name, want := range map[string]string{
			"Content-Security-Policy":   "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":    "nosniff",
			"Referrer-Policy":           "same-origin",
			"Permissions-Policy":        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
			"Strict-Transport-Security": "max-age=31536000",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%d: %s is %q, want %q", w.Code, name, got, want)
			}
		}
	}
}

// An address may ask for so much, and a key for so much, whatever address it comes from.
func TestRates(t *testing.T) {
	p := newPlace(t, func(o *guard.Options) {
		o.Limits.Address, o.Limits.Key = guard.Rate{Minute: 60, Burst: 25}, guard.Rate{Minute: 60, Burst: 12}
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	_, key := p.newKey(0, store.ScopeRead)
	from := func(address string) []string {
		return []string{"Authorization", "Bearer " + key, "X-Forwarded-For", address}
	}
	w := p.do("GET", "/x", from("198.51.100.1")...)
	is(t, w, 200)
	if got := w.Header(); got.Get("RateLimit-Limit") != "12" || got.Get("RateLimit-Remaining") != "11" || got.Get("RateLimit-Reset") != "1" {
		t.Errorf("got %v", got)
	}
	is(t, p.do("POST", "/x", from("198.51.100.1")...), 200) // which counts for ten
	is(t, p.do("GET", "/x", from("198.51.100.2")...), 200)
	w = p.do("GET", "/x", from("198.51.100.3")...)
	is(t, w, 429)
	if w.Header().Get("Retry-After") != "1" || w.Header().Get("RateLimit-Remaining") != "0" {
		t.Errorf("got %v", w.Header())
	}
	p.now = p.now.Add(time.Second)
	is(t, p.do("GET", "/x", from("198.51.100.3")...), 200)

	for n := range 25 {
		is(t, p.do("GET", "/open", "X-Forwarded-For", "2001:db8:0:1::"+string(rune('1'+n%9))), 200)
	}
	is(t, p.do("GET", "/open", "X-Forwarded-For", "2001:db8:0:1:ffff::7"), 429) // of the same network
	is(t, p.do("GET", "/open", "X-Forwarded-For", "2001:db8:0:2::1"), 200)
}

// The word of a proxy is taken, and no word that a client had the proxy pass on.
func TestAddress(t *testing.T) {
	for _, test := range []struct {
		name    string
		proxies []string
		headers []string
		want    string
	}{
		{"no proxy", nil, []string{"X-Forwarded-For", "1.2.3.4"}, "192.0.2.1"},
		{"a proxy", []string{"192.0.2.1/32"}, []string{"X-Forwarded-For", "1.2.3.4"}, "1.2.3.4"},
		{"what a client wrote", []string{"192.0.2.1/32"}, []string{"X-Forwarded-For", "9.9.9.9, 1.2.3.4"}, "1.2.3.4"},
		{"in a header before", []string{"192.0.2.1/32"}, []string{"X-Forwarded-For", "9.9.9.9", "X-Forwarded-For", "1.2.3.4"}, "1.2.3.4"},
		{"two proxies", []string{"192.0.2.0/24", "10.0.0.0/8"}, []string{"X-Forwarded-For", "9.9.9.9, 1.2.3.4, 10.1.1.1"}, "1.2.3.4"},
		{"all are proxies", []string{"192.0.2.0/24", "10.0.0.0/8"}, []string{"X-Forwarded-For", "10.2.2.2, 10.1.1.1"}, "10.2.2.2"},
		{"no address", []string{"192.0.2.1/32"}, []string{"X-Forwarded-For", "evil"}, "192.0.2.1"},
		{"an address of IPv6", []string{"192.0.2.1/32"}, []string{"X-Forwarded-For", "::ffff:1.2.3.4"}, "1.2.3.4"},
		{"nothing", []string{"192.0.2.1/32"}, nil, "192.0.2.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t, func(o *guard.Options) {
				for _, n := range test.proxies {
					o.Proxies = append(o.Proxies, netip.MustParsePrefix(n))
				}
			})
			if w := p.do("GET", "/open", test.headers...); !strings.Contains(w.Body.String(), " from "+test.want+":") {
				t.Errorf("got %s, want %s", w.Body, test.want)
			}
		})
	}
}

// What is noted has who, from where, and what of a client's words is bounded.
func TestNote(t *testing.T) {
	p := newPlace(t)
	r := guard.As(httptest.NewRequest(http.MethodGet, "/", nil), guard.Caller{Kind: guard.Key, Who: "key-1", From: "1.2.3.4"})
	if err := p.guard.Note(r.Context(), "submit", "\xff"+strings.Repeat("x", 1000), ""); err != nil {
		t.Fatal(err)
	}
	deeds, _, err := p.store.Deeds(t.Context(), store.Page{Limit: 10})
	if err != nil || len(deeds) != 1 {
		t.Fatalf("got %+v and %v", deeds, err)
	}
	if d := deeds[0]; d.Who != "key-1" || d.From != "1.2.3.4" || d.What != "submit" || len(d.About) > 520 || !strings.HasPrefix(d.About, "\uFFFDxx") || !d.At.Equal(p.now) {
		t.Errorf("got %+v", d)
	}
}
