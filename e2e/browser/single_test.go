package browser_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/report/reporttest"
)

// single is the page of a report that is a file of its own, as an address.
func single(t *testing.T, r *detonaut.Report) string {
	t.Helper()
	var text bytes.Buffer
	v := page.View{Report: r}
	v.Single, v.Title = true, "Report of "+string(r.Image.Ref)
	if err := page.Write(&text, v); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return "file://" + file
}

// A file of its own is a page as all others: in any window, on paper, offline, for everybody.
func TestSingle(t *testing.T) {
	t.Parallel()
	b := newTab(t, "")
	for _, kind := range []struct {
		name   string
		report *detonaut.Report
	}{{"miner", reporttest.Realistic(0)}, {"stager", reporttest.Realistic(5)}, {"web", reporttest.Realistic(7)}} {
		b.do(desktop)
		b.open(single(t, kind.report))
		b.check("single-" + kind.name)
		b.do(phone)
		b.fits("single-" + kind.name + " on a phone")
		b.picture("single-" + kind.name + "-phone")
		b.do(desktop, paper)
		b.picture("single-" + kind.name + "-paper")
		b.do(light)
	}
	b.open(single(t, reporttest.Large()))
	b.fits("single-large")
	b.picture("single-large")
	b.do(phone)
	b.fits("single-large on a phone")
}

// Nothing in a report does anything in a file of its own.
func TestSingleHostile(t *testing.T) {
	t.Parallel()
	b, known := newTab(t, ""), map[string]bool{}
	for seed := range uint64(8) {
		b.open(single(t, reporttest.Realistic(seed)))
		b.learn(known)
	}
	for _, text := range []string{"x", "a\u202Eb\x00", "sha256:" + string(bytes.Repeat([]byte("a"), 5000))} {
		b.open(single(t, reporttest.Hostile(text)))
		b.learn(known)
	}
	for _, p := range reporttest.Payloads() {
		b.open(single(t, reporttest.Hostile(p.Text)))
		b.inert(p.Name, known)
	}
}
