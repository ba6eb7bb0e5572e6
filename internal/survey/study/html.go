package study

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"

	"github.com/detonaut/detonaut/internal/report/page"
)

//go:embed templates
var templates embed.FS

// pages are the layout of the site with the study in it. Its style sheet and its policy are those
// of all pages: nothing of it needs more.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(page.Layout().ParseFS(templates, "templates/*.html"))
})

// single is a page that is a file of its own.
type single struct {
	page.Chrome
	View      *view
	Quantiles []string
}

// writeHTML writes a page that refers to nothing beside itself.
func writeHTML(w io.Writer, r *Report) error {
	v := newView(r)
	return pages().ExecuteTemplate(w, "layout", single{
		Chrome: page.Chrome{Single: true, Title: v.Title, Description: v.Lead}, View: v, Quantiles: quantileNames(),
	})
}

// Body is the report for a page that has the layout of the site around it, and a heading: it
// belongs into <main>. It is without [Facts], which a page of a survey has already. All in it is
// escaped.
func Body(r *Report) (template.HTML, error) {
	var b strings.Builder
	if err := pages().ExecuteTemplate(&b, "study", single{View: newView(r), Quantiles: quantileNames()}); err != nil {
		return "", fmt.Errorf("draw study: %w", err)
	}
	return template.HTML(b.String()), nil //nolint:gosec // escaped by its template
}
