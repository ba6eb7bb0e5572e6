package browser_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/sqlite"
)

// serve serves reports to anybody, and nothing else, until all tests have ended.
func (h *house) serve(t *testing.T, reports []*detonaut.Report) (host string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "store.db")
	s, err := sqlite.Open(t.Context(), file, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		if _, err := s.Put(t.Context(), store.Entry{Report: r, Name: nameOf(r.Image.Ref)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return h.start(t, "serve", "--public", "--no-worker", "--listen", "127.0.0.1:0", "--database", file).host
}

// Every page of the site is for everybody.
func TestPages(t *testing.T) {
	t.Parallel()
	h := home(t)
	host := h.public.host
	miner, dropper := string(h.reports["miner"].Image.Digest), string(h.reports["dropper-https"].Image.Digest)
	b := newTab(t, host)
	b.allow("404 of http://"+host+"/image/sha256:000", "404 (Not Found): http://"+host+"/image/sha256:000")
	for _, p := range []struct{ name, path string }{
		{"front", "/"},
		{"search", "/search?q=verdict:malicious"},
		{"search-none", "/search?q=nothing-has-this-name"},
		{"report", "/image/" + dropper},
		{"repository", "/repo/docker.io/fastcdn/nginx-proxy"},
		{"events", "/image/" + dropper + "/events"},
		{"event", "/image/" + dropper + "/events/21"},
		{"domain", "/domain/pool.minexmr.example"},
		{"technique", "/technique/T1105"},
		{"compare", "/compare?a=" + miner + "&b=" + dropper},
		{"compare-form", "/compare"},
		{"dispute", "/image/" + dropper + "/dispute"},
		{"documents", "/docs"},
		{"document", "/docs/report"},
		{"rules", "/rules"},
		{"rule", "/rules/execution/runs-download"},
		{"about", "/about"},
		{"takedown", "/takedown"},
		{"missing", "/image/sha256:" + strings.Repeat("0", 64)},
	} {
		b.open(p.path)
		b.check(p.name)
		b.do(phone)
		b.fits(p.name + " on a phone")
		b.picture(p.name + "-phone")
		b.do(desktop)
		b.reachable(p.name)
	}
}

// Nothing in a report does anything on any page of the site.
func TestHostile(t *testing.T) {
	t.Parallel()
	var plain []*detonaut.Report
	for seed := range uint64(60) { // more than are on one page
		plain = append(plain, reporttest.Realistic(seed))
	}
	ordinary := plain[:8]
	for _, text := range []string{"x", "a\u202Eb\x00", strings.Repeat("a", 5000)} {
		plain = append(plain, reporttest.Hostile(text))
	}
	first := plain[60]
	b, known := newTab(t, home(t).serve(t, plain)), map[string]bool{}
	pages := func(r *detonaut.Report) []string {
		d := string(r.Image.Digest)
		return []string{"/image/" + d, "/compare?a=" + d + "&b=" + string(first.Image.Digest)}
	}
	lists := []string{"/", "/search"}
	for _, r := range slices.Concat(ordinary, plain[60:]) {
		for _, path := range pages(r) {
			b.open(path)
			b.learn(known)
		}
	}
	for _, path := range lists {
		b.open(path)
		b.learn(known)
	}
	all := reporttest.Payloads()
	hostile := []*detonaut.Report{first}
	for _, p := range all {
		hostile = append(hostile, reporttest.Hostile(p.Text))
	}
	b = newTab(t, home(t).serve(t, hostile))
	for i, p := range all {
		for _, path := range pages(hostile[i+1]) {
			b.open(path)
			b.inert(path+" of "+p.Name, known)
		}
	}
	for _, path := range lists {
		b.open(path)
		b.inert(path, known)
	}
}
