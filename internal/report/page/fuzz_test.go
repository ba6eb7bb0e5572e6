package page_test

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/report/reporttest"
)

// shape is what pages are made of: elements in elements, with attributes and classes.
type shape map[string]bool

// add notes what a page is made of.
func (s shape) add(root *html.Node) {
	each(root, func(n *html.Node) {
		for _, part := range partsOf(n) {
			s[part] = true
		}
	})
}

func partsOf(n *html.Node) (parts []string) {
	parts = append(parts, n.Parent.Data+" > "+n.Data)
	for _, a := range n.Attr {
		parts = append(parts, n.Data+"["+a.Key+"]")
		if a.Key == "class" {
			for c := range strings.FieldsSeq(a.Val) {
				parts = append(parts, "."+c)
			}
		}
	}
	return parts
}

// known is the shape of pages of strings that are harmless.
var known = sync.OnceValue(func() shape {
	s := shape{}
	for _, word := range []string{"word", "sha256:" + strings.Repeat("a", 64), strings.Repeat("long ", 600), "\u202e", "T1059.004", "CVE-2025-1234", "https://a.example/b", "tcp", "GET", "/a/b", "10.0.0.1:80", "critical", "malicious", "written", "ran /a"} {
		r := reporttest.Hostile(word)
		for _, v := range []page.View{single(r), served(r)} {
			var b bytes.Buffer
			if err := page.Write(&b, v); err != nil {
				panic(err)
			}
			root, err := html.Parse(&b)
			if err != nil {
				panic(err)
			}
			s.add(root)
		}
	}
	return s
})

// numbered are classes for how deep or how wide something is.
var numbered = regexp.MustCompile(`^\.[cd][0-9]{1,2}$`)

var safeID = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// checkInert holds a page to being made of nothing that templates do not make.
func checkInert(t *testing.T, doc []byte, allowed shape) {
	t.Helper()
	if i := prints(doc); i >= 0 {
		t.Errorf("%q does not print", doc[max(0, i-40):min(len(doc), i+20)])
	}
	each(parse(t, doc), func(n *html.Node) {
		for _, part := range partsOf(n) {
			if !allowed[part] && !numbered.MatchString(part) {
				t.Errorf("no template makes %s", part)
			}
		}
		if id, ok := attr(n, "id"); ok && !safeID.MatchString(id) {
			t.Errorf("id %q", id)
		}
		for _, name := range []string{"href", "src", "action"} {
			to, ok := attr(n, name)
			if ok && !strings.HasPrefix(to, "#") && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) && !outside.MatchString(to) {
				t.Errorf("%s leads to %q", n.Data, to)
			}
		}
	})
}

// FuzzPage writes pages of reports in which every string is s.
func FuzzPage(f *testing.F) {
	f.Add("plain")
	for _, p := range reporttest.Payloads() {
		f.Add(p.Text)
	}
	allowed := known()
	for doc := range examplesOf(f) {
		allowed.add(parse(f, doc))
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = s[:min(len(s), 1<<11)] // more is not shown
		r := reporttest.Hostile(s)
		checkInert(t, write(t, single(r)), allowed)
		checkInert(t, write(t, served(r)), allowed)
	})
}

func examplesOf(t testing.TB) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for _, doc := range examples(t) {
			if !yield(doc) {
				return
			}
		}
	}
}

// FuzzText shows any string: what is shown prints, and is bounded.
func FuzzText(f *testing.F) {
	f.Add("plain", 10)
	f.Add("a\u202e\x00\xff\u200d\u0301\u0301\u0301\u0301\u0301\U000e0041", 8)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = min(max(n, 0), 1000)
		got := page.Plain(s, n)
		if i := prints([]byte(got)); i >= 0 || strings.Contains(got, "\n") {
			t.Errorf("%q does not print", got)
		}
		if len([]rune(got)) > 10*n+1 {
			t.Errorf("%d characters of %d", len([]rune(got)), n)
		}
	})
}
