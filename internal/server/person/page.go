package person

import (
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"sync"

	site "github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/server/guard"
)

//go:embed page.html
var files embed.FS

var pages = sync.OnceValue(func() *template.Template {
	return template.Must(site.Layout().ParseFS(files, "page.html"))
})

// page is what people see at the door.
type page struct {
	site.Chrome
	Heading, Text string
	Form          bool
	// Refused is set when to sign in would not help.
	Refused bool
	To      string
	// Start leads to the provider, Name is what that is called.
	Start, Name string
}

// form asks for a key, or leads to the provider.
func (d *Door) form(to, text string) page {
	p := page{Heading: "Sign in", Text: text, Form: true, To: to}
	if d.o.Provider != nil {
		p.Start, p.Name = StartPath+"?to="+url.QueryEscape(to), d.o.Provider.Name
	}
	return p
}

func (d *Door) showSignIn(w http.ResponseWriter, r *http.Request) {
	d.show(w, http.StatusOK, d.form(local(r.URL.Query().Get("to")), ""))
}

// Refuse shows a person why the guard did not let them pass.
func (d *Door) Refuse(w http.ResponseWriter, _ *http.Request, p guard.Problem) {
	d.show(w, p.Status, page{Heading: http.StatusText(p.Status), Text: p.Detail, Refused: p.Status != http.StatusUnauthorized})
}

func (d *Door) show(w http.ResponseWriter, status int, p page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	p.Title, p.NoIndex = p.Heading+" · Detonaut", true
	if err := pages().ExecuteTemplate(w, "layout", p); err != nil {
		d.o.Log.Debug("page not written", "error", err)
	}
}
