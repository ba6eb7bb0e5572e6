package page

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Paths of a server, as the pages link to them. What is the subject's is escaped in them.

// ReportPath is the page of a report, of the newest fingerprint if key is empty.
func ReportPath(d detonaut.Digest, key string) string { return PartPath(d, key, "") }

// PartPath is a page of its own about a part of a report: the id of a section
// ("vulnerabilities", "packages" ...) with the whole list, or "events", the tape.
func PartPath(d detonaut.Digest, key, part string) string {
	p := "/image/" + url.PathEscape(string(d))
	if part != "" {
		p += "/" + part
	}
	if key != "" {
		p += "?fingerprint=" + url.QueryEscape(key)
	}
	return p
}

// EventPath is the place of an event in the tape.
func EventPath(d detonaut.Digest, key string, seq uint64) string {
	p := PartPath(d, key, "events")
	sep := "?"
	if strings.Contains(p, "?") {
		sep = "&"
	}
	n := strconv.FormatUint(seq, 10)
	return p + sep + "from=" + n + "#event-" + n
}

// FactPath is the page of all images that have a fact.
func FactPath(kind store.Kind, value string) string {
	return "/" + url.PathEscape(string(kind)) + "/" + url.PathEscape(value)
}

// RepositoryPath is the page of a repository; under one tag if that is not empty.
func RepositoryPath(n store.Name) string {
	parts := strings.Split(n.Repository, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	p := "/repository/" + url.PathEscape(n.Registry) + "/" + strings.Join(parts, "/")
	if n.Tag != "" {
		p += "?tag=" + url.QueryEscape(n.Tag)
	}
	return p
}

// SearchPath is the page of what a query finds.
func SearchPath(q string) string { return "/search?q=" + url.QueryEscape(q) }
