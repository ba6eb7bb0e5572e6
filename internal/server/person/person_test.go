package person_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/server/person"
	"github.com/detonaut/detonaut/internal/server/servertest"
	"github.com/detonaut/detonaut/internal/store"
)

// house is a server with a door, and one page that says who came in.
type house struct {
	t     *testing.T
	store *servertest.Store
	door  *person.Door
	url   string
	now   time.Time
}

func newHouse(t *testing.T, p *provider, rights map[store.Scope][]string) *house {
	t.Helper()
	h := &house{t: t, store: servertest.New(t), now: time.Now()}
	sessions, err := guard.NewSessions(nil, false, time.Hour, nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(guard.Options{
		Store: h.store, Sessions: sessions, Open: person.Open(), SignIn: person.SignInPath, Now: func() time.Time { return h.now },
		Limits: guard.Limits{Address: guard.Rate{Minute: 1e6, Burst: 1e6}},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	hs := httptest.NewServer(g.Handler(mux))
	t.Cleanup(hs.Close)
	h.url = hs.URL
	o := person.Options{Sessions: sessions, Keys: h.store, Note: g.Note, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if p != nil {
		o.Provider = &person.Provider{Issuer: p.url, Name: "Example", ID: "us", Secret: "our-secret", Callback: h.url + person.CallbackPath, Rights: rights}
	}
	if h.door, err = person.New(o); err != nil {
		t.Fatal(err)
	}
	for _, path := range append(person.Open(), person.SignOutPath) {
		mux.Handle(path, h.door)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.URL.Path+" "+guard.Who(r)+":")
		for _, s := range guard.Scopes() {
			if guard.Allowed(r, s) {
				io.WriteString(w, " "+string(s))
			}
		}
	})
	return h
}

// browser keeps cookies, and follows where it is sent.
func (h *house) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func (h *house) open(b *http.Client, address string) (status int, body string) {
	h.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = h.url + address
	}
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	return h.finish(b.Do(r))
}

func (h *house) send(b *http.Client, path string, form url.Values) (status int, body string) {
	h.t.Helper()
	return h.finish(b.PostForm(h.url+path, form))
}

func (h *house) finish(res *http.Response, err error) (status int, body string) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func (h *house) deeds() (all []string) {
	h.t.Helper()
	deeds, _, err := h.store.Deeds(h.t.Context(), store.Page{Limit: 100})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, d := range deeds {
		all = append(all, d.What+" "+d.About+" "+d.Refused)
	}
	return all
}

var rights = map[store.Scope][]string{
	store.ScopeRead:     {"@example.com"},
	store.ScopeSubmit:   {"group:analysts"},
	store.ScopeDownload: {"bob@example.com"},
	store.ScopeAdmin:    {"group:admins"},
}

// Who signs in with the provider has the rights of their address and their groups, and comes
// to the page that they wanted.
func TestProvider(t *testing.T) {
	p := newProvider(t)
	for _, test := range []struct {
		name   string
		claims map[string]any
		want   string // empty is nobody
	}{
		{"an analyst", nil, "ann@example.com: read submit"},
		{"one of the house", map[string]any{"groups": nil}, "ann@example.com: read"},
		{"one by their address", map[string]any{"email": "bob@example.com", "groups": nil}, "bob@example.com: read download"},
		{"an admin of another house", map[string]any{"email": "eve@other.example", "groups": "admins"}, "eve@other.example: read submit download admin"},
		{"a group without an address", map[string]any{"email": nil}, "person:1234: read submit"},
		{"a truth in quotes", map[string]any{"email_verified": "true"}, "ann@example.com: read submit"},
		{"an address nobody verified", map[string]any{"email_verified": false, "groups": nil}, ""},
		{"a stranger", map[string]any{"email": "eve@other.example", "groups": []string{"guests"}}, ""},
		{"a name like the house's", map[string]any{"email": "eve@notexample.com", "groups": nil}, ""},
		{"two addresses in one", map[string]any{"email": "eve@other.example@example.com", "groups": nil}, ""},
		{"groups of another kind", map[string]any{"email": "eve@other.example", "groups": map[string]any{"admins": true}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t, p, rights)
			p.change = func(claims map[string]any) {
				for k, v := range test.claims {
					if claims[k] = v; v == nil {
						delete(claims, k)
					}
				}
			}
			b := h.browser()
			if status, body := h.open(b, "/search?q=x"); status != 200 || !strings.Contains(body, "/sign-in/provider?to=%2fsearch%3fq%3dx") && !strings.Contains(body, "/sign-in/provider?to=%2Fsearch%3Fq%3Dx") {
				t.Fatalf("got %d %s", status, body)
			}
			status, body := h.open(b, "/sign-in/provider?to=%2Fsearch%3Fq%3Dx")
			if test.want == "" {
				if status != 403 || !strings.Contains(body, "no right") {
					t.Errorf("got %d %s", status, body)
				}
				if got := h.deeds(); len(got) != 1 || !strings.HasSuffix(got[0], "no right here") {
					t.Errorf("got the deeds %q", got)
				}
				if _, body := h.open(b, "/search"); !strings.Contains(body, "<form") {
					t.Errorf("is let in: %s", body)
				}
				return
			}
			if status != 200 || body != "/search "+test.want {
				t.Errorf("got %d %s, want %s", status, body, test.want)
			}
			if got := h.deeds(); len(got) != 1 || !strings.HasPrefix(got[0], "sign-in ") {
				t.Errorf("got the deeds %q", got)
			}
			if _, body := h.send(b, "/sign-out", nil); !strings.Contains(body, "<form") {
				t.Errorf("got %s", body)
			}
			if _, body := h.open(b, "/search"); !strings.Contains(body, "<form") {
				t.Errorf("is still let in: %s", body)
			}
		})
	}
}

// A token that is not of this sign-in, or not for us, lets nobody in.
func TestForgedIdentity(t *testing.T) {
	for name, change := range map[string]func(p *provider){
		"another nonce":    func(p *provider) { p.change = func(c map[string]any) { c["nonce"] = "other" } },
		"no nonce":         func(p *provider) { p.change = func(c map[string]any) { delete(c, "nonce") } },
		"another audience": func(p *provider) { p.change = func(c map[string]any) { c["aud"] = "them" } },
		"another issuer":   func(p *provider) { p.change = func(c map[string]any) { c["iss"] = "https://other.example" } },
		"over":             func(p *provider) { p.change = func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() } },
		"another key":      func(p *provider) { p.forge = true },
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			change(p)
			h := newHouse(t, p, rights)
			b := h.browser()
			if status, body := h.open(b, "/sign-in/provider"); status != 403 || strings.Contains(body, "oidc") {
				t.Errorf("got %d %s", status, body)
			}
			if _, body := h.open(b, "/"); !strings.Contains(body, "<form") {
				t.Errorf("is let in: %s", body)
			}
		})
	}
}

// Whoever comes back has to have begun here: nobody is signed in as somebody else by a link.
func TestForeignCallback(t *testing.T) {
	p := newProvider(t)
	h := newHouse(t, p, rights)
	eve := h.browser()
	var callback string
	eve.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == person.CallbackPath {
			callback = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	h.open(eve, "/sign-in/provider")
	if callback == "" {
		t.Fatal("eve was not sent back")
	}
	victim := h.browser()
	if status, _ := h.open(victim, callback); status != 403 {
		t.Errorf("got %d", status)
	}
	if status, _ := h.open(victim, "/sign-in/callback?code=x&state="); status != 403 {
		t.Errorf("got %d", status)
	}
	// One who began, too, but another one.
	victim.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.open(victim, "/sign-in/provider")
	if status, _ := h.open(victim, callback); status != 403 {
		t.Errorf("got %d", status)
	}
	if _, body := h.open(victim, "/sign-in/callback?error=access_denied"); !strings.Contains(body, "not begun here") {
		t.Errorf("got %s", body)
	}
}

// A provider that does not answer is asked again when somebody wants to sign in again.
func TestProviderDown(t *testing.T) {
	p := newProvider(t)
	p.down = true
	h := newHouse(t, p, rights)
	b := h.browser()
	if status, _ := h.open(b, "/sign-in/provider"); status != 503 {
		t.Errorf("got %d", status)
	}
	p.down = false
	if status, body := h.open(b, "/sign-in/provider"); status != 200 || body != "/ ann@example.com: read submit" {
		t.Errorf("got %d %s", status, body)
	}
}

// A key lets a browser in, to the page that was wanted, and to no other site.
func TestKey(t *testing.T) {
	h := newHouse(t, nil, nil)
	k, secret, err := guard.NewKey("Ann", []store.Scope{store.ScopeSubmit}, time.Hour, h.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.store.AddKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{
		"/search?q=1": "/search", "": "/", "https://evil.example/": "/", "//evil.example/": "/", `/\evil.example/`: "/", "/a\r\nb": "/",
		"/\tevil": "/", "javascript:alert(1)": "/",
	} {
		b := h.browser()
		if status, body := h.send(b, "/sign-in", url.Values{"key": {" " + secret + "\n"}, "to": {to}}); status != 200 || body != want+" "+k.ID+": read submit" {
			t.Errorf("to %q: got %d %s", to, status, body)
		}
	}
	b := h.browser()
	for _, wrong := range []string{"", "x", secret[:len(secret)-1], secret + "x", "<script>alert(1)</script>"} {
		if status, body := h.send(b, "/sign-in", url.Values{"key": {wrong}}); status != 403 || !strings.Contains(body, "no key") || strings.Contains(body, "alert(1)") {
			t.Errorf("%q: got %d %s", wrong, status, body)
		}
	}
	if _, body := h.open(b, `/sign-in?to=/"><script>alert(1)</script>`); strings.Contains(body, "<script>") {
		t.Errorf("got %s", body)
	}
	h.now = h.now.Add(2 * time.Hour)
	if _, body := h.send(b, "/sign-in", url.Values{"key": {secret}}); strings.Contains(body, k.ID) {
		t.Errorf("a key that has expired lets in: %s", body)
	}
	if err := h.store.RevokeKey(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	if status, body := h.send(b, "/sign-in", url.Values{"key": {secret}}); status != 403 || !strings.Contains(body, "revoked") {
		t.Errorf("got %d %s", status, body)
	}
	h.store.Fail(errors.New("disk is full"))
	if status, body := h.send(b, "/sign-in", url.Values{"key": {secret}}); status != 503 || strings.Contains(body, "disk") {
		t.Errorf("got %d %s", status, body)
	}
}

// A link lets one person in, once; a new one makes the old one void.
func TestLink(t *testing.T) {
	h := newHouse(t, nil, nil)
	old, link := h.door.Link(), h.door.Link()
	for _, wrong := range []string{old, "/enter", "/enter?key="} {
		if status, _ := h.open(h.browser(), wrong); status != 403 {
			t.Errorf("%s: got %d", wrong, status)
		}
	}
	b := h.browser()
	if status, body := h.open(b, link); status != 200 || body != "/ owner: read submit download admin" {
		t.Errorf("got %d %s", status, body)
	}
	if status, body := h.open(h.browser(), link); status != 403 || !strings.Contains(body, "used already") {
		t.Errorf("got %d %s", status, body)
	}
	if _, body := h.open(b, "/again"); body != "/again owner: read submit download admin" {
		t.Errorf("got %s", body)
	}
	fresh := newHouse(t, nil, nil)
	if status, _ := fresh.open(fresh.browser(), "/enter?key="); status != 403 {
		t.Errorf("got %d where no link was made", status)
	}
}
