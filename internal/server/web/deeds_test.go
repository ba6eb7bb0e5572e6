package web

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
	"github.com/detonaut/detonaut/internal/store/query"
)

// post sends a form as a browser does.
func (w *world) post(path string, form url.Values, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.send(r, header...)
}

func TestSubmit(t *testing.T) {
	var asked []string
	w := newWorld(t, "app", func(o *Options) {
		o.Public = false
		o.Submit = func(_ *http.Request, ref detonaut.Ref, options store.RunOptions) (*store.Submission, error) {
			asked = append(asked, string(ref)+" "+options.Platform+" "+options.Profile+" "+options.Duration.String())
			switch ref {
			case "no!":
				return nil, fmt.Errorf("want a name <b>: %w", detonaut.ErrUsage)
			case "forbidden":
				return nil, detonaut.ErrUnauthorized
			case "many":
				return nil, detonaut.ErrLimit
			case "broken":
				return nil, errors.New("the disk is full")
			}
			return &store.Submission{ID: "one"}, nil
		}
	}, reporttest.Realistic(0))
	inspect(t, "/submit", w.ask("/submit?ref=nginx").Body.String())
	if body := w.ask("/submit?ref=nginx").Body.String(); !strings.Contains(body, `value="nginx"`) {
		t.Error("the form does not have the ref of its address")
	}
	got := w.post("/submit", url.Values{"ref": {" nginx:1 "}, "platform": {"linux/arm64"}, "profile": {"shell"}, "seconds": {"90"}})
	if got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/live/one" || !slices.Equal(asked, []string{"nginx:1 linux/arm64 shell 1m30s"}) {
		t.Errorf("status %d, to %q, asked %q", got.Code, got.Header().Get("Location"), asked)
	}
	for _, test := range []struct {
		form url.Values
		want int
	}{
		{url.Values{}, 400},
		{url.Values{"ref": {strings.Repeat("x", 2000)}}, 400},
		{url.Values{"ref": {"x"}, "seconds": {"0"}}, 400},
		{url.Values{"ref": {"x"}, "seconds": {"1e9"}}, 400},
		{url.Values{"ref": {"x"}, "platform": {"<script>"}}, 400},
		{url.Values{"ref": {"no!"}}, 400},
		{url.Values{"ref": {"forbidden"}}, 403},
		{url.Values{"ref": {"many"}}, 429},
		{url.Values{"ref": {"broken"}}, 500},
		{url.Values{"ref": {strings.Repeat("x", maxForm)}}, 400},
	} {
		got := w.post("/submit", test.form)
		if test.form.Get("ref") == "no!" && !strings.Contains(got.Body.String(), "want a name &lt;b&gt;") {
			t.Error("it is not said what is wrong with a ref")
		}
		if got.Code != test.want || strings.Contains(got.Body.String(), "disk") {
			t.Errorf("%.80v: status %d, want %d", test.form, got.Code, test.want)
		}
		inspect(t, "/submit", got.Body.String())
	}
	public := newWorld(t, "app", func(o *Options) { o.Submit = w.Submit }, reporttest.Realistic(0))
	if body := public.ask("/").Body.String(); strings.Contains(body, `href="/submit"`) || public.post("/submit", url.Values{"ref": {"x"}}).Code != http.StatusNotFound {
		t.Error("somebody may submit to a public site")
	}
	before := len(asked)
	if got := w.post("/submit", url.Values{"ref": {"x"}}, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); got.Code != http.StatusForbidden || len(asked) != before {
		t.Errorf("a page of somebody else submits: status %d", got.Code)
	}
}

func TestDispute(t *testing.T) {
	w := newWorld(t, "app", func(o *Options) { o.From = func(*http.Request) string { return "192.0.2.7" } }, reporttest.Realistic(0))
	d := w.one.Report.Image.Digest
	path := page.ReportPath(d, "") + "/dispute"
	got := w.post(path, url.Values{"text": {"It is\nours. <b>"}, "contact": {"me@example.org"}})
	if got.Code != http.StatusSeeOther || got.Header().Get("Location") != path+"?sent=1" {
		t.Fatalf("status %d, to %q", got.Code, got.Header().Get("Location"))
	}
	if len(w.disputes) != 1 || w.disputes[0].Digest != d || w.disputes[0].From != "192.0.2.7" || w.disputes[0].Text != "It is\nours. <b>" || w.disputes[0].ID == "" || !w.disputes[0].At.Equal(noon) {
		t.Errorf("kept %+v", w.disputes)
	}
	if body := w.ask(path + "?sent=1").Body.String(); !strings.Contains(body, "Thank you") {
		t.Error("nobody says thank you")
	}
	for name, form := range map[string]url.Values{
		"no text": {"contact": {"x"}}, "long": {"text": {strings.Repeat("x", maxText+1)}}, "no UTF-8": {"text": {"\xff"}}, "a long contact": {"text": {"x"}, "contact": {strings.Repeat("y", 500)}},
	} {
		if got := w.post(path, form); got.Code != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, got.Code)
		}
	}
	if got := w.post(path, url.Values{"text": {"x"}}, "Sec-Fetch-Site", "cross-site"); got.Code != http.StatusForbidden {
		t.Errorf("a page of somebody else: status %d", got.Code)
	}
	if len(w.disputes) != 1 {
		t.Errorf("%d disputes were kept", len(w.disputes))
	}
	if got := w.ask("/takedown?image=" + string(d)); got.Code != http.StatusFound || got.Header().Get("Location") != path {
		t.Errorf("takedown leads to %q", got.Header().Get("Location"))
	}
}

// What came from an image needs a key, and who took it is noted.
func TestDownloads(t *testing.T) {
	may := false
	content := []byte("\x7fELF payload")
	w := newWorld(t, "app", func(o *Options) {
		o.Allowed = func(_ *http.Request, s store.Scope) bool { return may && s == store.ScopeDownload }
	}, reporttest.Realistic(0))
	r := reporttest.Realistic(1)
	r.Image.Digest = "sha256:" + detonaut.Digest(strings.Repeat("d", 64))
	sum := strings.Repeat("a", 64)
	w.put(t, r, store.Name{}, map[string][]byte{
		"payloads/" + sum: content, "bodies/" + sum: []byte("GET\n<script>\x1b"), "bodies/" + strings.Repeat("b", 64): content[:5:5],
		"network.pcapng": []byte("packets"), "network.har": []byte("{}"), tapeBlob: tapeOf(t, "x"),
	})
	base := page.ReportPath(r.Image.Digest, "")
	open := []string{
		"report.json", "sbom.cyclonedx.json", "sbom.spdx.json", "report.sarif.json", "indicators.txt", "indicators.csv", "indicators.stix.json", "indicators.misp.json", tapeBlob,
	}
	locked := []string{"network.pcapng", "network.har", "payloads/" + sum + ".zip", "bodies/" + sum + ".zip"}
	for _, allowed := range []bool{false, true} {
		may = allowed
		for _, name := range open {
			got := w.ask(base + "/download/" + name)
			if got.Code != http.StatusOK || got.Body.Len() == 0 || !strings.HasPrefix(got.Header().Get("Content-Disposition"), `attachment; filename="detonaut-dddddddddddd-`) {
				t.Errorf("%s: status %d, %v", name, got.Code, got.Header())
			}
			if again := w.ask(base+"/download/"+name, "If-None-Match", got.Header().Get("ETag")); again.Code != http.StatusNotModified {
				t.Errorf("%s: asked again: status %d", name, again.Code)
			}
			if strings.HasSuffix(name, ".json") && !json.Valid(got.Body.Bytes()) {
				t.Errorf("%s: no JSON", name)
			}
		}
		for _, name := range locked {
			got := w.ask(base + "/download/" + name)
			if want := map[bool]int{false: http.StatusUnauthorized, true: http.StatusOK}[allowed]; got.Code != want {
				t.Errorf("%s: status %d, want %d", name, got.Code, want)
			}
			if bytes.Contains(got.Body.Bytes(), content) || allowed && !strings.HasPrefix(got.Header().Get("Cache-Control"), "private") {
				t.Errorf("%s: it is sent as it is, or kept on the way: %v", name, got.Header())
			}
		}
		got := w.ask(base + "/bodies/" + sum)
		if want := map[bool]int{false: http.StatusUnauthorized, true: http.StatusOK}[allowed]; got.Code != want {
			t.Errorf("a body: status %d, want %d", got.Code, want)
		}
		inspect(t, "body", got.Body.String())
		if shown := strings.Contains(got.Body.String(), `GET
&lt;script&gt;\x1b`); shown != allowed {
			t.Errorf("a body: %s", got.Body)
		}
	}
	if want := []string{"download network.pcapng", "download network.har", "download payloads/" + sum, "download bodies/" + sum, "show bodies/" + sum}; !slices.Equal(w.notes, want) {
		t.Errorf("noted %q, want %q", w.notes, want)
	}
	if got := w.ask(base + "/download/payloads/" + sum + ".zip"); !bytes.HasPrefix(got.Body.Bytes(), []byte("PK\x03\x04")) || got.Header().Get("Content-Type") != "application/zip" {
		t.Errorf("a payload is no archive: %v", got.Header())
	}
}

// failing are blobs that end before they should.
type failing struct{}

func (failing) Open(context.Context, string) (io.ReadCloser, int64, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("gone")))), 100, nil
}

// What cannot be read whole does not look whole.
func TestBrokenDownload(t *testing.T) {
	w := newWorld(t, "app", func(o *Options) { o.Blobs = failing{} }, reporttest.Realistic(0))
	server := httptest.NewServer(w.handler)
	defer server.Close()
	got, err := server.Client().Get(server.URL + page.ReportPath(w.one.Report.Image.Digest, "") + "/download/" + tapeBlob)
	if err == nil {
		_, err = io.ReadAll(got.Body)
		got.Body.Close()
	}
	if err == nil {
		t.Error("half an artifact looks whole")
	}
}

func TestFeed(t *testing.T) {
	for _, words := range []string{"app", "]]><b>&amp;\x00\u202e"} {
		var bad []*detonaut.Report
		for seed := range uint64(8) {
			bad = append(bad, reporttest.Realistic(seed))
		}
		w := newWorld(t, words, nil, append([]*detonaut.Report{reporttest.Hostile(words)}, bad...)...)
		got := w.ask("/feed.xml")
		var feed rss
		if err := xml.Unmarshal(got.Body.Bytes(), &feed); err != nil || got.Header().Get("Content-Type") != "application/rss+xml; charset=utf-8" {
			t.Fatalf("feed: %v: %s", err, got.Body)
		}
		if len(feed.Channel.Items) == 0 {
			t.Error("nothing is in the feed")
		}
		for _, i := range feed.Channel.Items {
			if !strings.HasPrefix(i.Link, "https://detonaut.example/image/sha256:") || strings.ContainsAny(i.Title+i.Description, "<>&\x00\u202e") {
				t.Errorf("item %+v", i)
			}
		}
	}
}

func TestDocs(t *testing.T) {
	w := newWorld(t, "app", nil, reporttest.Realistic(0))
	body := w.ask("/docs/one").Body.String()
	for _, want := range []string{`<h1><bdi>One</bdi></h1>`, `href="/docs/adr/two#x"`, `href="/rules/impact/pool"`, "a rule", "code", "<td>2</td>", `tabindex="0"><table>`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	for _, no := range []string{"<script>alert", "cmd/x.go", "align", "style="} {
		if strings.Contains(body, no) {
			t.Errorf("%s is in it", no)
		}
	}
	if two := w.ask("/docs/adr/two").Body.String(); !strings.Contains(two, "<h1><bdi>Two 2</bdi></h1>") || !strings.Contains(two, `<h2 id="again">Again</h2>`) {
		t.Errorf("two: %s", two)
	}
	if list := w.ask("/docs").Body.String(); !strings.Contains(list, `<a href="/docs/adr/two">Two 2</a>`) {
		t.Errorf("list: %s", list)
	}
}

func TestBadge(t *testing.T) {
	w := newWorld(t, "app", nil, reporttest.Realistic(0))
	path := page.ReportPath(w.one.Report.Image.Digest, "") + "/badge.svg"
	for _, p := range []string{path, path + "?fingerprint=" + w.one.Key} {
		got := w.ask(p)
		if got.Code != http.StatusOK || got.Header().Get("Content-Type") != "image/svg+xml" || !strings.Contains(got.Body.String(), ">"+string(w.one.Report.Verdict.Word)+"</text>") {
			t.Errorf("%s: status %d: %s", p, got.Code, got.Body)
		}
		if err := xml.Unmarshal(got.Body.Bytes(), new(struct{})); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
	if got := w.ask(path + "?fingerprint=0123456789abcdef"); got.Code != http.StatusNotFound {
		t.Errorf("another fingerprint: status %d", got.Code)
	}
}

func TestLive(t *testing.T) {
	w := newWorld(t, "app", nil, reporttest.Realistic(0))
	body := w.ask("/live/one").Body.String()
	for _, want := range []string{`data-stream="/api/v1/scans/one/events"`, `data-after="2"`, "Show how far it is by now", `<script type="module" src="/assets/live.js?v=`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in it", want)
		}
	}
	done := w.ask("/live/done").Body.String()
	if strings.Contains(done, "data-stream") || !strings.Contains(done, `href="`+page.ReportPath(w.one.Report.Image.Digest, "")) {
		t.Error("one that has ended is followed, or does not lead to its report")
	}
	for n := range int64(maxTold + 300) {
		w.progress["many"] = append(w.progress["many"], store.Progress{Number: n + 1, At: noon, Kind: "note", Data: json.RawMessage(`{"text":"x"}`)})
	}
	w.subs["many"] = &store.Submission{ID: "many", State: store.Running, Created: noon}
	first := w.ask("/live/many").Body.String()
	if n := strings.Count(first, "<li value"); n != numTold || !strings.Contains(first, `href="/live/many?after=2000"`) {
		t.Errorf("%d lines", n)
	}
	if rest := w.ask("/live/many?after=2000").Body.String(); strings.Count(rest, "<li value") != numTold || !strings.Contains(rest, `data-after="2300"`) {
		t.Error("the last lines are not shown")
	}
}

// A search says how often what is in it is, and each count leads to the search for it.
func TestFacets(t *testing.T) {
	var reports []*detonaut.Report
	for seed := range uint64(16) {
		reports = append(reports, reporttest.Realistic(seed))
	}
	w := newWorld(t, "app", nil, reports...)
	var all searchTwin
	if err := json.Unmarshal(w.ask("/search.json").Body.Bytes(), &all); err != nil || all.Total != len(reports) || len(all.Facets["verdict"]) == 0 {
		t.Fatalf("all: %v, %+v", err, all)
	}
	sum := 0
	for _, c := range all.Facets["verdict"] {
		var some searchTwin
		if err := json.Unmarshal(w.ask("/search.json?q=verdict:"+c.Value).Body.Bytes(), &some); err != nil || some.Total != c.Count {
			t.Errorf("%s: %d, want %d: %v", c.Value, some.Total, c.Count, err)
		}
		sum += c.Count
		body := w.ask("/search").Body.String()
		if !strings.Contains(body, `href="/search?q=verdict%3A`+c.Value+`"`) {
			t.Errorf("no link to %s", c.Value)
		}
		chosen := w.ask("/search?q=verdict:" + c.Value).Body.String()
		if !strings.Contains(chosen, `<a href="/search?q="><span class="unseen">without `) {
			t.Errorf("no link from %s", c.Value)
		}
	}
	if sum != len(reports) {
		t.Errorf("%d in facets, %d reports", sum, len(reports))
	}
}

// Pages of a list lead to one another, and have everything once.
func TestPaging(t *testing.T) {
	const all = 2*numLines + 7
	var reports []*detonaut.Report
	for seed := range uint64(all) {
		reports = append(reports, reporttest.Realistic(8*seed))
	}
	w := newWorld(t, "app", nil, reports...)
	shared := store.Fact{Kind: store.RuleID, Value: reports[0].Findings[0].ID}
	var wallet store.Fact
	for _, f := range fact.Of(reports[0]) {
		if f.Kind == store.Process {
			wallet = f
		}
	}
	for _, path := range []string{"/search.json", page.RepositoryPath(store.Name{Registry: w.one.Name.Registry, Repository: w.one.Name.Repository}) + ".json", page.RulePath(shared.Value) + ".json", page.FactPath(wallet.Kind, wallet.Value) + ".json"} {
		seen := map[detonaut.Digest]bool{}
		pages := 0
		for next := path; next != ""; pages++ {
			var part struct {
				Images []store.Summary `json:"images"`
				Next   string          `json:"next"`
			}
			if err := json.Unmarshal(w.ask(next).Body.Bytes(), &part); err != nil {
				t.Fatalf("%s: %v", next, err)
			}
			for _, s := range part.Images {
				if seen[s.Digest] {
					t.Errorf("%s has %s again", next, s.Digest)
				}
				seen[s.Digest] = true
			}
			next = part.Next
		}
		if len(seen) != all || pages != 3 {
			t.Errorf("%s: %d images on %d pages", path, len(seen), pages)
		}
	}
}

// Facts that are rare, and say much, come first among what relates images.
func TestRarest(t *testing.T) {
	facts := []store.Fact{
		{Kind: store.Layer, Value: "everybody's"},
		{Kind: store.Layer, Value: "some"},
		{Kind: store.Wallet, Value: "nobody else's"},
		{Kind: store.Wallet, Value: "shared"},
		{Kind: store.Domain, Value: "common"},
		{Kind: store.Domain, Value: "rare"},
		{Kind: store.Package, Value: "pkg:deb/x"},
	}
	counts := map[store.Fact]int{}
	for i, n := range []int{maxCommon + 1, 9, 1, 3, 80, 2, 2} {
		counts[facts[i]] = n
	}
	var got []string
	for _, f := range rarest(tellingFacts(facts), counts) {
		got = append(got, f.Value)
	}
	if want := []string{"shared", "rare", "common", "some"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	many := make([]store.Fact, 0, 5000)
	for i := range 5000 {
		many = append(many, store.Fact{Kind: store.SHA256, Value: strings.Repeat("a", i%7)})
	}
	if n := len(tellingFacts(many)); n > maxAsked {
		t.Errorf("%d facts are asked about", n)
	}
}

func TestSplitName(t *testing.T) {
	for text, want := range map[string]store.Name{
		"nginx":                        {Registry: "docker.io", Repository: "library/nginx"},
		"nginx:1.27":                   {Registry: "docker.io", Repository: "library/nginx", Tag: "1.27"},
		"team/app":                     {Registry: "docker.io", Repository: "team/app"},
		"docker.io/library/nginx:1":    {Registry: "docker.io", Repository: "library/nginx", Tag: "1"},
		"registry.example:5000/a/b:c":  {Registry: "registry.example:5000", Repository: "a/b", Tag: "c"},
		"localhost/x":                  {Registry: "localhost", Repository: "x"},
		"registry.example:5000/a":      {Registry: "registry.example:5000", Repository: "a"},
		"index.docker.io/library/x:UP": {Registry: "docker.io", Repository: "library/x", Tag: "UP"},
	} {
		if got, ok := splitName(text); !ok || got != want {
			t.Errorf("%s: %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", " ", "a b", "Upper", "x@sha256:1", "../x", "registry.example:5000/", strings.Repeat("x", 5000), "a<b"} {
		if got, ok := splitName(text); ok {
			t.Errorf("%.50q is %+v", text, got)
		}
	}
}

// What can mean one thing only leads there.
func TestDirect(t *testing.T) {
	w := newWorld(t, "app", nil, reporttest.Realistic(0), reporttest.Realistic(1))
	d := w.one.Report.Image.Digest
	want := map[string]string{
		string(d):                                page.ReportPath(d, ""),
		strings.TrimPrefix(string(d), "sha256:"): page.ReportPath(d, ""),
		"app@" + string(d):                       page.ReportPath(d, ""),
		"app:app0":                               page.ReportPath(d, ""),
		"docker.io/library/app":                  "/repo/docker.io/library/app",
		"app":                                    "",
		"T9999":                                  "",
	}
	for _, f := range fact.Of(w.one.Report) {
		if direct, ok := query.Direct(f.Value); ok && direct == f {
			want[f.Value] = page.FactPath(f.Kind, f.Value)
		}
	}
	for text, path := range want {
		got := w.ask("/search?q=" + url.QueryEscape(text))
		if to := got.Header().Get("Location"); to != path {
			t.Errorf("%s leads to %q, want %q", text, to, path)
		}
		if twin := w.ask("/search.json?q=" + url.QueryEscape(text)); twin.Code != http.StatusOK {
			t.Errorf("%s: for programs: status %d", text, twin.Code)
		}
	}
}

// A count that somebody made up is shown as it is, however large.
func TestNumber(t *testing.T) {
	if got := number(uint64(1<<64 - 1)).Text; got != "18446744073709551615" {
		t.Errorf("it is shown as %s", got)
	}
	if got := number(int32(-1)).Text; got != "-1" {
		t.Errorf("it is shown as %s", got)
	}
}
