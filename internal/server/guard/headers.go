package guard

import (
	"net"
	"net/http"
	"strings"
)

// policy is what a browser may do with a page of ours: load styles, scripts and pictures of
// ours, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headers are those of every answer.
func (g *Guard) headers(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if g.o.URL != nil && g.o.URL.Scheme == "https" {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if g.o.Public && cost(r) == 1 {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "ETag, Link, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After")
	} else {
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Add("Vary", "Authorization, Cookie")
	}
}

// preflight answers a browser that asks what a page of another site may do: read, of a public
// server.
func (g *Guard) preflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	if g.o.Public {
		w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD")
		w.Header().Set("Access-Control-Allow-Headers", "Accept, If-None-Match, Last-Event-ID")
		w.Header().Set("Access-Control-Max-Age", "86400")
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

// host tells whether a request is for us, by the name that it asks for: another may be that of
// a site which points its own name at this machine, to read what its visitors may.
func (g *Guard) host(r *http.Request) bool {
	if g.hosts == nil {
		return true
	}
	name := r.Host
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	return g.hosts[strings.ToLower(strings.Trim(name, "[]"))]
}
