package page

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Paths of a server, as the pages link to them. What is the subject's is escaped in them.

// Path is the path of a page: its parts, escaped. One that ends in ".json" is that of a page
// all the same.
func Path(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		p = url.PathEscape(p)
		if p == "." || p == ".." {
			p = strings.ReplaceAll(p, ".", "%2E")
		}
		b.WriteString("/" + p)
	}
	if strings.HasSuffix(b.String(), ".json") {
		b.WriteString("?as=page")
	}
	return b.String()
}

// ReportPath is the page of a report, of the newest fingerprint if key is empty.
func ReportPath(d detonaut.Digest, key string) string { return PartPath(d, key) }

// PartPath is a page about a part of a report: the id of a section ("vulnerabilities",
// "packages" ...) with the whole list, or "events", the tape.
func PartPath(d detonaut.Digest, key string, part ...string) string {
	p := Path(append([]string{"image", string(d)}, part...)...)
	if key == "" {
		return p
	}
	sep := "?"
	if strings.Contains(p, "?") {
		sep = "&"
	}
	return p + sep + "fingerprint=" + url.QueryEscape(key)
}

// EventPath is the page of an event of the tape.
func EventPath(d detonaut.Digest, key string, seq uint64) string {
	return PartPath(d, key, "events", strconv.FormatUint(seq, 10))
}

// FactPath is the page of all images that have a fact.
func FactPath(kind store.Kind, value string) string { return Path(string(kind), value) }

// RulePath is the page of a rule.
func RulePath(id string) string { return Path(append([]string{"rules"}, strings.Split(id, "/")...)...) }

// RepositoryPath is the page of a repository; under one tag if that is not empty.
func RepositoryPath(n store.Name) string {
	p := Path(append([]string{"repo", n.Registry}, strings.Split(n.Repository, "/")...)...)
	if n.Tag == "" {
		return p
	}
	sep := "?"
	if strings.Contains(p, "?") {
		sep = "&"
	}
	return p + sep + "tag=" + url.QueryEscape(n.Tag)
}

// SearchPath is the page of what a query finds.
func SearchPath(q string) string { return "/search?" + url.Values{"q": {q}}.Encode() }
