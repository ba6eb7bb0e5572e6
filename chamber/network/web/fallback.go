package web

import (
	"html"
	"net/http"
	"path"
	"strings"

	"github.com/detonaut/detonaut/chamber/network/web/inert"
)

// fallback answers what nobody knows with a file of the kind that was asked
// for, so that what fetches its next stage gets one.
func (s *Site) fallback(q *request) Response {
	if q.Method == http.MethodOptions {
		return reply("default/options", http.StatusNoContent, "", "").
			with("Allow", "GET, HEAD, POST, PUT, OPTIONS").with("Access-Control-Allow-Origin", "*").
			with("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, OPTIONS").with("Access-Control-Allow-Headers", "*")
	}
	if q.path == "/robots.txt" {
		return reply("default/txt", http.StatusOK, "text/plain", "User-agent: *\nDisallow:\n")
	}
	if file, ok := inert.Named(q.path, machine(q.path)); ok {
		return reply("default/"+extension(q.path), http.StatusOK, file.Kind, string(file.Body))
	}
	switch {
	case q.accepts("text/html") || q.path == "/" && !q.accepts("json"):
	case q.accepts("json") || strings.Contains(q.path, "/api/"):
		return reply("default/json", http.StatusOK, "application/json", "{\"status\":\"ok\"}\n")
	case strings.HasSuffix(q.path, "/"):
	default:
		// Without an extension it is a program or a script. A shell and the
		// kernel take a script for either.
		return reply("default/sh", http.StatusOK, "application/octet-stream", inert.Shell)
	}
	return reply("default/html", http.StatusOK, "text/html", page(q.host, "<h1>It works!</h1>"))
}

// page is an HTML page; body is HTML of ours, the title is not.
func page(title, body string) string {
	return "<!DOCTYPE html>\n<html>\n<head><title>" + html.EscapeString(title) + "</title></head>\n<body>\n" + body + "\n</body>\n</html>\n"
}

// extension is that of a path, without the dot; "file" if it is an odd one.
func extension(p string) string {
	ext := strings.TrimPrefix(path.Ext(strings.ToLower(p)), ".")
	for _, c := range []byte(ext) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return "file"
		}
	}
	if ext == "" {
		return "file"
	}
	return ext
}

// machine is what a path says that it is for; empty if it says nothing.
func machine(p string) string {
	p = strings.ToLower(p)
	switch {
	case strings.Contains(p, "aarch64"), strings.Contains(p, "arm64"):
		return "arm64"
	case strings.Contains(p, "x86_64"), strings.Contains(p, "amd64"), strings.Contains(p, "x86-64"):
		return "amd64"
	}
	return ""
}

// panel takes whatever is sent, as the server of a bot would.
func (s *Site) panel(q *request) (Response, bool) {
	switch q.Method {
	case http.MethodPost, http.MethodPatch:
		if q.isJSON() {
			return reply("panel", http.StatusOK, "application/json", `{"status":"ok"}`), true
		}
		return reply("panel", http.StatusOK, "text/html", page("OK", "OK")), true
	case http.MethodPut:
		return reply("panel", http.StatusCreated, "", "").with("Location", q.link(q.path)), true
	case http.MethodDelete:
		return reply("panel", http.StatusNoContent, "", ""), true
	}
	return Response{}, false
}

// tor sees a client of Tor ask for the directory (dir-spec, section 6.2). It
// has none to give: there is no Tor here.
func (s *Site) tor(q *request) (Response, bool) {
	if !strings.HasPrefix(q.path, "/tor/") {
		return Response{}, false
	}
	return reply("tor/directory", http.StatusServiceUnavailable, "text/plain", "Directory busy, try again later\n").with("Server", ""), true
}
