package web

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/rulebook"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// pivot is a kind of page about something that images have in common.
type pivot struct {
	kind store.Kind
	// names are paths under which it is known besides that of its kind.
	names []string
	// what is said before a value.
	what string
}

// pivots are the kinds of facts that have pages, but for rules, which have their own.
func pivots() []pivot {
	return []pivot{
		{store.SHA256, []string{"hash"}, "File"},
		{store.Likeness, nil, "Alike"},
		{store.Domain, nil, "Domain"},
		{store.IP, nil, "Address"},
		{store.Port, nil, "Port"},
		{store.Listen, nil, "Listens at"},
		{store.Wallet, nil, "Wallet"},
		{store.Certificate, nil, "Certificate"},
		{store.Technique, nil, "Technique"},
		{store.Family, nil, "Family"},
		{store.Layer, nil, "Layer"},
		{store.Package, nil, "Package"},
		{store.PackageName, nil, "Package"},
		{store.CVE, []string{"cve"}, "Vulnerability"},
		{store.Process, nil, "Process"},
	}
}

// pivotView is the page of a fact.
type pivotView struct {
	Fact  store.Fact
	What  string
	Total int
	Found []store.Summary
	// Outside is a page of somebody else about it, for the few kinds that have one of whose
	// address the subject has no part.
	Outside *page.Link
	Search  string
	Next    string
}

// pivot makes the pages of a kind of facts.
func (s *site) pivot(p pivot) maker {
	return func(r *http.Request) (*document, error) {
		value, ok := fact.Clean(p.kind, r.PathValue("value"))
		f := store.Fact{Kind: p.kind, Value: value}
		if !ok {
			return nil, refused(http.StatusBadRequest, "This is not how such a thing is written.")
		}
		view, next, err := s.having(r, f)
		if err != nil {
			return nil, err
		}
		if view.Total == 0 {
			return nil, refused(http.StatusNotFound, "No image that was analysed has this.")
		}
		view.What, view.Outside = p.what, outside(f)
		title := p.what + " " + f.Value
		return &document{
			name: "pivot", title: title, about: fmt.Sprintf("%d container images have this in common.", view.Total), data: view, path: page.FactPath(f.Kind, f.Value),
			twin: listTwin{Fact: &f, Total: view.Total, Images: listed(view.Found), Next: next}, noIndex: r.URL.Query().Has("cursor"),
		}, nil
	}
}

// having looks up the images that have a fact; next is the path of more of them for programs.
func (s *site) having(r *http.Request, f store.Fact) (view pivotView, next string, err error) {
	at, err := pageOf(r)
	if err != nil {
		return view, "", err
	}
	found, cursor, err := s.Store.Having(r.Context(), f, at)
	if err != nil {
		return view, "", err
	}
	counts, err := s.Store.Prevalence(r.Context(), []store.Fact{f})
	if err != nil {
		return view, "", err
	}
	view = pivotView{Fact: f, Total: counts[0], Found: found}
	view.Next, next = nextPath(r, cursor)
	return view, next, nil
}

var cveForm = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,9}$`)

// outside is a page about a fact whose address is made of nothing but letters of its form.
func outside(f store.Fact) *page.Link {
	switch {
	case f.Kind == store.Technique:
		return &page.Link{Text: "MITRE ATT&CK " + rulebook.Attack, Href: "https://attack.mitre.org/techniques/" + strings.Replace(f.Value, ".", "/", 1) + "/"}
	case f.Kind == store.CVE && cveForm.MatchString(f.Value):
		return &page.Link{Text: "National Vulnerability Database", Href: "https://nvd.nist.gov/vuln/detail/" + f.Value}
	}
	return nil
}

// aliasPivot leads from another name of a kind to its page.
func aliasPivot(k store.Kind) sender {
	return func(w http.ResponseWriter, r *http.Request) error {
		return redirect(w, r, page.FactPath(k, r.PathValue("value")))
	}
}
