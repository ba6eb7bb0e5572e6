package browser_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
)

// link is the first link, button or heading of something folded with such a text, as a
// selector.
func link(text string) chromedp.JSPath {
	return chromedp.JSPath(fmt.Sprintf(`[...document.querySelectorAll('main a, main button, main summary, nav a')]
		.find(e => e.checkVisibility() && e.textContent.trim().startsWith(%q))`, text))
}

// follow goes where a link leads, to another page.
func (b *tab) follow(sel chromedp.JSPath) {
	b.t.Helper()
	b.leave(chromedp.Click(sel))
}

// leave does something that leads to another page.
func (b *tab) leave(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, steps...); err != nil {
		b.settle()
		b.t.Fatal(err)
	}
}

// search writes into the search box, and presses return.
func (b *tab) search(words string) {
	b.t.Helper()
	ask[string](b, `document.querySelector('#q').value = ''`)
	b.do(chromedp.Focus(chromedp.CSS("#q")))
	b.leave(chromedp.KeyEvent(words + kb.Enter))
}

// Somebody looks for miners, narrows it down, reads a report, and follows a finding to its
// evidence.
func TestRead(t *testing.T) {
	h := home(t)
	for _, how := range []struct {
		name     string
		settings []setting
	}{{"with scripts", nil}, {"without scripts", []setting{quiet}}} {
		t.Run(how.name, func(t *testing.T) {
			b := newTab(t, h.public.host, how.settings...)
			b.open("/")
			b.search("verdict:unwanted")
			every := b.count(".found tbody tr")
			b.follow(link(h.registry.Host())) // the registry, of the facets
			if got := b.count(".found tbody tr"); got != 1 || every < 3 {
				t.Errorf("%d images after a facet was chosen, %d before", got, every)
			}
			b.follow(link("without registry"))
			if got := b.count(".found tbody tr"); got != every {
				t.Errorf("%d images after a facet was left, %d before", got, every)
			}
			b.follow(link(h.registry.Host() + "/shop/worker:1"))
			r := h.reports["miner"]
			if got := b.text("h1"); !strings.Contains(got, r.Verdict.Sentence) || !strings.Contains(got, string(r.Verdict.Word)) {
				t.Errorf("the banner says %q", got)
			}
			for _, f := range r.Findings {
				if !strings.Contains(b.text("main"), f.Title) {
					t.Errorf("the page does not tell of %s", f.ID)
				}
			}
			first := r.Findings[0]
			b.do(chromedp.Click(chromedp.JSPath(fmt.Sprintf(`[...document.querySelectorAll('.reasons a')].find(e => e.textContent.trim() === %q)`, first.Title))))
			b.until(func() bool { return strings.Contains(b.path(), "#") })
			seen := ask[bool](b, `(() => { const r = document.querySelector(location.hash).getBoundingClientRect(); return r.top >= -1 && r.top < innerHeight })()`)
			if !seen {
				t.Errorf("%s is not seen after its reason was clicked at", b.path())
			}
			event := fmt.Sprint(first.Evidence[0].Events[0])
			b.do(chromedp.Click(chromedp.JSPath(fmt.Sprintf(`[...document.querySelectorAll('.findings .event')].find(e => e.textContent.trim() === %q)`, event))))
			b.until(func() bool { return strings.HasSuffix(b.path(), "event-"+event) }) // where the page tells of it
			seen = ask[bool](b, `(() => { const r = document.querySelector(':target').parentNode.getBoundingClientRect(); return r.bottom >= 0 && r.top < innerHeight })()`)
			if !seen {
				t.Errorf("%s is not seen after its event was clicked at", b.path())
			}
			b.leave(chromedp.Click(chromedp.JSPath(fmt.Sprintf(`[...document.querySelectorAll('main a')].find(e => e.checkVisibility() && e.getAttribute('href').endsWith('/events/%s'))`, event))))
			if got := b.path(); !strings.HasSuffix(got, "/events/"+event) {
				t.Errorf("the evidence is at %s", got)
			}
			if got := b.text("table.event-table"); !strings.Contains(got, "stratum") {
				t.Errorf("the event is %.300s", got)
			}
			b.follow(link("All events"))
			if got := b.count("table.event-table tbody tr"); got < 20 {
				t.Errorf("%d events", got)
			}
			b.settle()
		})
	}
}

// What is folded unfolds, at a click and with the keyboard, and where a link leads into it.
func TestFold(t *testing.T) {
	h := home(t)
	b := newTab(t, h.public.host)
	b.open("/image/" + string(h.reports["dropper-https"].Image.Digest))
	open := func() bool { return ask[bool](b, `document.querySelector('#story > details').open`) }
	if open() {
		t.Error("the story is unfolded from the start")
	}
	fold := link("The story as a table")
	b.do(chromedp.Click(fold))
	b.until(open)
	b.do(chromedp.Click(fold))
	b.until(func() bool { return !open() })
	b.do(chromedp.Focus(fold), chromedp.KeyEvent(" "))
	b.until(open)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(func() bool { return !open() })
	// Everything is unfolded on paper.
	folded := func() int {
		return ask[int](b, `[...document.querySelectorAll('main details')].filter(d => !d.open).length`)
	}
	before := folded()
	ask[any](b, `dispatchEvent(new Event('beforeprint')); 0`)
	if got := folded(); got != 0 {
		t.Errorf("%d parts are folded on paper", got)
	}
	ask[any](b, `dispatchEvent(new Event('afterprint')); 0`)
	if got := folded(); got != before {
		t.Errorf("%d parts are folded after printing, %d before", got, before)
	}
}

// A reader chooses light or dark, and that stays so.
func TestTheme(t *testing.T) {
	b := newTab(t, home(t).public.host)
	b.open("/")
	colour := func() string { return ask[string](b, `getComputedStyle(document.body).backgroundColor`) }
	inLight := colour()
	b.do(chromedp.Click(chromedp.CSS("[data-theme-toggle]")))
	b.until(func() bool { return colour() != inLight })
	inDark := colour()
	b.open("/search")
	if got := colour(); got != inDark {
		t.Errorf("another page is in %s, not in %s", got, inDark)
	}
	b.do(dark)
	b.do(chromedp.Click(chromedp.CSS("[data-theme-toggle]")))
	b.until(func() bool { return colour() == inLight })
}

// A stranger is let in by the link that the server prints, submits an image, watches it
// being run, and gets the report; and nobody is let in twice.
func TestLive(t *testing.T) {
	h := home(t)
	b := newTab(t, h.private.host)
	b.allow("401")
	b.do(chromedp.Navigate("http://" + h.private.host + "/"))
	b.check("sign-in")
	b.open(h.private.link)
	if b.count("main form button") > 0 { // it asks whether that was meant
		b.check("sign-in-once")
		b.leave(chromedp.Click(chromedp.CSS("main form button")))
	}
	b.open("/submit")
	b.check("submit")
	b.do(chromedp.SendKeys(chromedp.CSS("#ref"), h.registry.Host()+"/"+lateName))
	b.leave(chromedp.Click(link("Analyse")))
	if got := b.path(); !strings.HasPrefix(got, "/live/") {
		t.Fatalf("a submission leads to %s: %s", got, b.text("main"))
	}
	// From now on the page changes by itself, and is loaded again at the end.
	b.do(chromedp.WaitVisible(link("The report"))) // the page sees to that by itself
	for _, stage := range []string{"pull", "detonate", "explain"} {
		if got := b.text("#live"); !strings.Contains(got, stage) {
			t.Errorf("nothing was told of %s: %s", stage, got)
		}
	}
	b.check("live-ended")
	b.follow(link("The report"))
	if got := b.text("h1"); !strings.Contains(got, "malicious") {
		t.Errorf("the report says %q", got)
	}
	other := newTab(t, h.private.host)
	other.allow("40") // whatever refuses it
	other.do(chromedp.Navigate(h.private.link))
	if other.count("main form button") > 0 {
		other.leave(chromedp.Click(chromedp.CSS("main form button")))
	}
	other.do(chromedp.Navigate("http://" + h.private.host + "/submit"))
	if other.count("#ref") > 0 {
		t.Error("the link lets two people in")
	}
}

// What can be downloaded is what it says.
func TestDownload(t *testing.T) {
	h := home(t)
	r := h.reports["dropper-https"]
	b := newTab(t, h.public.host)
	b.open("/image/" + string(r.Image.Digest))
	hrefs := ask[[]string](b, `[...document.querySelectorAll('#downloads a[download], #downloads .links a, #indicators a[download]')].map(e => e.getAttribute('href'))`)
	if len(hrefs) < 6 {
		t.Errorf("%d downloads: %v", len(hrefs), hrefs)
	}
	for _, href := range hrefs {
		status, kind, body, _ := get(t, h.public.host, href)
		switch {
		case strings.Contains(href, "payload") || strings.Contains(href, "pcap") || strings.Contains(href, "har") || strings.Contains(href, "bod"):
			if status != http.StatusUnauthorized && status != http.StatusForbidden {
				t.Errorf("%s: %d without a key", href, status)
			}
		case status != http.StatusOK || len(body) == 0:
			t.Errorf("%s: %d, %d bytes", href, status, len(body))
		case strings.Contains(kind, "json") && !strings.Contains(kind, "jsonl"):
			if !json.Valid(body) {
				t.Errorf("%s is no JSON: %.100s", href, body)
			}
		}
	}
	_, _, body, _ := get(t, h.public.host, "/image/"+string(r.Image.Digest)+".json")
	var got detonaut.Report
	if err := json.Unmarshal(body, &got); err != nil || !reflect.DeepEqual(&got, r) {
		t.Errorf("the report as JSON is %.200s: %v", body, err)
	}
}

// get asks for something without a browser, and counts what comes over the wire.
func get(t *testing.T, host, path string) (status int, kind string, body []byte, wire int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	wire = len(body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), body, wire
}

// The page of a large report is light: with its style and its script at most 100 KB as they
// are transferred.
func TestWeight(t *testing.T) {
	h := home(t)
	total := 0
	for _, path := range append([]string{"/image/" + string(reporttest.Large().Image.Digest)}, assets(t, h.public.host)...) {
		status, _, body, wire := get(t, h.public.host, path)
		if status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
		t.Logf("%s: %d bytes, %d as they are sent", path, len(body), wire)
		total += wire
	}
	if total > 100_000 {
		t.Errorf("the page of a large report has %d bytes", total)
	}
}

// assets are what a page loads.
func assets(t *testing.T, host string) []string {
	t.Helper()
	b := newTab(t, host)
	b.open("/image/" + string(reporttest.Large().Image.Digest))
	var paths []string
	for _, address := range ask[[]string](b, `performance.getEntriesByType('resource').map(e => e.name)`) {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, u.RequestURI())
	}
	return paths
}

// On paper there is all of it.
func TestPaper(t *testing.T) {
	h := home(t)
	b := newTab(t, h.public.host)
	b.open("/image/" + string(h.reports["thief"].Image.Digest))
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF())
	if err != nil {
		t.Fatal(err)
	}
	if pages := bytes.Count(pdf, []byte("/Type /Page\n")); pages < 3 || pages > 40 {
		t.Errorf("it has %d pages", pages)
	}
	b.do(paper)
	if got := b.count("nav"); got > 0 && ask[bool](b, `[...document.querySelectorAll('nav, form')].some(e => e.checkVisibility())`) {
		t.Error("there are menus and forms on paper")
	}
	b.picture("report-paper")
}
