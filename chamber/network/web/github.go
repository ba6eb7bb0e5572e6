package web

import (
	"net/http"
	"strings"

	"github.com/detonaut/detonaut/chamber/network/web/inert"
)

// github answers for GitHub and what belongs to it, and for GitLab in passing:
// files of repositories by their extension, releases, and what a token may do.
func (s *Site) github(q *request) (Response, bool) {
	var a Response
	switch {
	case q.host == "api.github.com" || strings.HasPrefix(q.path, "/api/v3/"):
		a = s.githubAPI(q)
	case q.host == "codeload.github.com":
		a = s.codeload(q)
	case q.host == "raw.githubusercontent.com" || q.host == "gist.githubusercontent.com" || strings.Contains(q.path, "/-/raw/"):
		a = s.raw(q)
	case q.host == "github.com" || q.within("githubusercontent.com"):
		switch {
		case !q.reads():
			return Response{}, false
		case strings.Contains(q.path, "/raw/"):
			a = s.raw(q)
		case strings.Contains(q.path, "/archive/"):
			a = s.codeload(q)
		default:
			a = s.fallback(q)
		}
	case q.host == "gitlab.com" && strings.HasPrefix(q.path, "/api/v4/"):
		a = reply("", http.StatusOK, "application/json", toJSON(object{"id": 1284421, "username": "cibuild", "state": "active"}))
	default:
		return Response{}, false
	}
	a.Answer = "github"
	return a.with("Server", "GitHub.com").with("X-Github-Request-Id", strings.ToUpper(s.token(16, q.host, q.path))), true
}

// raw is a file as text, whatever it is.
func (s *Site) raw(q *request) Response {
	file, ok := inert.Named(q.path, machine(q.path))
	if !ok {
		return reply("", http.StatusOK, "text/plain; charset=utf-8", inert.Shell)
	}
	kind := "text/plain; charset=utf-8"
	if !strings.HasPrefix(file.Kind, "text/") && !strings.HasSuffix(file.Kind, "json") && !strings.HasSuffix(file.Kind, "-sh") {
		kind = "application/octet-stream"
	}
	return reply("", http.StatusOK, kind, string(file.Body))
}

// codeload is a repository in an archive.
func (s *Site) codeload(q *request) Response {
	if strings.Contains(q.path, "zip") {
		file, _ := inert.Named("repository-main.zip", "")
		return reply("", http.StatusOK, "application/zip", string(file.Body))
	}
	file, _ := inert.Named("repository-main.tar.gz", "")
	return reply("", http.StatusOK, "application/x-gzip", string(file.Body))
}

var githubRepository = compiled(`^/repos/([\w.-]+)/([\w.-]+)(?:/(.*))?$`)

func (s *Site) githubAPI(q *request) Response {
	json := func(status int, v any) Response {
		return reply("", status, "application/json; charset=utf-8", toJSON(v)).with("X-Ratelimit-Limit", "5000").
			with("X-Ratelimit-Remaining", "4987").with("X-Oauth-Scopes", "repo, workflow, read:org").with("X-Github-Media-Type", "github.v3; format=json")
	}
	p := strings.TrimPrefix(q.path, "/api/v3")
	user := object{"login": "cibuild", "id": 98127744, "type": "User", "html_url": "https://github.com/cibuild"}
	switch {
	case p == "/":
		return json(http.StatusOK, object{"current_user_url": "https://api.github.com/user"})
	case p == "/user" && q.reads():
		return json(http.StatusOK, user)
	case p == "/user/repos" && q.Method == http.MethodPost:
		return json(http.StatusCreated, githubRepo("cibuild", "repository", user))
	case p == "/user/repos", p == "/user/orgs", strings.HasPrefix(p, "/users/") && strings.HasSuffix(p, "/repos"):
		return json(http.StatusOK, []object{})
	case p == "/gists" && q.Method == http.MethodPost:
		id := s.token(32, "gist", string(q.body))
		return json(http.StatusCreated, object{"id": id, "html_url": "https://gist.github.com/cibuild/" + id, "url": "https://api.github.com/gists/" + id, "owner": user})
	case strings.HasPrefix(p, "/rate_limit"):
		return json(http.StatusOK, object{"rate": object{"limit": 5000, "remaining": 4987, "reset": s.hour().Unix() + 3600, "used": 13}})
	}
	m := githubRepository().FindStringSubmatch(p)
	switch {
	case m == nil && !q.reads():
		return json(http.StatusCreated, object{"id": 1})
	case m == nil:
		return json(http.StatusOK, object{})
	case q.Method == http.MethodDelete:
		return reply("", http.StatusNoContent, "", "")
	case !q.reads():
		return json(http.StatusCreated, object{"id": 1, "number": 1, "name": m[2], "html_url": "https://github.com/" + m[1] + "/" + m[2] + "/issues/1", "content": object{"sha": s.token(40, p)}})
	case m[3] == "":
		return json(http.StatusOK, githubRepo(m[1], m[2], user))
	case strings.HasPrefix(m[3], "releases/"):
		return json(http.StatusOK, githubRelease(m[1], m[2]))
	case m[3] == "releases":
		return json(http.StatusOK, []object{githubRelease(m[1], m[2])})
	case strings.HasPrefix(m[3], "contents/"), strings.HasPrefix(m[3], "git/"):
		return json(http.StatusOK, object{"name": "file", "sha": s.token(40, p), "encoding": "base64", "content": encoded(inert.Shell)})
	case strings.HasPrefix(m[3], "tarball"), strings.HasPrefix(m[3], "zipball"):
		return s.codeload(q)
	}
	return json(http.StatusOK, []object{})
}

func githubRepo(owner, name string, user object) object {
	return object{
		"id": 781265512, "name": name, "full_name": owner + "/" + name, "private": false, "owner": user, "default_branch": "main",
		"html_url": "https://github.com/" + owner + "/" + name, "clone_url": "https://github.com/" + owner + "/" + name + ".git",
	}
}

// githubRelease has the files that releases have.
func githubRelease(owner, name string) object {
	var assets []object
	base := "https://github.com/" + owner + "/" + name + "/releases/download/v" + version + "/"
	for _, file := range []string{name + "_linux_amd64.tar.gz", name + "_linux_arm64.tar.gz", name + "-x86_64.tar.gz", "checksums.txt"} {
		assets = append(assets, object{"name": file, "browser_download_url": base + file, "content_type": "application/octet-stream", "state": "uploaded"})
	}
	return object{
		"tag_name": "v" + version, "name": "v" + version, "draft": false, "prerelease": false, "published_at": stamp(epoch), "assets": assets,
		"tarball_url": "https://api.github.com/repos/" + owner + "/" + name + "/tarball/v" + version, "html_url": "https://github.com/" + owner + "/" + name + "/releases/tag/v" + version,
	}
}
