package web

import (
	"crypto/md5"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/chamber/network/web/inert"
)

// version is that of every package which has only one.
const version = "1.0.0"

var (
	pipIndex = compiled(`^(.*)/simple/(` + packageName + `)/?$`)
	pipFile  = compiled(`/packages/(?:.*/)?([A-Za-z0-9_.]+)-1\.0\.0(-py3-none-any\.whl|\.tar\.gz)$`)
	pipJSON  = compiled(`^/pypi/(` + packageName + `)(?:/[^/]+)?/json$`)
	pipFold  = compiled(`[-_.]+`)
)

// pip is the Python package index (PEP 503 and 691): a wheel and a source
// archive of every package.
func (s *Site) pip(q *request) (Response, bool) {
	if m := pipFile().FindStringSubmatch(q.path); m != nil && q.reads() {
		return found("application/octet-stream", pipArchive(m[1], m[2]))
	}
	if m := pipJSON().FindStringSubmatch(q.path); m != nil {
		return found("application/json", []byte(toJSON(object{"info": object{"name": m[1], "version": version, "summary": ""}, "releases": object{version: []object{}}, "urls": []object{}})))
	}
	if q.path == "/legacy/" && q.Method == http.MethodPost { // an upload
		return found("text/plain", nil)
	}
	if strings.HasSuffix(q.path, "/simple/") && q.reads() {
		return found("text/html", []byte(page("Simple index", "")))
	}
	m := pipIndex().FindStringSubmatch(q.path)
	if m == nil || !q.reads() {
		return Response{}, false
	}
	name := strings.ToLower(pipFold().ReplaceAllString(m[2], "-"))
	file := strings.ReplaceAll(name, "-", "_")
	var links strings.Builder
	var files []object
	for _, suffix := range []string{"-py3-none-any.whl", ".tar.gz"} {
		sum := sum256(pipArchive(file, suffix))
		link := q.link(m[1] + "/packages/" + file + "-" + version + suffix)
		fmt.Fprintf(&links, "<a href=\"%s#sha256=%s\">%s</a><br/>\n", html.EscapeString(link), sum, file+"-"+version+suffix)
		files = append(files, object{"filename": file + "-" + version + suffix, "url": link, "hashes": object{"sha256": sum}})
	}
	const json = "application/vnd.pypi.simple.v1+json"
	if q.accepts(json) {
		return found(json, []byte(toJSON(object{"meta": object{"api-version": "1.0"}, "name": name, "files": files, "versions": []string{version}})))
	}
	return found("text/html", []byte(page("Links for "+name, links.String())))
}

// pipArchive is a package with one empty module.
func pipArchive(name, suffix string) []byte {
	metadata := "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n"
	module := name + "/__init__.py"
	if suffix == ".tar.gz" {
		dir := name + "-" + version + "/"
		return inert.Tarball(
			inert.Entry{Name: dir + "PKG-INFO", Body: metadata},
			inert.Entry{Name: dir + "setup.py", Body: "from setuptools import setup\n\nsetup(name=\"" + name + "\", version=\"" + version + "\", packages=[\"" + name + "\"])\n"},
			inert.Entry{Name: dir + module})
	}
	info := name + "-" + version + ".dist-info/"
	return inert.Zip(
		inert.Entry{Name: module},
		inert.Entry{Name: info + "METADATA", Body: metadata},
		inert.Entry{Name: info + "WHEEL", Body: "Wheel-Version: 1.0\nGenerator: wheel\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		inert.Entry{Name: info + "RECORD", Body: module + ",,\n" + info + "METADATA,,\n" + info + "WHEEL,,\n" + info + "RECORD,,\n"})
}

var (
	npmPath    = compiled(`^/((?:@[a-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*)(?:/(\d[\w.+-]*|latest))?$`)
	npmArchive = compiled(`^/((?:@[a-z0-9][\w.-]*/)?` + packageName + `)/-/[\w.-]+\.tgz$`)
)

// npm is a registry of Node packages.
func (s *Site) npm(q *request) (Response, bool) {
	if !q.agent("npm/", "yarn/", "pnpm/", "bun/") && !q.accepts("application/vnd.npm.install-v1+json") && !strings.HasPrefix(q.host, "registry.") {
		return Response{}, false
	}
	const json = "application/json"
	if m := npmArchive().FindStringSubmatch(q.path); m != nil {
		return found("application/octet-stream", npmTarball(m[1]))
	}
	switch {
	case q.path == "/-/whoami":
		return found(json, []byte(`{"username":"ci-publish"}`))
	case strings.HasPrefix(q.path, "/-/v1/search"):
		return found(json, []byte(toJSON(object{"objects": []object{}, "total": 0, "time": s.opts.Now().UTC().Format(http.TimeFormat)})))
	case strings.HasPrefix(q.path, "/-/"):
		return found(json, []byte("{}"))
	case q.Method == http.MethodPut: // a package is published
		return reply("", http.StatusCreated, json, `{"ok":true,"success":true}`), true
	}
	m := npmPath().FindStringSubmatch(q.path)
	if m == nil || !q.reads() {
		return Response{}, false
	}
	tarball := npmTarball(m[1])
	integrity := sha512.Sum512(tarball)
	one := object{"name": m[1], "version": version, "dist": object{
		"tarball": q.link("/" + m[1] + "/-/" + path.Base(m[1]) + "-" + version + ".tgz"), "shasum": sum1(tarball),
		"integrity": "sha512-" + base64.StdEncoding.EncodeToString(integrity[:]), "fileCount": 2, "unpackedSize": 100,
	}}
	if m[2] != "" {
		return found(json, []byte(toJSON(one)))
	}
	when := epoch.Format("2006-01-02T15:04:05.000Z")
	return found(json, []byte(toJSON(object{
		"_id": m[1], "name": m[1], "dist-tags": object{"latest": version}, "versions": object{version: one}, "modified": when,
		"time": object{"created": when, "modified": when, version: when},
	})))
}

func npmTarball(name string) []byte {
	return inert.Tarball(
		inert.Entry{Name: "package/package.json", Body: toJSON(object{"name": name, "version": version, "main": "index.js", "license": "MIT"}) + "\n"},
		inert.Entry{Name: "package/index.js", Body: "module.exports = {};\n"})
}

var gemPath = compiled(`^/(?:info/(` + packageName + `)|gems/(` + packageName + `)-1\.0\.0\.gem)$`)

// gem is the compact index of RubyGems.
func (s *Site) gem(q *request) (Response, bool) {
	if !q.agent("ruby", "bundler") && q.host != "rubygems.org" && q.host != "index.rubygems.org" {
		return Response{}, false
	}
	if m := gemPath().FindStringSubmatch(q.path); m != nil && m[1] != "" {
		body := []byte("---\n" + version + " |checksum:" + sum256(gemFile(m[1])) + "\n")
		a, _ := found("text/plain", body)
		sum := md5.Sum(body)
		return a.with("ETag", `"`+hex.EncodeToString(sum[:])+`"`), true
	} else if m != nil {
		return found("application/octet-stream", gemFile(m[2]))
	}
	switch {
	case q.path == "/versions":
		return found("text/plain", []byte("created_at: "+stamp(epoch)+"\n---\n"))
	case q.path == "/names":
		return found("text/plain", []byte("---\n"))
	case strings.HasSuffix(q.path, "specs.4.8.gz"):
		return found("application/octet-stream", inert.Gzip([]byte("\x04\x08[\x00"))) // an empty array of Ruby
	case q.Method == http.MethodPost && q.path == "/api/v1/gems":
		return found("text/plain", []byte("Successfully registered gem\n"))
	}
	return Response{}, false
}

// gemFile is a gem with no files.
func gemFile(name string) []byte {
	spec := "--- !ruby/object:Gem::Specification\nname: " + name + "\nversion: !ruby/object:Gem::Version\n  version: " + version +
		"\nplatform: ruby\nauthors:\n- maintainers\nsummary: " + name + "\nfiles: []\nrequire_paths:\n- lib\ndependencies: []\n"
	return inert.Tar(
		inert.Entry{Name: "metadata.gz", Body: string(inert.Gzip([]byte(spec)))},
		inert.Entry{Name: "data.tar.gz", Body: string(inert.Tarball())})
}

// mavenSums are the checksums that Maven asks for beside every file.
var mavenSums = []struct {
	suffix string
	sum    func([]byte) string
}{
	{".sha1", sum1},
	{".sha256", sum256},
	{".md5", func(b []byte) string { sum := md5.Sum(b); return hex.EncodeToString(sum[:]) }},
}

// maven is a repository of Java artifacts: each in every version.
func (s *Site) maven(q *request) (Response, bool) {
	if !q.reads() {
		return Response{}, false
	}
	for _, m := range mavenSums {
		if file, ok := strings.CutSuffix(q.path, m.suffix); ok {
			if _, body, ok := mavenFile(file); ok {
				return found("text/plain", []byte(m.sum(body)))
			}
		}
	}
	kind, body, ok := mavenFile(q.path)
	if !ok {
		return Response{}, false
	}
	return found(kind, body)
}

// mavenPath are the places of a group, an artifact, a version and a file.
var mavenPath = compiled(`^(?:/maven2|/m2|/repository/[\w.-]+)?/((?:[\w.-]+/)*[\w-][\w.-]*)/([\w.-]+)/([\w.+-]+)/([\w.+-]+)\.(pom|jar|module)$`)

func mavenFile(p string) (kind string, body []byte, ok bool) {
	if dir, ok := strings.CutSuffix(p, "/maven-metadata.xml"); ok {
		parts := strings.Split(strings.Trim(strings.TrimPrefix(dir, "/maven2"), "/"), "/")
		artifact := html.EscapeString(parts[len(parts)-1])
		group := html.EscapeString(strings.Join(parts[:len(parts)-1], "."))
		return "text/xml", []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata>\n  <groupId>" + group + "</groupId>\n  <artifactId>" + artifact +
			"</artifactId>\n  <versioning>\n    <latest>" + version + "</latest>\n    <release>" + version + "</release>\n    <versions>\n      <version>" + version +
			"</version>\n    </versions>\n    <lastUpdated>20250311092653</lastUpdated>\n  </versioning>\n</metadata>\n"), true
	}
	m := mavenPath().FindStringSubmatch(p)
	if m == nil || !strings.HasPrefix(m[4], m[2]+"-") {
		return "", nil, false
	}
	switch m[5] {
	case "jar":
		return "application/java-archive", inert.JAR(), true
	case "module":
		return "", nil, false // Gradle goes on with the pom
	}
	packaging := "jar"
	if slices.ContainsFunc([]string{"parent", "bom", "pom"}, func(word string) bool { return strings.Contains(m[2], word) }) {
		packaging = "pom" // else it could be nobody's parent
	}
	return "text/xml", []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  <groupId>" +
		strings.ReplaceAll(m[1], "/", ".") + "</groupId>\n  <artifactId>" + m[2] + "</artifactId>\n  <version>" + m[3] + "</version>\n  <packaging>" + packaging + "</packaging>\n</project>\n"), true
}
