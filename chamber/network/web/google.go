package web

import (
	"net/http"
	"strings"
)

// googleMetadata is the metadata server of Compute Engine.
func (s *Site) googleMetadata(q *request) Response {
	a, _ := s.google(q)
	return a
}

// tokenLife is how many seconds a token of Google lasts from now.
const tokenLife = 3599

func (s *Site) google(q *request) (Response, bool) {
	a := s.googleAnswer(q)
	a.Answer = "metadata/gcp"
	return a.with("Server", "Metadata Server for VM").with("Metadata-Flavor", "Google").
		with("X-XSS-Protection", "0").with("X-Frame-Options", "SAMEORIGIN"), true
}

func (s *Site) googleAnswer(q *request) Response {
	const (
		text = "application/text"
		json = "application/json"
	)
	switch {
	case !q.reads():
		return reply("", http.StatusMethodNotAllowed, "text/html; charset=UTF-8", page("Error 405", "Method not allowed"))
	case q.path == "/":
		return reply("", http.StatusOK, text, "0.1/\ncomputeMetadata/\n")
	case q.Header.Get("Metadata-Flavor") != "Google" || q.Header.Get("X-Forwarded-For") != "":
		return reply("", http.StatusForbidden, "text/html; charset=UTF-8", page("Error 403 (Forbidden)!!1", "Missing Metadata-Flavor:Google header."))
	}
	p, ok := q.under("/computeMetadata/v1")
	if !ok {
		if strings.Trim(q.path, "/") == "computeMetadata" {
			return reply("", http.StatusOK, text, "v1/\nv1beta1/\n")
		}
		return googleMissing()
	}
	p = strings.TrimPrefix(p, "/")
	all := s.googleTree()
	value, directory, ok := all.get(p)
	switch {
	case !ok:
		return googleMissing()
	case directory && q.query.Get("recursive") == "true":
		if p != "" {
			p = strings.TrimSuffix(p, "/") + "/"
		}
		return reply("", http.StatusOK, json, toJSON(all.nested(p, camel)))
	case directory && p != "" && !strings.HasSuffix(p, "/"):
		return reply("", http.StatusMovedPermanently, "text/html; charset=UTF-8", page("301", "Moved")).with("Location", q.link(q.path+"/"))
	case directory:
		return reply("", http.StatusOK, text, value+"\n")
	case strings.HasPrefix(value, "{") || q.query.Get("alt") == "json":
		if q.query.Get("alt") == "json" && !strings.HasPrefix(value, "{") {
			value = toJSON(value)
		}
		return reply("", http.StatusOK, json, value)
	}
	return reply("", http.StatusOK, text, value)
}

func googleMissing() Response {
	return reply("", http.StatusNotFound, "text/html; charset=UTF-8", page("Error 404 (Not Found)!!1", "The requested URL was not found on this server."))
}

var afterHyphen = compiled(`-[a-z]`)

// camel is how a name of a path is written in JSON.
func camel(s string) string {
	return afterHyphen().ReplaceAllStringFunc(s, func(m string) string { return strings.ToUpper(m[1:]) })
}

// googleTree is what is below computeMetadata/v1.
func (s *Site) googleTree() tree {
	b := s.opts.Baits
	email := b.Value("gcp-service-account")
	_, domain, _ := strings.Cut(email, "@")
	project, _, _ := strings.Cut(domain, ".")
	const number = "412905318876"
	zone := "projects/" + number + "/zones/europe-west1-b"
	token := toJSON(map[string]any{"access_token": b.Value("gcp-access-token"), "expires_in": tokenLife, "token_type": "Bearer"})
	t := tree{
		{"instance/attributes/cluster-location", "europe-west1"},
		{"instance/attributes/cluster-name", "production"},
		{"instance/cpu-platform", "Intel Broadwell"},
		{"instance/description", ""},
		{"instance/disks/0/device-name", "persistent-disk-0"},
		{"instance/hostname", "app-1.europe-west1-b.c." + project + ".internal"},
		{"instance/id", "7230417713548890112"},
		{"instance/image", "projects/debian-cloud/global/images/debian-12-bookworm-v20250311"},
		{"instance/machine-type", "projects/" + number + "/machineTypes/n2-standard-2"},
		{"instance/name", "app-1"},
		{"instance/network-interfaces/0/access-configs/0/external-ip", PublicAddress},
		{"instance/network-interfaces/0/ip", privateAddress},
		{"instance/network-interfaces/0/mac", mac},
		{"instance/network-interfaces/0/network", "projects/" + number + "/networks/default"},
	}
	for _, account := range []string{email, "default"} {
		dir := "instance/service-accounts/" + account + "/"
		t = append(t,
			leaf{dir + "aliases", "default"}, leaf{dir + "email", email},
			leaf{dir + "scopes", "https://www.googleapis.com/auth/cloud-platform"}, leaf{dir + "token", token})
	}
	return append(t,
		leaf{"instance/tags", `["app"]`}, leaf{"instance/zone", zone},
		leaf{"project/attributes/ssh-keys", ""}, leaf{"project/numeric-project-id", number}, leaf{"project/project-id", project})
}
