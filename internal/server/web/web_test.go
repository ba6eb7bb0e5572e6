package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// world is a site with something on every page.
type world struct {
	*spy
	Options
	handler http.Handler
	reports []*detonaut.Report
	// one is a report with artifacts.
	one *store.Entry
}

// newWorld makes a site of reports; words are in everything that comes from elsewhere.
func newWorld(t *testing.T, words string, change func(*Options), reports ...*detonaut.Report) *world {
	t.Helper()
	return worldOf(t, newSpy(t), words, change, reports...)
}

// worldOf is the same with a store that may have more.
func worldOf(t *testing.T, db *spy, words string, change func(*Options), reports ...*detonaut.Report) *world {
	t.Helper()
	w := &world{spy: db, reports: reports}
	for i, r := range reports {
		n := store.Name{Registry: "docker.io", Repository: "library/" + words, Tag: fmt.Sprint(words, i)}
		e := w.put(t, r, n, map[string][]byte{tapeBlob: tapeOf(t, words), "network.pcapng": []byte("packets"), "network.har": []byte("{}")})
		if i == 0 {
			w.one = e
			if err := w.PutRepository(t.Context(), store.Repository{Registry: n.Registry, Name: n.Repository, Description: words, Pulls: 12, Stars: -1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	quoted, _ := json.Marshal(words)
	w.subs["one"] = &store.Submission{ID: "one", Ref: detonaut.Ref(words), State: store.Running, Stage: words, Failure: words, Created: noon}
	w.subs["done"] = &store.Submission{ID: "done", Ref: detonaut.Ref(words), State: store.Done, Digest: w.one.Report.Image.Digest, Created: noon}
	w.progress["one"] = []store.Progress{
		{Number: 1, At: noon, Kind: "event", Data: json.RawMessage(`{"text":` + string(quoted) + `}`)},
		{Number: 2, At: noon, Kind: words, Data: json.RawMessage(`{"x":` + string(quoted) + `}`)},
	}
	f := detonaut.Finding{ID: "impact/pool", Title: words, Meaning: words, Severity: detonaut.High, Category: detonaut.Miner, Family: words, Techniques: []string{"T1496"}}
	w.Options = Options{
		Store: w.spy, Blobs: w.spy, Public: true, URL: "https://detonaut.example", Contact: "abuse@detonaut.example", Now: func() time.Time { return noon }, Note: w.note,
		Docs:  fstest.MapFS{"one.md": {Data: []byte("# One\n\nSee [two](adr/two.md#x), [a rule](../rules/behavior/impact/pool.yaml), [code](../cmd/x.go) <script>alert(1)</script>\n\n|a|b|\n|-:|-|\n|1|2|\n")}, "adr/two.md": {Data: []byte("# Two *2*\n\n# Again\n")}},
		Rules: []Rule{{Kind: "behavior", Finding: f, References: []string{words}, Text: "id: impact/pool\n# why\nwhen: >-\n  true\nyes:\n  - 1\nno:\n  - 2\n" + words}},
	}
	if change != nil {
		change(&w.Options)
	}
	w.handler = New(w.Options)
	return w
}

// tapeOf is a tape with words in it.
func tapeOf(t *testing.T, words string) []byte {
	t.Helper()
	var lines bytes.Buffer
	enc := tape.NewEncoder(&lines)
	record := func(e *tape.Event) {
		if err := enc.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	valid := strings.ToValidUTF8(words, "?")
	record(&tape.Event{Seq: 1, Kind: tape.RunStart, Start: &tape.Start{Version: tape.Version}})
	for i := range 250 {
		seq := uint64(i + 2)
		e := &tape.Event{Seq: seq, Time: int64(seq) * 1000, PID: int32(i%3 + 1), Kind: tape.FileCreate, File: &tape.File{Path: fmt.Sprintf("/tmp/%d %s", seq, valid)}}
		if i%50 == 0 {
			e.Kind, e.File, e.Process = tape.ProcessExec, nil, &tape.Process{Executable: "/bin/Sh", Args: []string{valid, "<Needle>"}}
		}
		record(e)
	}
	record(&tape.Event{Seq: 252, Time: 1e9, Kind: tape.RunEnd, End: &tape.End{Reason: tape.Exited, Events: 252}})
	return packed(t, lines.Bytes())
}

func packed(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zw, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	_, err = zw.Write(b)
	if err := errors.Join(err, zw.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// ask asks as a browser does.
func (w *world) ask(path string, header ...string) *httptest.ResponseRecorder {
	return w.send(httptest.NewRequest(http.MethodGet, path, nil), header...)
}

func (w *world) send(r *http.Request, header ...string) *httptest.ResponseRecorder {
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	got := httptest.NewRecorder()
	w.handler.ServeHTTP(got, r)
	return got
}

// paths are addresses of all pages of a world but for [world.pivots].
func (w *world) paths() []string {
	d := w.one.Report.Image.Digest
	image := page.ReportPath(d, "")
	n := w.one.Name
	all := []string{
		"/", "/search", "/search?q=verdict:malicious+x&as=list", "/compare", "/compare?a=" + string(d) + "&b=" + string(w.reports[len(w.reports)-1].Image.Digest),
		image, page.ReportPath(d, w.one.Key), image + "/events", image + "/events?kind=process&pid=1", image + "/events/2", image + "/dispute", image + "/dispute?sent=1",
		page.RepositoryPath(n), page.RepositoryPath(store.Name{Registry: n.Registry, Repository: n.Repository}),
		"/rules", "/rules?words=pool", "/rules/impact/pool", "/live/one", "/live/done", "/docs", "/docs/one", "/docs/adr/two", "/about", "/takedown",
	}
	for name := range parts() {
		all = append(all, image+"/"+name)
	}
	return append(all, image+"/packages?text=a&from=2")
}

// pivots are addresses of pages about what the first report has, one of each kind.
func (w *world) pivots() (all []string) {
	of := map[store.Kind]bool{}
	for _, f := range fact.Of(w.one.Report) {
		if !of[f.Kind] {
			of[f.Kind] = true
			all = append(all, page.FactPath(f.Kind, f.Value))
		}
	}
	return all
}

// Each page has a title, one heading at its top, a twin, a tag; and asks for nothing that the
// policy of the site does not allow.
func TestPages(t *testing.T) {
	for _, words := range []string{"app", "a b/.json"} {
		w := newWorld(t, words, nil, reporttest.Realistic(0), reporttest.Realistic(1), reporttest.Realistic(8))
		for _, path := range append(w.paths(), w.pivots()...) {
			got := w.ask(path)
			if got.Code != http.StatusOK {
				t.Errorf("%s: status %d: %.200s", path, got.Code, got.Body)
				continue
			}
			inspect(t, path, got.Body.String())
			if again := w.ask(path, "If-None-Match", got.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
				t.Errorf("%s: asked again: status %d, %d bytes", path, again.Code, again.Body.Len())
			}
			head := w.send(httptest.NewRequest(http.MethodHead, path, nil))
			if head.Code != http.StatusOK || head.Body.Len() > 0 || head.Header().Get("Content-Length") != fmt.Sprint(got.Body.Len()) {
				t.Errorf("%s: HEAD: status %d, %d bytes, %v", path, head.Code, head.Body.Len(), head.Header())
			}
		}
	}
}

// Beside a page is the same as JSON, at the address that the page names.
func TestTwins(t *testing.T) {
	w := newWorld(t, "a b/.json", nil, reporttest.Realistic(0), reporttest.Realistic(1))
	without := []string{"/docs", "/docs/one", "/docs/adr/two", "/about", "/takedown", "/compare"}
	for _, path := range append(w.paths(), w.pivots()...) {
		body := w.ask(path).Body.String()
		_, after, ok := strings.Cut(body, `<link rel="alternate" type="application/json" href="`)
		if bare, _, _ := strings.Cut(path, "?"); !ok {
			if !slices.Contains(without, bare) && !strings.HasSuffix(bare, "/dispute") {
				t.Errorf("%s: no twin", path)
			}
			continue
		}
		href, _, _ := strings.Cut(after, `"`)
		got := w.ask(html.UnescapeString(href))
		if got.Code != http.StatusOK || got.Header().Get("Content-Type") != "application/json" || !json.Valid(got.Body.Bytes()) {
			t.Errorf("%s: twin %s: status %d: %.200s", path, href, got.Code, got.Body)
		}
	}
	var back detonaut.Report
	if err := json.Unmarshal(w.ask(page.ReportPath(w.one.Report.Image.Digest, "")+".json").Body.Bytes(), &back); err != nil || back.Image.Digest != w.one.Report.Image.Digest {
		t.Errorf("the twin of a report is no report: %v", err)
	}
}

// elements are all that pages are made of.
var elements = strings.Fields(`html head meta title link script body a header form label input button nav ul ol li main h1 h2 h3 h4 p div span section table caption colgroup col
	thead tbody tr th td details summary pre code dl dt dd time footer select option optgroup textarea svg g path circle rect text tspan line polyline polygon defs
	marker use symbol i b em strong bdi small abbr figure figcaption img article aside kbd wbr br hr blockquote mark output fieldset legend q s del ins sup sub var`)

// inspect holds a page to what pages are: see [TestPages].
func inspect(t *testing.T, path, body string) {
	t.Helper()
	if strings.Count(body, "<h1") != 1 || !strings.Contains(body, "<title>") || strings.Contains(body, "<title></title>") || !strings.HasPrefix(body, "<!DOCTYPE html>") {
		t.Errorf("%s: %d h1, or no title", path, strings.Count(body, "<h1"))
	}
	if strings.Contains(body, "ZgotmplZ") {
		t.Errorf("%s: something was where it cannot be escaped", path)
	}
	for i, r := range body {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0xfeff {
			t.Errorf("%s: U+%04X is in it as it came: %q", path, r, body[max(0, i-60):min(len(body), i+20)])
			break
		}
	}
	d := xml.NewDecoder(strings.NewReader(body))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	ids := map[string]bool{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		if e, ok := token.(xml.StartElement); ok {
			judgeElement(t, path, e, ids)
		}
	}
}

// judgeElement holds an element to what the policy of the site allows.
func judgeElement(t *testing.T, path string, e xml.StartElement, ids map[string]bool) {
	t.Helper()
	if !slices.Contains(elements, e.Name.Local) {
		t.Errorf("%s: an element <%s>", path, e.Name.Local)
	}
	for _, a := range e.Attr {
		name, value := a.Name.Local, a.Value
		switch {
		case strings.HasPrefix(name, "on") || name == "style" || strings.HasPrefix(name, "detonaut"):
			t.Errorf("%s: <%s %s=%q>", path, e.Name.Local, name, value)
		case name == "id":
			if ids[value] || value == "" {
				t.Errorf("%s: the id %q is there twice, or empty", path, value)
			}
			ids[value] = true
		case name == "href" || name == "src" || name == "action":
			ours := strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "//") && !strings.HasPrefix(value, `/\`) || strings.HasPrefix(value, "#") ||
				strings.HasPrefix(value, "https://detonaut.example/") || strings.HasPrefix(value, "https://attack.mitre.org/") ||
				strings.HasPrefix(value, "https://nvd.nist.gov/") || value == "mailto:abuse@detonaut.example"
			if !ours {
				t.Errorf("%s: <%s %s=%q>", path, e.Name.Local, name, value)
			}
		}
	}
	if e.Name.Local == "script" && len(e.Attr) < 2 {
		t.Errorf("%s: a script in the page", path)
	}
}

// Whatever strings a report has, and addresses, pages stay what they are.
func TestHostile(t *testing.T) {
	db := newSpy(t)
	for _, p := range reporttest.Payloads() {
		t.Run(p.Name, func(t *testing.T) {
			w := worldOf(t, db, p.Text, nil, reporttest.Hostile(p.Text))
			pivots := w.pivots() // their pages are alike: some will do
			paths := append(w.paths(), pivots[:min(len(pivots), 3)]...)
			for _, prefix := range []string{"/search?q=", "/compare?a=", "/takedown?image=", "/rules?words="} {
				paths = append(paths, prefix+url.QueryEscape(p.Text))
			}
			for _, prefix := range []string{"/image/", "/sha256/", "/domain/", "/family/", "/rules/", "/docs/", "/live/", "/repo/docker.io/", "/"} {
				paths = append(paths, prefix+url.PathEscape(p.Text))
			}
			for _, path := range paths {
				if len(path) > 8000 {
					continue // no server takes such a line
				}
				got := w.ask(path)
				if got.Code >= 500 {
					t.Errorf("%.100s: status %d", path, got.Code)
				}
				if strings.HasPrefix(got.Header().Get("Content-Type"), "text/html") && got.Code/100 != 3 {
					inspect(t, fmt.Sprintf("%.100s", path), got.Body.String())
				}
				if to := got.Header().Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\r\n\\")) {
					t.Errorf("%.100s leads to %q", path, to)
				}
			}
		})
	}
}

// What cannot be answered is refused with what is wrong: a page for people, a problem for
// programs.
func TestRefusals(t *testing.T) {
	w := newWorld(t, "app", nil, reporttest.Realistic(0))
	image := page.ReportPath(w.one.Report.Image.Digest, "")
	unknown := "/image/sha256:" + strings.Repeat("0", 64)
	for path, want := range map[string]int{
		"/nothing": 404, "/image/": 404, "/image/latest": 400, "/image/sha256:ABC": 400, unknown: 404, unknown + "/events": 404, unknown + "/badge.svg": 404,
		image + "?fingerprint=x": 400, image + "?fingerprint=0123456789abcdef": 404, image + "/nothing": 404, image + "/0123456789abcdef": 302,
		image + "/events?from=x": 400, image + "/events?from=0": 400, image + "/events?pid=-1": 400, image + "/events?after=-1": 400, image + "/events/0": 400,
		image + "/events/x": 400, image + "/events/9999": 404, image + "/events?text=" + strings.Repeat("x", 600): 400,
		image + "/download/nothing": 404, image + "/download/..%2F..%2Fetc%2Fpasswd": 404, image + "/download/network.pcapng": 401, image + "/download/network.har": 401,
		image + "/download/payloads/" + strings.Repeat("0", 64) + ".zip": 401, image + "/download/payloads/x.zip": 404,
		"/sha256/x": 400, "/sha256/" + strings.Repeat("0", 64): 404, "/ip/x": 400, "/technique/x": 400, "/layer/x": 400, "/domain/nowhere.example": 404,
		"/hash/" + strings.Repeat("0", 64): 301, "/cve/CVE-2026-1": 301, "/rules/no/such": 404, "/docs/no": 404, "/docs/../web.go": 307, "/live/no": 404, "/live/a%20b": 404,
		"/repo/docker.io/no": 404, page.RepositoryPath(w.one.Name) + "&cursor=x": 400, "/submit": 404, "/compare?a=!&b=x": 400, "/compare?a=nginx&b=nginx": 404,
		"/assets/no.css": 404, "/assets/..%2Fweb.go": 404, "/search?cursor=x": 400, "/search?q=verdict:nope": 400, "/search?q=" + strings.Repeat("x", 6000): 400, "/takedown?image=nginx": 404,
		"/search?q=" + string(w.one.Report.Image.Digest): 302,
	} {
		got := w.ask(path)
		if got.Code != want {
			t.Errorf("%s: status %d, want %d", path, got.Code, want)
			continue
		}
		if want < 400 {
			continue
		}
		inspect(t, path, got.Body.String())
		if got.Header().Get("ETag") != "" || got.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%.100s: %v", path, got.Header())
		}
		program := w.ask(path, "Accept", "application/json")
		var p problem
		if err := json.Unmarshal(program.Body.Bytes(), &p); err != nil || p.Status != want || program.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.100s: for programs: %.200s", path, program.Body)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if got := w.send(httptest.NewRequest(method, "/", nil)); got.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: status %d", method, got.Code)
		}
	}
}

// When the store fails, that is said, and nothing of why.
func TestFailures(t *testing.T) {
	w := newWorld(t, "app", nil, reporttest.Realistic(0))
	paths := append(w.paths(), "/feed.xml", page.ReportPath(w.one.Report.Image.Digest, "")+"/badge.svg")
	w.fails = errors.New("the disk of /var/lib is full")
	for _, path := range paths {
		asked := w.asked
		got := w.ask(path)
		if w.asked == asked {
			continue // it needs no store
		}
		if got.Code != http.StatusInternalServerError || strings.Contains(got.Body.String(), "disk") {
			t.Errorf("%s: status %d: %.200s", path, got.Code, got.Body)
		}
	}
}

// However many images there are, a page asks the store a bounded number of times.
func TestPagesDoNotScan(t *testing.T) {
	w := newWorld(t, "app", nil, reporttest.Large(), reporttest.Realistic(0), reporttest.Realistic(8), reporttest.Realistic(16))
	for _, path := range append(w.paths(), w.pivots()...) {
		before := w.asked
		w.ask(path)
		if n := w.asked - before; n > 8+maxRelated {
			t.Errorf("%s: the store was asked %d times", path, n)
		}
	}
}

// Text is sent compressed to those who understand that, under another tag.
func TestCompression(t *testing.T) {
	w := newWorld(t, "app", nil, reporttest.Realistic(0))
	path := page.ReportPath(w.one.Report.Image.Digest, "")
	plain := w.ask(path)
	packed := w.ask(path, "Accept-Encoding", "br;q=1, gzip")
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Body.Len() > plain.Body.Len()/3 || packed.Header().Get("Content-Length") != fmt.Sprint(packed.Body.Len()) {
		t.Fatalf("%d bytes of %d: %v", packed.Body.Len(), plain.Body.Len(), packed.Header())
	}
	zr, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(zr); err != nil || !bytes.Equal(b, plain.Body.Bytes()) {
		t.Errorf("it is another page: %v", err)
	}
	if one, other := plain.Header().Get("ETag"), packed.Header().Get("ETag"); one == other {
		t.Errorf("both have the tag %s", one)
	} else if again := w.ask(path, "Accept-Encoding", "gzip", "If-None-Match", other); again.Code != http.StatusNotModified {
		t.Errorf("asked again: status %d", again.Code)
	}
	for _, no := range []string{"", "identity", "gzip;q=0", "gzip; q=0.0", "xgzip", "*"} {
		if got := w.ask(path, "Accept-Encoding", no); got.Header().Get("Content-Encoding") != "" {
			t.Errorf("%q gets gzip", no)
		}
	}
	if got := w.ask(path+"/download/"+tapeBlob, "Accept-Encoding", "gzip"); got.Header().Get("Content-Encoding") != "" {
		t.Error("a tape is compressed twice")
	}
}

func TestCaching(t *testing.T) {
	for _, public := range []bool{true, false} {
		w := newWorld(t, "app", func(o *Options) { o.Public = public }, reporttest.Realistic(0))
		want := "private, no-cache"
		if public {
			want = "public, max-age=60"
		}
		if got := w.ask("/").Header().Get("Cache-Control"); got != want {
			t.Errorf("public %v: %q, want %q", public, got, want)
		}
		robots := w.ask("/robots.txt").Body.String()
		if strings.Contains(robots, "Disallow: /\n") == public {
			t.Errorf("public %v: robots.txt is %q", public, robots)
		}
	}
	w := newWorld(t, "app", nil, reporttest.Realistic(0))
	entries, err := fs.ReadDir(page.Assets(), ".")
	if err != nil || len(entries) == 0 {
		t.Fatalf("no assets: %v", err)
	}
	for _, path := range []string{page.AssetPath(entries[0].Name()), ownAssetPath("live.js")} {
		if got := w.ask(path); got.Code != http.StatusOK || !strings.Contains(got.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: status %d, %v", path, got.Code, got.Header())
		}
	}
}
