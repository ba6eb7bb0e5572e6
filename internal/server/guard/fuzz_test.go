package guard_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/server/servertest"
)

// FuzzCookie reads what browsers send as a session: nothing that was not sealed here is one.
func FuzzCookie(f *testing.F) {
	sessions, err := guard.NewSessions(make([]byte, guard.SessionSecret), false, time.Hour, func() time.Time { return time.Unix(1e9, 0) })
	if err != nil {
		f.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := sessions.Begin(w, guard.Session{Who: "ann"}); err != nil {
		f.Fatal(err)
	}
	good := w.Result().Cookies()[0].Value
	f.Add(good)
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", "detonaut="+value)
		s, ok := sessions.Read(r)
		if c, err := r.Cookie("detonaut"); ok && (err != nil || c.Value != good || s.Who != "ann") {
			t.Errorf("%q is a session of %q", value, s.Who)
		}
	})
}

// FuzzForwarded reads what clients and proxies say of where a request comes from: that is an
// address, or the proxy's.
func FuzzForwarded(f *testing.F) {
	f.Add("1.2.3.4, 10.0.0.1", "[::1]:80")
	p := newFuzzPlace(f)
	f.Fuzz(func(t *testing.T, header, peer string) {
		r := httptest.NewRequest(http.MethodGet, "/open", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", header)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		from := w.Body.String()
		if w.Code == http.StatusTooManyRequests || from == "" {
			return
		}
		if a, err := netip.ParseAddr(from); err != nil || a.Zone() != "" {
			t.Errorf("%q and %q: got %q", header, peer, from)
		}
	})
}

func newFuzzPlace(f *testing.F) http.Handler {
	f.Helper()
	g, err := guard.New(guard.Options{
		Store: servertest.New(f), Open: []string{"/open"}, Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
	})
	if err != nil {
		f.Fatal(err)
	}
	return g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(guard.Of(r.Context()).From))
	}))
}
