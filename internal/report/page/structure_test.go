package page_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/html"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
)

// miner is the report of an image that looks like a web server, and fetches a miner.
func miner(t testing.TB) *detonaut.Report {
	t.Helper()
	b, err := os.ReadFile("testdata/miner.json")
	if err != nil {
		t.Fatal(err)
	}
	var r detonaut.Report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// single is the view of a report as a file of its own, served that of a server that knows all
// that it may.
func single(r *detonaut.Report) page.View {
	return page.View{Report: r, Chrome: page.Chrome{Title: string(r.Image.Ref), Description: r.Verdict.Sentence, Single: true}}
}

func served(r *detonaut.Report) page.View {
	s := store.Summary{
		Digest: r.Image.Digest, Key: "0123456789abcdef", Name: store.Name{Registry: "docker.io", Repository: "team/app", Tag: string(r.Image.Ref)},
		Verdict: detonaut.Malicious, Sentence: r.Verdict.Sentence, Vulnerability: detonaut.High, Analysed: r.Started,
	}
	return page.View{
		Report: r, Key: "k", Name: s.Name, Repository: &store.Repository{Pulls: 1234567, Stars: 12, Official: true, Verified: true},
		Chrome: page.Chrome{
			Title: string(r.Image.Ref), Path: "/image/x", JSON: "/image/x.json", Feed: "/feed.xml", Description: r.Verdict.Sentence,
			Site: page.Site{Mode: page.Public, Search: true, Query: r.Verdict.Family, Theme: "dark", URL: "https://detonaut.example", Nav: []page.Link{{Text: "Images", Href: "/search", Current: true}}},
		},
		Now: r.Started.Add(50 * time.Hour), Analyses: []store.Summary{s}, History: []store.Summary{s, s},
		Related:    []page.Relation{{Fact: store.Fact{Kind: store.Domain, Value: r.Verdict.Sentence}, Total: 3, Images: []store.Summary{s, s}}},
		Prevalence: map[store.Fact]int{{Kind: store.Domain, Value: "pool.example"}: 7},
		Downloads:  []page.Link{{Text: "Report", Href: "/x.json", Note: "JSON"}}, Locked: []page.Link{{Text: "Payloads", Href: "/p.zip"}},
		Exports: []page.Link{{Text: "STIX 2.1", Href: "/stix"}}, Tape: true, Bodies: true, Badge: "/badge.svg", Dispute: "/dispute", Compare: "/compare",
	}
}

func write(t testing.TB, v page.View) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := page.Write(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// book is the file of many reports.
func book(t testing.TB, reports ...*detonaut.Report) []byte {
	t.Helper()
	var b page.Book
	for _, r := range reports {
		if err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// examples are pages of all kinds.
func examples(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	reports := map[string]*detonaut.Report{
		"miner": miner(t), "large": reporttest.Large(), "empty": {}, "hostile": reporttest.Hostile(`<b id=x class="s">"' & {{.}}` + "\u202e\x1b\u200b"),
		"long": reporttest.Hostile(strings.Repeat("long ", 1000)),
	}
	for i := range uint64(8) {
		reports[fmt.Sprintf("realistic-%d", i)] = reporttest.Realistic(i)
	}
	for name, r := range reports {
		all[name+", single"], all[name+", served"] = write(t, single(r)), write(t, served(r))
	}
	all["book"] = book(t, miner(t), reporttest.Realistic(1), miner(t), reporttest.Hostile("<i>\u202e"))
	all["empty book"] = book(t)
	return all
}

func parse(t testing.TB, doc []byte) *html.Node {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// each visits the elements below n.
func each(n *html.Node, visit func(*html.Node)) {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode {
			visit(d)
		}
	}
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// outside are the places of others to which pages lead.
var outside = regexp.MustCompile(`^https://(attack\.mitre\.org/techniques/T[0-9/]+/|nvd\.nist\.gov/vuln/detail/CVE-[0-9A-Za-z-]+|github\.com/advisories/GHSA-[0-9A-Za-z-]+|detonaut\.example/image/x)$`)

// TestStructure holds every page to what a reader, a screen reader and a strict policy need.
func TestStructure(t *testing.T) {
	for name, doc := range examples(t) {
		t.Run(name, func(t *testing.T) {
			root := parse(t, doc)
			ids, headings := map[string]bool{}, []int{}
			each(root, func(n *html.Node) {
				if id, ok := attr(n, "id"); ok {
					if ids[id] || id == "" {
						t.Errorf("%s: id %q is there twice, or empty", n.Data, id)
					}
					ids[id] = true
				}
				if len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6' {
					headings = append(headings, int(n.Data[1]-'0'))
				}
			})
			each(root, func(n *html.Node) { checkElement(t, n, ids) })
			checkHeadings(t, headings)
		})
	}
}

func checkHeadings(t *testing.T, levels []int) {
	t.Helper()
	ones := 0
	for i, l := range levels {
		if l == 1 {
			ones++
		}
		if i > 0 && l > levels[i-1]+1 {
			t.Errorf("a heading of level %d follows one of %d", l, levels[i-1])
		}
	}
	if ones != 1 || levels[0] != 1 {
		t.Errorf("%d headings of level 1, the first is of %d", ones, levels[0])
	}
}

func checkElement(t *testing.T, n *html.Node, ids map[string]bool) {
	t.Helper()
	for _, a := range n.Attr {
		if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
			t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
		}
		for id := range strings.FieldsSeq(a.Val) {
			if slices.Contains([]string{"aria-labelledby", "for"}, a.Key) && !ids[id] {
				t.Errorf("%s: nothing has the id %q", n.Data, id)
			}
		}
	}
	href, _ := attr(n, "href")
	switch target, inside := strings.CutPrefix(href, "#"); {
	case inside && !ids[target]:
		t.Errorf("a link leads to #%s, which is not there", target)
	case href != "" && !inside && !strings.HasPrefix(href, "/") && !outside.MatchString(href):
		t.Errorf("a link leads to %q", href)
	case strings.HasPrefix(href, "//"):
		t.Errorf("a link leaves the site: %q", href)
	}
	_, hidden := attr(n, "aria-hidden")
	_, label := attr(n, "aria-label")
	_, labelled := attr(n, "aria-labelledby")
	switch n.Data {
	case "script":
		if src, _ := attr(n, "src"); !strings.HasPrefix(src, "/assets/detonaut.js?v=") || textOf(n) != "" {
			t.Errorf("script %q", src)
		}
	case "iframe", "object", "embed", "base", "frame", "applet":
		t.Errorf("there is a %s", n.Data)
	case "th":
		if _, ok := attr(n, "scope"); !ok {
			t.Errorf("no scope: %s", textOf(n))
		}
	case "table":
		if n.FirstChild.Data != "caption" && !regionAround(n) {
			t.Errorf("a table has no name: %.60s", textOf(n))
		}
	case "svg":
		if !hidden && !label && !labelled && n.Parent.Data != "a" {
			t.Errorf("a drawing has no name")
		}
	case "img":
		if alt, _ := attr(n, "alt"); alt == "" {
			t.Error("a picture has no alt")
		}
	}
}

// regionAround tells whether an element that scrolls and has a name is around n.
func regionAround(n *html.Node) bool {
	role, _ := attr(n.Parent, "role")
	name, _ := attr(n.Parent, "aria-label")
	focus, _ := attr(n.Parent, "tabindex")
	return (role == "region" || role == "group") && name != "" && focus == "0"
}

// TestOrder holds the sections to their order, and the navigation to them.
func TestOrder(t *testing.T) {
	want := []string{
		"verdict", "identity", "findings", "story", "processes", "attack", "network", "files", "vulnerabilities", "packages", "secrets", "configuration",
		"coverage", "indicators", "related", "downloads", "events", "link",
	}
	var got, nav []string
	each(parse(t, write(t, served(miner(t)))), func(n *html.Node) {
		id, _ := attr(n, "id")
		class, _ := attr(n, "class")
		if n.Data == "section" || class == "banner v-malicious" {
			got = append(got, id)
		}
		if class == "toc" {
			each(n, func(a *html.Node) {
				if href, ok := attr(a, "href"); ok {
					nav = append(nav, href[1:])
				}
			})
		}
	})
	if !slices.Equal(got, want) {
		t.Errorf("sections are %q, want %q", got, want)
	}
	if !slices.Equal(nav, want[1:]) {
		t.Errorf("the navigation has %q, want %q", nav, want[1:])
	}
}

// TestEvidence holds every event of the evidence to being linked.
func TestEvidence(t *testing.T) {
	r := miner(t)
	for _, v := range []page.View{single(r), served(r)} {
		links := map[string]bool{}
		each(parse(t, write(t, v)), func(n *html.Node) {
			if class, _ := attr(n, "class"); class == "event" {
				href, _ := attr(n, "href")
				links[textOf(n)] = links[textOf(n)] || href != ""
			}
		})
		for _, f := range r.Findings {
			for _, e := range f.Evidence {
				for _, seq := range e.Events {
					if !links[fmt.Sprint(seq)] {
						t.Errorf("single %v: event %d of %s leads nowhere", v.Single, seq, f.ID)
					}
				}
			}
		}
	}
}

// TestSize holds the page of a large report to 100 KB, compressed; a file of its own has the
// whole lists.
func TestSize(t *testing.T) {
	for name, most := range map[string]int{"served": 100_000, "single": 150_000} {
		v := served(reporttest.Large())
		if name == "single" {
			v = single(reporttest.Large())
		}
		doc := write(t, v)
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(doc); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, %d compressed", name, len(doc), z.Len())
		if z.Len() > most {
			t.Errorf("%s: %d bytes compressed, want at most %d", name, z.Len(), most)
		}
	}
}

// TestAssets bounds what pages load beside themselves.
func TestAssets(t *testing.T) {
	for name, most := range map[string]int{"style.css": 30_000, "detonaut.js": 15_000, "icon.svg": 1_000} {
		b, err := fs.ReadFile(page.Assets(), name)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > most || len(b) < 100 {
			t.Errorf("%s has %d bytes, want at most %d", name, len(b), most)
		}
		if !strings.HasPrefix(page.AssetPath(name), "/assets/"+name+"?v=") {
			t.Errorf("the path of %s is %s", name, page.AssetPath(name))
		}
	}
}

// TestAlone holds a file of its own to needing nothing, and its policy to the style that it has.
func TestAlone(t *testing.T) {
	policy := regexp.MustCompile(`^default-src 'none'; style-src 'sha256-([^']+)'; base-uri 'none'; form-action 'none'$`)
	for name, doc := range map[string][]byte{"single": write(t, single(miner(t))), "book": book(t, miner(t))} {
		var sum, want string
		each(parse(t, doc), func(n *html.Node) {
			switch n.Data {
			case "meta":
				if key, _ := attr(n, "http-equiv"); key == "Content-Security-Policy" {
					content, _ := attr(n, "content")
					if m := policy.FindStringSubmatch(content); m != nil {
						sum = m[1]
					}
				}
			case "style":
				h := sha256.Sum256([]byte(textOf(n)))
				want += base64.StdEncoding.EncodeToString(h[:])
			case "link", "script", "img", "form", "button":
				t.Errorf("%s: there is a %s", name, n.Data)
			}
			if href, _ := attr(n, "href"); strings.HasPrefix(href, "/") {
				t.Errorf("%s: a link leads to a server: %s", name, href)
			}
		})
		if sum == "" || sum != want {
			t.Errorf("%s: the policy allows %q, the style is %q", name, sum, want)
		}
	}
}

// TestPure holds equal views to equal bytes, and a report to staying as it is.
func TestPure(t *testing.T) {
	before, err := json.Marshal(reporttest.Large())
	if err != nil {
		t.Fatal(err)
	}
	r := reporttest.Large()
	first := write(t, served(r))
	for range 3 {
		if !bytes.Equal(first, write(t, served(r))) {
			t.Fatal("the second time is different")
		}
	}
	after, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("writing changed the report")
	}
}

// prints tells where doc has something that does not print; -1 if nowhere.
func prints(doc []byte) int {
	return bytes.IndexFunc(doc, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) })
}

func TestPrints(t *testing.T) {
	for name, doc := range examples(t) {
		if i := prints(doc); i >= 0 {
			t.Errorf("%s: %q does not print", name, doc[max(0, i-40):min(len(doc), i+20)])
		}
	}
}
