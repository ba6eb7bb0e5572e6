package web

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

// maxDocument bounds a document, in bytes.
const maxDocument = 1 << 20

// manual are the documents, made once.
type manual struct {
	pages map[string]manualPage
	// names are those of pages, sorted: those in folders are the last.
	names []string
}

// manualPage is a document: its title, and the rest of it as HTML.
type manualPage struct {
	title string
	text  template.HTML
}

// docs makes the documents when somebody asks for the first.
func (s *site) loadDocs() func() (*manual, error) {
	return sync.OnceValues(func() (*manual, error) {
		m := &manual{pages: map[string]manualPage{}}
		if s.Docs == nil {
			return m, nil
		}
		err := fs.WalkDir(s.Docs, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(name) != ".md" {
				return err
			}
			source, err := fs.ReadFile(s.Docs, name)
			if err != nil {
				return err
			}
			if len(source) > maxDocument {
				return nil
			}
			made, err := makeDocument(name, source)
			if err != nil {
				return err
			}
			key := strings.TrimSuffix(name, ".md")
			m.pages[key] = made
			m.names = append(m.names, key)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read documents: %w", err)
		}
		slices.SortFunc(m.names, func(a, b string) int { // decisions come after guides
			return cmp.Or(cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")), cmp.Compare(a, b))
		})
		return m, nil
	})
}

// markdown reads documents. HTML in them is left out.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignNone)), extension.Linkify),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
)

// reachable has what may be wider than the window moved with keys, too, and no head of a
// column that says nothing. Nothing but markup has these tags: "<" of a text is "&lt;" by then.
var reachable = strings.NewReplacer(
	"<pre>", `<pre tabindex="0">`, "<table>", `<div class="scroll" role="group" aria-label="Table" tabindex="0"><table>`, "</table>", "</table></div>",
	"<th></th>", "<td></td>",
)

// makeDocument makes the page of a document. Its first heading becomes the title.
func makeDocument(name string, source []byte) (manualPage, error) {
	root := markdown.Parser().Parse(text.NewReader(source))
	made := manualPage{title: strings.TrimSuffix(path.Base(name), ".md")}
	if h, ok := root.FirstChild().(*ast.Heading); ok && h.Level == 1 {
		made.title = words(h, source)
		root.RemoveChild(root, h)
	}
	var drop []ast.Node
	level := 1 // of the heading before
	err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			n.Level = min(max(n.Level, 2), level+1) // the page has a first one, and none is left out
			level = n.Level
		case *ast.Link:
			to := manualLink(name, string(n.Destination))
			if to == "" { // what is in it stays
				drop = append(drop, n)
			}
			n.Destination = []byte(to)
		case *ast.Image:
			drop = append(drop, n)
		case *ast.HTMLBlock, *ast.RawHTML: // comments, for those who edit it
			drop = append(drop, n)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return made, fmt.Errorf("read %s: %w", name, err)
	}
	for _, n := range drop {
		unwrap(n)
	}
	var b bytes.Buffer
	if err := markdown.Renderer().Render(&b, source, root); err != nil {
		return made, fmt.Errorf("write %s: %w", name, err)
	}
	made.text = template.HTML(reachable.Replace(b.String())) //nolint:gosec // documents are ours, and HTML in them is left out
	return made, nil
}

// words is the text of a node without its markup.
func words(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// unwrap leaves what is in a node where the node was.
func unwrap(n ast.Node) {
	parent := n.Parent()
	for c := n.FirstChild(); c != nil; {
		next := c.NextSibling()
		parent.InsertBefore(parent, n, c)
		c = next
	}
	parent.RemoveChild(parent, n)
}

// manualLink is where a link of a document leads on the site; nowhere if that is not there.
func manualLink(from, to string) string {
	if strings.HasPrefix(to, "#") || strings.HasPrefix(to, "https://") {
		return to
	}
	file, fragment, _ := strings.Cut(to, "#")
	if fragment != "" {
		fragment = "#" + fragment
	}
	file = path.Join("docs", path.Dir(from), file)
	name, isDoc := strings.CutSuffix(file, ".md")
	if below, ok := strings.CutPrefix(name, "docs/"); ok && isDoc {
		return "/docs/" + below + fragment
	}
	if name, isRule := strings.CutSuffix(file, ".yaml"); isRule {
		for _, folder := range []string{"rules/behavior/", "rules/files/"} {
			if id, ok := strings.CutPrefix(name, folder); ok {
				return page.RulePath(id)
			}
		}
	}
	return ""
}

// docView is a document, or the list of them.
type docView struct {
	Text  template.HTML
	Pages []page.Link
}

// doc is a document.
func (s *site) doc(r *http.Request) (*document, error) {
	m, err := s.docs()
	if err != nil {
		return nil, err
	}
	made, ok := m.pages[strings.TrimSuffix(r.PathValue("page"), ".md")]
	if !ok {
		return nil, store.ErrNotFound
	}
	return &document{name: "doc", title: made.title, data: docView{Text: made.text}}, nil
}

// docList lists the documents.
func (s *site) docList(*http.Request) (*document, error) {
	m, err := s.docs()
	if err != nil {
		return nil, err
	}
	view := docView{}
	for _, name := range m.names {
		view.Pages = append(view.Pages, page.Link{Text: m.pages[name].title, Href: "/docs/" + name})
	}
	return &document{name: "doc", title: "Documents", about: "How Detonaut works, and how to use it.", data: view}, nil
}
