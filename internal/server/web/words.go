package web

import (
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/store"
)

// Bounds of what is shown of one string, in characters.
const (
	maxShown = 160
	maxQuery = 512
)

// twinSuffix is what the address of a page's twin ends in.
const twinSuffix = ".json"

// functions are those of templates.
var functions = template.FuncMap{
	"show":  func(s any) string { return cut(toString(s), maxShown) },
	"whole": func(s any) string { return cut(toString(s), 8*maxShown) },
	"link":  link,
	"image": func(d detonaut.Digest) string { return link("image", string(d)) },
	"name":  nameOf,
	"repo":  func(n store.Name) string { return repoLink(n.Registry, n.Repository) },
	"day":   func(t time.Time) string { return t.UTC().Format("2006-01-02") },
	"when":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") },
	"stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"size":  bytesOf,
	"count": countOf,
	"short": shortDigest,
	"find":  find,
}

// toString makes a string of one of the string types of reports.
func toString(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case detonaut.Digest:
		return string(v)
	case detonaut.Ref:
		return string(v)
	case detonaut.Severity:
		return string(v)
	case detonaut.Word:
		return string(v)
	case detonaut.Category:
		return string(v)
	case store.Kind:
		return string(v)
	}
	return ""
}

// cut makes what does not print visible, and leaves at most n characters.
func cut(s string, n int) string {
	if len(s) > 4*n { // of a long one not all is looked at
		s = strings.ToValidUTF8(s[:4*n], "")
	}
	s = report.Escape(s)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// link is the path of a page: its parts, escaped.
func link(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		p = url.PathEscape(p)
		if p == "." || p == ".." {
			p = strings.ReplaceAll(p, ".", "%2E")
		}
		b.WriteString("/" + p)
	}
	if strings.HasSuffix(b.String(), twinSuffix) {
		b.WriteString("?as=page")
	}
	return b.String()
}

// repoLink is the path of the page of a repository, whose name has slashes.
func repoLink(registry, name string) string {
	return link(append([]string{"repo", registry}, strings.Split(name, "/")...)...)
}

// find is the address of a search for one word of the language.
func find(field string, value any) string {
	v := toString(value)
	if strings.ContainsAny(v, " \t\"") {
		v = strconv.Quote(v)
	}
	return "/search?" + url.Values{"q": {field + ":" + v}}.Encode()
}

// nameOf is what people call an image.
func nameOf(s store.Summary) string {
	if s.Name.Repository == "" {
		return shortDigest(s.Digest)
	}
	name := s.Name.Repository
	if s.Name.Registry != "" && s.Name.Registry != "docker.io" {
		name = s.Name.Registry + "/" + name
	}
	if s.Name.Tag != "" {
		name += ":" + s.Name.Tag
	}
	return cut(name, maxShown)
}

func shortDigest(d detonaut.Digest) string {
	return cut(string(d), 20)
}

// bytesOf says a number of bytes in a few digits.
func bytesOf(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	f, i := float64(n), 0
	for f >= 999.5 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	if i == 0 || f >= 99.5 {
		return strconv.FormatFloat(f, 'f', 0, 64) + " " + units[i]
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + units[i]
}

// countOf writes a number with its thousands apart; one that is not known as a dash.
func countOf(v any) string {
	var n int64
	switch v := v.(type) {
	case int:
		n = int64(v)
	case int64:
		n = v
	case uint64:
		n = int64(min(v, 1<<62)) //nolint:gosec // it fits
	}
	if n < 0 {
		return "–"
	}
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
