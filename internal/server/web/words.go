package web

import (
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/query"
)

// Bounds of what is shown of one string, in characters.
const (
	maxShown = 160
	maxQuery = 512
)

// twinSuffix is what the address of a page's twin ends in.
const twinSuffix = ".json"

// functions are those of templates beside those of [page.Funcs].
var functions = template.FuncMap{
	"list":     func(label string, images []store.Summary) imageList { return imageList{label, images} },
	"name":     page.ImageName,
	"stamp":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"category": categoryPath, "surveyPath": surveyPath,
	"itemName": func(i store.Item) string { return page.ImageName(store.Summary{Name: i.Name, Digest: i.Digest}) },
	"jobName":  jobName,
	"pulls":    pullsOf,
	"lines":    func(s string) string { return cutText(visible(s), 64<<10) },
}

// imageList is a list of images, and what it is called for those who do not see what is around
// it.
type imageList struct {
	Label  string
	Images []store.Summary
}

// cut makes what does not print visible, and leaves at most n characters.
func cut(s string, n int) string { return page.Plain(s, n) }

// visible does the same to a text of several lines, and leaves all of it.
func visible(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = page.Plain(strings.ReplaceAll(line, "\t", "    "), len(line)+4*strings.Count(line, "\t"))
	}
	return strings.Join(lines, "\n")
}

// cutText leaves at most n bytes of a text of several lines.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// categoryPath is the address of a search for the images of a category.
func categoryPath(c detonaut.Category) string {
	return page.SearchPath(query.Format(store.Query{Categories: []detonaut.Category{c}}))
}

// pullsOf is a number of pulls; nothing if it is not known.
func pullsOf(n int64) string {
	if n < 0 {
		return "–"
	}
	return strconv.FormatInt(n, 10)
}

// jobName is the ref of a job without its digest, if that is told of beside it.
func jobName(j store.Job) string {
	return strings.TrimSuffix(string(j.Ref), "@"+string(j.Digest))
}
