package web

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

// packages answers for the indexes and archives of package managers: every
// package exists, in one version mostly, and has nothing in it.
func (s *Site) packages(q *request) (Response, bool) {
	if len(q.path) > maxPackagePath {
		return Response{}, false
	}
	for _, p := range []struct {
		answer string
		reply  answerer
	}{
		{"package/oci", (*Site).oci},
		{"package/apt", (*Site).apt},
		{"package/apk", (*Site).apk},
		{"package/yum", (*Site).yum},
		{"package/pip", (*Site).pip},
		{"package/go", (*Site).goProxy},
		{"package/cargo", (*Site).cargo},
		{"package/gem", (*Site).gem},
		{"package/maven", (*Site).maven},
		{"package/npm", (*Site).npm},
	} {
		if a, ok := p.reply(s, q); ok {
			a.Answer = p.answer
			return a, true
		}
	}
	return Response{}, false
}

// maxPackagePath bounds the names that are taken from paths. (Bounds in the
// expressions below would make those large.)
const maxPackagePath = 512

// packageName is what names of packages are made of: little enough to be part
// of a path, a file and a line of an index.
const packageName = `[A-Za-z0-9][A-Za-z0-9._-]*`

func sum256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func sum1(b []byte) string {
	sum := sha1.Sum(b)
	return hex.EncodeToString(sum[:])
}

func found(kind string, body []byte) (Response, bool) {
	return reply("", http.StatusOK, kind, string(body)), true
}

func missing() (Response, bool) {
	return reply("", http.StatusNotFound, "text/plain", "Not Found\n"), true
}

var (
	ociPath   = compiled(`^/v2/?$|^/v2/(.+)/(manifests|blobs|tags)/(.*)$`)
	ociDigest = compiled(`^sha256:[0-9a-f]{64}$`)
)

// oci is a registry of images (OCI Distribution Specification 1.1): it has
// none, and takes all.
func (s *Site) oci(q *request) (Response, bool) {
	const json = "application/json"
	if q.host == "auth.docker.io" || q.path == "/token" && q.query.Has("service") {
		token := s.token(64, "registry", q.query.Get("scope"))
		return reply("", http.StatusOK, json, toJSON(object{"token": token, "access_token": token, "expires_in": 300, "issued_at": stamp(s.hour())})), true
	}
	m := ociPath().FindStringSubmatch(q.path)
	if m == nil {
		return Response{}, false
	}
	a := reply("", http.StatusOK, json, "{}")
	name, what, which := m[1], m[2], m[3]
	switch {
	case what == "tags":
		a = reply("", http.StatusOK, json, toJSON(object{"name": name, "tags": []string{"latest"}}))
	case what == "manifests" && q.Method == http.MethodPut:
		a = reply("", http.StatusCreated, "", "").with("Location", q.path).with("Docker-Content-Digest", "sha256:"+sum256(q.body))
	case what == "blobs" && strings.HasPrefix(which, "uploads"):
		a = s.ociUpload(q, name)
	case what != "":
		code, message := "MANIFEST_UNKNOWN", "manifest unknown"
		if what == "blobs" {
			code, message = "BLOB_UNKNOWN", "blob unknown to registry"
		}
		a = reply("", http.StatusNotFound, json, toJSON(object{"errors": []object{{"code": code, "message": message}}}))
	}
	return a.with("Docker-Distribution-Api-Version", "registry/2.0"), true
}

func (s *Site) ociUpload(q *request, name string) Response {
	digest := q.query.Get("digest")
	if ociDigest().MatchString(digest) && q.Method != http.MethodPatch {
		return reply("", http.StatusCreated, "", "").with("Location", q.link("/v2/"+name+"/blobs/"+digest)).with("Docker-Content-Digest", digest)
	}
	id := uuid(s.token(32, "upload", name))
	end := "0-0"
	if len(q.body) > 1 {
		end = "0-" + strconv.Itoa(len(q.body)-1)
	}
	return reply("", http.StatusAccepted, "", "").with("Location", q.link("/v2/"+name+"/blobs/uploads/"+id)).with("Docker-Upload-Uuid", id).with("Range", end)
}
