package secret

import (
	"path"
	"regexp"
	"strings"
)

// published tells whether a file at a path is one that somebody published for all
// to read and that has no secret of an image: documentation, interfaces, lock files,
// pictures, and the tests and examples that packages bring along. Files of packages
// besides are looked through, and so are tests and examples elsewhere.
func published(name string) bool {
	base, ext := path.Base(name), strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	if drawn[ext] || locks[base] || vendored(name, base) {
		return true
	}
	for _, tree := range trees {
		if strings.HasPrefix(name, tree) {
			return true
		}
	}
	for _, p := range packages {
		if i := strings.Index(name, p); i >= 0 && aside(name[i+len(p):], base, ext) {
			return true
		}
	}
	if at := pythonLibrary.FindStringIndex(name); at != nil {
		return aside(name[at[1]:], base, ext)
	}
	return false
}

// drawn are the extensions of pictures, fonts, documents and other files that are no
// texts, as gitleaks lists them.
var drawn = set("bmp gif jpg jpeg png svg tif tiff eot otf ttf woff woff2 doc docx xls xlsx pdf bin socket vsidx v2 suo wsuo pdb exe gltf gem")

// locks are files that list packages and their hashes, and the starters of build tools.
var locks = set("gitleaks.toml go.mod go.sum go.work go.work.sum gradlew gradlew.bat gradle.lockfile mvnw mvnw.cmd MavenWrapperDownloader.java " +
	"deno.lock npm-shrinkwrap.json package-lock.json .package-lock.json pnpm-lock.yaml yarn.lock javascript.json Pipfile.lock poetry.lock " +
	"Cargo.lock composer.lock Gemfile.lock uv.lock verification-metadata.xml Database.refactorlog")

// trees are below which a distribution puts what is for reading, and what its package
// manager knows.
var trees = []string{
	"/usr/share/doc/", "/usr/share/man/", "/usr/share/info/", "/usr/share/locale/", "/usr/share/i18n/", "/usr/share/zoneinfo/", "/usr/include/",
	"/usr/share/ca-certificates/", "/usr/share/common-licenses/", "/usr/share/licenses/", "/usr/share/mime/", "/var/lib/dpkg/", "/var/lib/apt/lists/",
	"/lib/apk/db/", "/usr/lib/apk/db/",
}

// packages are below which package managers of languages and distributions put
// packages.
var packages = []string{
	"/site-packages/", "/dist-packages/", "/node_modules/", "/usr/share/nodejs/", "/gems/", "/usr/lib/ruby/", "/usr/local/lib/ruby/", "/pkg/mod/",
	"/usr/share/perl5/", "/usr/share/perl/", "/usr/lib/", "/usr/local/go/", "/usr/share/", "/usr/local/share/doc/",
}

// pythonLibrary is where the standard library is, with its tests.
var pythonLibrary = regexp.MustCompile(`/lib/python\d(\.\d+)?/`)

// asides are directories, in packages, of what is not for running.
var asides = set("test tests testing testdata test_data test-data __tests__ spec specs fixture fixtures example examples sample samples doc docs demo demos")

// aside tells whether a file of a package is of its tests, examples or documentation.
func aside(within, base, ext string) bool {
	dir, _ := path.Split(within)
	for part := range strings.SplitSeq(dir, "/") {
		if asides[part] || strings.HasSuffix(part, ".dist-info") || strings.HasSuffix(part, ".egg-info") {
			return true
		}
	}
	switch ext {
	case "md", "rst", "markdown", "pod", "adoc":
		return true
	}
	return ext == "pyi" || strings.HasSuffix(base, ".d.ts") || strings.HasPrefix(base, "example") || strings.HasSuffix(base, "_test.go") || base == "PKG-INFO" || strings.HasSuffix(base, ".egg-info")
}

// libraries are those of browsers that are copied into many places.
var libraries = regexp.MustCompile(`^(?:angular|bootstrap|jquery(?:-?ui)?|plotly|swagger-?ui)[a-zA-Z0-9.-]*(?:\.min)?\.js(?:\.map)?$`)

// vendors are where "go mod vendor" puts modules, which are published.
var vendors = []string{
	"/vendor/modules.txt", "/vendor/github.com/", "/vendor/golang.org/x/", "/vendor/google.golang.org/", "/vendor/gopkg.in/", "/vendor/istio.io/",
	"/vendor/k8s.io/", "/vendor/sigs.k8s.io/", "/bower_components/",
}

func vendored(name, base string) bool {
	for _, v := range vendors {
		if strings.Contains(name, v) {
			return true
		}
	}
	return strings.Contains(base, ".js") && libraries.MatchString(base)
}

// isContainer tells whether a file is named as a key store.
func isContainer(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".p12", ".pfx", ".pkcs12", ".keystore", ".jks":
		return true
	}
	return false
}

func set(words string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(words) {
		all[w] = true
	}
	return all
}
