package web

import (
	"net/http"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/difference"
	"github.com/detonaut/detonaut/internal/report/page"
)

// maxDiffering is how many lines of one list are shown; all of them are in the twin.
const maxDiffering = 100

// compareView is the comparison of two images, or the form for it.
type compareView struct {
	A, B         string
	Difference   *difference.Difference
	PathA, PathB string
	Parts        []comparedPart
}

// comparedPart is what differs in one respect.
type comparedPart struct {
	Name  difference.Name
	Title string
	Same  int
	Lists []comparedList
}

// comparedList are some of the lines that are new, gone or changed.
type comparedList struct {
	What  string // "new", "gone" or "changed"
	Items []difference.Item
	More  int
}

// compareTitles are the headings of parts.
var compareTitles = map[difference.Name]string{
	difference.Findings: "Findings", difference.Processes: "Processes", difference.Hosts: "Hosts", difference.Listeners: "Listeners",
	difference.Payloads: "Payloads of the run", difference.Changes: "Changes to the file system", difference.Packages: "Packages",
	difference.Vulnerabilities: "Vulnerabilities", difference.Files: "Files worth knowing", difference.Layers: "Layers", difference.Config: "Configuration",
}

// compare compares two images.
func (s *site) compare(r *http.Request) (*document, error) {
	q := r.URL.Query()
	view := compareView{A: strings.TrimSpace(q.Get("a")), B: strings.TrimSpace(q.Get("b"))}
	d := &document{name: "compare", title: "Compare two images", about: "What one container image does and holds that another does not.", noIndex: view.A != "" || view.B != ""}
	if view.A == "" || view.B == "" {
		d.data = view
		return d, nil
	}
	var reports [2]*detonaut.Report
	for i, side := range []struct {
		text string
		path *string
	}{{view.A, &view.PathA}, {view.B, &view.PathB}} {
		digest, err := s.resolve(r.Context(), side.text)
		if err != nil {
			return nil, err
		}
		e, err := s.Store.Get(r.Context(), digest, "")
		if err != nil {
			return nil, err
		}
		reports[i], *side.path = e.Report, page.ReportPath(digest, "")
	}
	view.Difference = difference.Of(reports[0], reports[1])
	for _, p := range view.Difference.Parts {
		view.Parts = append(view.Parts, comparedOf(p))
	}
	d.data, d.twin = view, view.Difference
	return d, nil
}

func comparedOf(p difference.Part) comparedPart {
	c := comparedPart{Name: p.Name, Title: compareTitles[p.Name], Same: p.Same}
	for _, l := range []comparedList{{What: "new", Items: p.New}, {What: "gone", Items: p.Gone}, {What: "changed", Items: p.Changed}} {
		if len(l.Items) > 0 {
			l.More = max(0, len(l.Items)-maxDiffering)
			l.Items = l.Items[:len(l.Items)-l.More]
			c.Lists = append(c.Lists, l)
		}
	}
	return c
}
