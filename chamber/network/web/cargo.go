package web

import (
	"net/http"
	"strings"

	"github.com/detonaut/detonaut/chamber/network/web/inert"
)

var (
	cargoIndex = compiled(`^(?:/.*)?/(?:1|2|3/[a-z0-9_-]|[a-z0-9_-]{2}/[a-z0-9_-]{2})/([a-z0-9_-]+)$`)
	cargoFile  = compiled(`^/(?:api/v1/)?crates/([A-Za-z0-9_-]+)/(?:1\.0\.0/download|[\w.-]+\.crate)$`)
)

// cargo is a sparse index of crates, and the archive behind it (The Cargo Book,
// "Registry Index").
func (s *Site) cargo(q *request) (Response, bool) {
	if !q.agent("cargo") && !q.within("crates.io") {
		return Response{}, false
	}
	if q.Method == http.MethodPut && q.path == "/api/v1/crates/new" {
		return found("application/json", []byte(`{"warnings":{"invalid_categories":[],"invalid_badges":[],"other":[]}}`))
	}
	if strings.HasSuffix(q.path, "/config.json") {
		return found("application/json", []byte(toJSON(object{"dl": q.link("/crates"), "api": strings.TrimSuffix(q.link("/"), "/")})))
	}
	if m := cargoFile().FindStringSubmatch(q.path); m != nil {
		return found("application/gzip", crate(m[1]))
	}
	if m := cargoIndex().FindStringSubmatch(q.path); m != nil {
		return found("text/plain", []byte(toJSON(object{
			"name": m[1], "vers": version, "deps": []object{}, "cksum": sum256(crate(m[1])), "features": object{}, "yanked": false,
		})+"\n"))
	}
	return Response{}, false
}

func crate(name string) []byte {
	dir := name + "-" + version + "/"
	return inert.Tarball(
		inert.Entry{Name: dir + "Cargo.toml", Body: "[package]\nname = \"" + name + "\"\nversion = \"" + version + "\"\nedition = \"2021\"\n"},
		inert.Entry{Name: dir + "src/lib.rs"})
}
