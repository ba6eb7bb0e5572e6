package web

import (
	"net/http"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/difference"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
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
	Items []comparedItem
	More  int
}

// comparedItem is one line. Its Href is ours; empty leads nowhere.
type comparedItem struct {
	difference.Item
	Href string
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
	for _, l := range []struct {
		what  string
		items []difference.Item
	}{{"new", p.New}, {"gone", p.Gone}, {"changed", p.Changed}} {
		if len(l.items) == 0 {
			continue
		}
		list := comparedList{What: l.what, More: max(0, len(l.items)-maxDiffering)}
		for _, item := range l.items[:len(l.items)-list.More] {
			if p.Name == difference.Findings && item.Was == "" {
				item.Value = "" // the severity is shown already
			}
			list.Items = append(list.Items, comparedItem{item, comparedHref(p.Name, item.Key)})
		}
		c.Lists = append(c.Lists, list)
	}
	return c
}

// comparedHref is the page about one thing that differs; empty if there is none.
func comparedHref(part difference.Name, key string) string {
	switch part {
	case difference.Findings:
		return page.RulePath(key)
	case difference.Hosts:
		return hostCell(key).Href
	case difference.Payloads:
		return hash(key).Href
	case difference.Vulnerabilities:
		id, _, _ := strings.Cut(key, " in ")
		return pivotCell(store.CVE, id, id).Href
	case difference.Packages:
		if at := strings.LastIndex(key, " ("); at > 0 {
			return pivotCell(store.PackageName, key[:at], key[:at]).Href
		}
	default:
	}
	return ""
}
