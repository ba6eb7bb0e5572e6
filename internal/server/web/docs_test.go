package web

import (
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/docs"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/rules"
)

var (
	hrefs    = regexp.MustCompile(`href="([^"]*)"`)
	headings = regexp.MustCompile(`<h[2-6] id="([^"]*)"`)
)

// Our own documents are pages, and what they link to is there.
func TestOwnDocs(t *testing.T) {
	w := newWorld(t, "app", func(o *Options) { o.Docs = docs.Files() }, reporttest.Realistic(0))
	m, err := w.docsOf(t)
	if err != nil || len(m.names) < 20 {
		t.Fatalf("%d documents: %v", len(m.names), err)
	}
	ids := map[string]bool{}
	for _, name := range m.names {
		ids["/docs/"+name] = true
		for _, h := range headings.FindAllStringSubmatch(string(m.pages[name].text), -1) {
			ids["/docs/"+name+"#"+h[1]] = true
		}
	}
	for _, name := range m.names {
		path := "/docs/" + name
		if got := w.ask(path); got.Code != http.StatusOK || strings.Count(got.Body.String(), "<h1") != 1 {
			t.Errorf("%s: status %d", path, got.Code)
		}
		text := string(m.pages[name].text)
		if strings.Contains(text, "<!--") {
			t.Errorf("%s has HTML in it, which is not shown", path)
		}
		for _, h := range hrefs.FindAllStringSubmatch(text, -1) {
			to := h[1]
			if strings.HasPrefix(to, "#") {
				to = path + to
			}
			switch {
			case strings.HasPrefix(to, "/docs/"):
				other, _, _ := strings.Cut(to, "#")
				if !ids[other] || other == path && !ids[to] {
					t.Errorf("%s links to %s", path, to)
				}
			case strings.HasPrefix(to, "/rules/"):
				file := strings.TrimPrefix(to, "/rules/") + ".yaml"
				_, one := fs.Stat(rules.Behavior(), file)
				_, other := fs.Stat(rules.Files(), file)
				if one != nil && other != nil {
					t.Errorf("%s links to %s", path, to)
				}
			case !strings.HasPrefix(to, "https://"):
				t.Errorf("%s links to %s", path, to)
			}
		}
	}
}

// docsOf reads the documents of a world.
func (w *world) docsOf(t *testing.T) (*manual, error) {
	t.Helper()
	s := &site{Options: w.Options}
	return s.loadDocs()()
}
