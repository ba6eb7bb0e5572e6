package web

import (
	"html"
	"path"
	"strings"

	"github.com/detonaut/detonaut/chamber/network/web/inert"
)

var (
	goPath  = compiled(`^/([A-Za-z0-9!._~/-]+)/(@latest|@v/list|@v/(v\d+\.\d+\.\d+[A-Za-z0-9.+!-]*)\.(info|mod|zip))$`)
	goMajor = compiled(`[/.](v\d+)$`)
	goName  = compiled(`[^a-z0-9_]`)
)

// goProxy is a module proxy (Go Modules Reference, "GOPROXY protocol"): every
// module in every version that is asked for.
func (s *Site) goProxy(q *request) (Response, bool) {
	if q.query.Get("go-get") == "1" {
		root := strings.Trim(q.host+q.path, "/")
		return found("text/html", []byte("<html><head><meta name=\"go-import\" content=\""+html.EscapeString(root)+" git "+html.EscapeString(q.link(q.path))+"\"></head></html>\n"))
	}
	m := goPath().FindStringSubmatch(q.path)
	if m == nil || !q.reads() {
		return Response{}, false
	}
	module, newest := goUnescape(m[1]), "v1.0.0"
	if major := goMajor().FindStringSubmatch(module); major != nil {
		newest = major[1] + ".0.0"
	}
	info := func(version string) string { return toJSON(object{"Version": version, "Time": stamp(epoch)}) }
	asked := goUnescape(m[3])
	switch {
	case m[2] == "@latest":
		return found("application/json", []byte(info(newest)))
	case m[2] == "@v/list":
		return found("text/plain; charset=UTF-8", []byte(newest+"\n"))
	case m[4] == "info":
		return found("application/json", []byte(info(asked)))
	case m[4] == "mod":
		return found("text/plain; charset=UTF-8", []byte("module "+module+"\n"))
	}
	name := goName().ReplaceAllString(strings.ToLower(path.Base(goMajor().ReplaceAllString(module, ""))), "_")
	root := module + "@" + asked + "/"
	return found("application/zip", inert.Zip(
		inert.Entry{Name: root + "go.mod", Body: "module " + module + "\n"},
		inert.Entry{Name: root + "doc.go", Body: "// Package p" + name + " is here.\npackage p" + name + "\n"}))
}

// goUnescape resolves the capitals of a path: "!a" is "A".
func goUnescape(s string) string {
	parts := strings.Split(s, "!")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}
