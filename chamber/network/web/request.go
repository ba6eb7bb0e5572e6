package web

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A request is what the answerers look at: the parts of an HTTP request in one
// form each.
type request struct {
	*http.Request
	body []byte
	to   netip.Addr
	port uint16
	// host is the name asked for, in lower case without a port or final dot,
	// and to when there is none; authority is the same with the port.
	host, authority string
	path            string // decoded; begins with a slash
	query           url.Values
	scheme          string
}

// maxHost is how many characters of a host are looked at.
const maxHost = 255

func newRequest(r *http.Request, body []byte, to netip.AddrPort) *request {
	q := &request{Request: r, body: body, to: to.Addr().Unmap(), port: to.Port(), scheme: "http", path: "/"}
	q.authority = r.Host[:min(len(r.Host), maxHost)]
	if r.URL == nil {
		r.URL = &url.URL{}
	}
	if q.authority == "" {
		q.authority = r.URL.Host[:min(len(r.URL.Host), maxHost)]
	}
	if q.authority == "" {
		q.authority = to.String()
	}
	if host, port, err := net.SplitHostPort(q.authority); err == nil {
		q.host = host
		if port == "80" || port == "443" {
			q.authority = host
		}
	} else {
		q.host = strings.Trim(q.authority, "[]")
	}
	q.host = strings.ToLower(strings.TrimSuffix(q.host, "."))
	if r.TLS != nil || r.URL.Scheme == "https" || q.port == 443 {
		q.scheme = "https"
	}
	if strings.HasPrefix(r.URL.Path, "/") {
		q.path = r.URL.Path
	}
	if len(r.URL.RawQuery) <= maxPath {
		q.query, _ = url.ParseQuery(r.URL.RawQuery) // what of it makes sense
	}
	return q
}

// link is a URL of the same host.
func (q *request) link(path string) string {
	return (&url.URL{Scheme: q.scheme, Host: q.authority, Path: path}).String()
}

// reads tells whether it is a request for something that is there.
func (q *request) reads() bool {
	return q.Method == http.MethodGet || q.Method == http.MethodHead || q.Method == ""
}

// under is the rest of the path below a prefix.
func (q *request) under(prefix string) (rest string, ok bool) {
	return strings.CutPrefix(q.path, prefix)
}

// goesTo tells whether host or address is one of some.
func (q *request) goesTo(hosts ...string) bool {
	return slices.Contains(hosts, q.host) || q.to.IsValid() && slices.Contains(hosts, q.to.String())
}

// within tells whether the host is one of some, or below one.
func (q *request) within(domains ...string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return q.host == d || strings.HasSuffix(q.host, "."+d) })
}

// accepts tells whether the client named a type of content.
func (q *request) accepts(kind string) bool {
	return strings.Contains(strings.Join(q.Header.Values("Accept"), ","), kind)
}

// agent tells whether the name of the client begins with one of some.
func (q *request) agent(names ...string) bool {
	ua := strings.ToLower(q.UserAgent())
	return slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(ua, n) })
}

// isJSON tells whether the body is JSON, or the client wants some.
func (q *request) isJSON() bool {
	kind := q.Header.Get("Content-Type")
	return strings.Contains(kind, "json") || q.accepts("json") || len(q.body) > 1 && q.body[0] == '{' && json.Valid(q.body)
}

// compiled makes an expression when it is first used: together they take a
// while, and most runs ask for little.
func compiled(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// toJSON writes a value that is ours.
func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}" // a map of strings and numbers has no error
	}
	return string(b)
}
