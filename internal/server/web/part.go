package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

// numRows is how many rows of a table a page shows.
const numRows = 250

// table is a whole list of a report, of which its page shows some.
type table struct {
	// name is how it is asked for alone.
	name, title string
	columns     []string
	len         int
	row         func(i int) []cell
}

// cell is one field of a row. Its Href is ours.
type cell struct {
	Text, Href string
	Severity   detonaut.Severity
}

// tableView is what is shown of a table.
type tableView struct {
	Name    string     `json:"name"`
	Title   string     `json:"-"`
	Columns []string   `json:"columns"`
	Rows    [][]cell   `json:"-"`
	Values  [][]string `json:"rows"`
	Total   int        `json:"total"`
	// From is the number of the first row, from 1.
	From int `json:"from"`
	// Next is the path of the rows behind, for people; empty at the end.
	Next string `json:"-"`
}

// partView is the page of a part of a report.
type partView struct {
	Report *subject
	Action string
	Text   string
	Tables []tableView
}

// partTwin is the same for programs.
type partTwin struct {
	Digest detonaut.Digest `json:"digest"`
	Part   string          `json:"part"`
	Tables []tableView     `json:"tables"`
}

// parts are those of a report that have pages of their own, with whole lists.
func parts() map[string]func(*tables) []table {
	return map[string]func(*tables) []table{
		"findings": (*tables).findings, "secrets": (*tables).secrets, "configuration": (*tables).configuration, "network": (*tables).network,
		"processes": (*tables).processes, "files": (*tables).files, "vulnerabilities": (*tables).vulnerabilities, "packages": (*tables).packages,
		"indicators": (*tables).indicators, "coverage": (*tables).coverage,
	}
}

// part is a page with the whole lists of a part of a report; with its fingerprint in the place
// of a part it leads to the report.
func (s *site) part(r *http.Request) (*document, error) {
	name := r.PathValue("part")
	if keyForm.MatchString(name) {
		return s.fixed(r, name)
	}
	lists, ok := parts()[name]
	if !ok {
		return nil, store.ErrNotFound
	}
	q := r.URL.Query()
	from := 1
	if text := q.Get("from"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, refused(http.StatusBadRequest, "from is the number of a row.")
		}
		from = n
	}
	if len(q.Get("text")) > maxQuery {
		return nil, refused(http.StatusBadRequest, "What you look for is too long.")
	}
	sub, err := s.subject(r)
	if err != nil {
		return nil, err
	}
	view := partView{Report: sub, Action: page.ReportPath(sub.Digest, "") + "/" + name, Text: q.Get("text")}
	for _, t := range lists(&tables{sub, sub.Report, sub.run()}) {
		if only := q.Get("table"); only == "" || only == t.name {
			view.Tables = append(view.Tables, t.view(sub, name, view.Text, from))
		}
	}
	return &document{
		name: "part", title: strings.ToUpper(name[:1]) + name[1:] + " of " + sub.Name, data: view, noIndex: true,
		twin: partTwin{Digest: sub.Digest, Part: name, Tables: slices.Concat([]tableView{}, view.Tables)},
	}, nil
}

// run is that of the report; an empty one if nothing was run.
func (sub *subject) run() *detonaut.Run {
	return cmp.Or(sub.Report.Run, &detonaut.Run{})
}

// view shows the rows of a table from one on, or those among them in which a text is.
func (t *table) view(sub *subject, part, text string, from int) tableView {
	v := tableView{Name: t.name, Title: t.title, Columns: t.columns, From: from, Values: [][]string{}}
	text = strings.ToLower(text)
	for i := range t.len {
		if text == "" && (i < from-1 || i >= from-1+numRows) {
			v.Total++
			continue // it need not be made
		}
		row := t.row(i)
		if text != "" && !slices.ContainsFunc(row, func(c cell) bool { return strings.Contains(strings.ToLower(c.Text+" "+string(c.Severity)), text) }) {
			continue
		}
		v.Total++
		if v.Total < from || v.Total >= from+numRows {
			continue
		}
		values := make([]string, len(row))
		for j, c := range row {
			values[j] = cmp.Or(c.Text, string(c.Severity))
		}
		v.Rows, v.Values = append(v.Rows, row), append(v.Values, values)
	}
	if next := from + numRows; next <= v.Total {
		q := url.Values{"table": {t.name}, "from": {strconv.Itoa(next)}}
		if text != "" {
			q.Set("text", text)
		}
		v.Next = with(sub.at(part), q)
	}
	return v
}

// fixed leads from the path of a report with its fingerprint behind it to where that is.
func (s *site) fixed(r *http.Request, key string) (*document, error) {
	d, err := digestOf(r.PathValue("digest"))
	if err != nil {
		return nil, err
	}
	to := page.ReportPath(d, key)
	if isTwin(r) {
		to = fmt.Sprintf("%s%s?fingerprint=%s", page.ReportPath(d, ""), twinSuffix, key)
	}
	return &document{to: to}, nil
}
