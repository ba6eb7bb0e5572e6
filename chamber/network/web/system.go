package web

import (
	"fmt"
	"html"
	"strings"

	"github.com/detonaut/detonaut/chamber/network/web/inert"
)

// What Debian and its kin look for. A Release file tells of every component
// and architecture there is, so that none is missing.
var (
	aptPath       = compiled(`^(?:.*/)?dists/([a-z0-9][a-z0-9./-]*?)/(InRelease|Release|Release\.gpg|.+/(?:Packages|Sources|Translation-\w+)(\.gz)?)$`)
	aptFlat       = compiled(`/(InRelease|Release|Release\.gpg|(?:Packages|Sources)(\.gz)?)$`)
	aptComponents = []string{"main", "contrib", "non-free", "non-free-firmware", "restricted", "universe", "multiverse", "stable"}
	aptMachines   = []string{"all", "amd64", "arm64", "armhf", "i386"}
)

// apt is a repository of Debian packages without any (DebianRepository/Format).
// It is not signed: a client that insists says so, and stops.
func (s *Site) apt(q *request) (Response, bool) {
	m := aptPath().FindStringSubmatch(q.path)
	flat := m == nil
	if flat && q.agent("debian apt") {
		if m = aptFlat().FindStringSubmatch(q.path); m != nil {
			m = []string{m[0], "stable", m[1], m[2]}
		}
	}
	switch {
	case m == nil:
		return Response{}, false
	case m[2] == "InRelease" || m[2] == "Release.gpg":
		return missing()
	case m[2] == "Release":
		return found("text/plain", []byte(s.aptRelease(m[1], flat)))
	case m[3] != "":
		return found("application/gzip", inert.Gzip(nil))
	}
	return found("text/plain", nil)
}

func (s *Site) aptRelease(suite string, flat bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Origin: Debian\nLabel: Debian\nSuite: %s\nCodename: %s\nDate: %s\nArchitectures: %s\nComponents: %s\nSHA256:\n",
		suite, suite, s.opts.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC"), strings.Join(aptMachines, " "), strings.Join(aptComponents, " "))
	compressed := inert.Gzip(nil)
	list := func(file string) {
		fmt.Fprintf(&b, " %s %16d %s\n", sum256(nil), 0, file)
		fmt.Fprintf(&b, " %s %16d %s.gz\n", sum256(compressed), len(compressed), file)
	}
	if flat {
		list("Packages")
		return b.String()
	}
	for _, component := range aptComponents {
		for _, machine := range aptMachines {
			list(component + "/binary-" + machine + "/Packages")
		}
		list(component + "/source/Sources")
	}
	return b.String()
}

var apkPath = compiled(`/(?:x86_64|aarch64|x86|armhf|armv7|ppc64le|s390x|riscv64)/(APKINDEX\.tar\.gz|.*\.apk)$`)

// apk is a repository of Alpine without packages, and without a signature.
func (s *Site) apk(q *request) (Response, bool) {
	m := apkPath().FindStringSubmatch(q.path)
	if m == nil {
		return Response{}, false
	}
	if strings.HasSuffix(m[1], ".apk") {
		return missing()
	}
	return found("application/gzip", inert.Tarball(inert.Entry{Name: "DESCRIPTION", Body: "v20250311"}, inert.Entry{Name: "APKINDEX"}))
}

// The parts of a repository of RPM packages, each without any.
var yumParts = []struct{ name, body string }{
	{"primary", `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="0"></metadata>` + "\n"},
	{"filelists", `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="0"></filelists>` + "\n"},
	{"other", `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<otherdata xmlns="http://linux.duke.edu/metadata/other" packages="0"></otherdata>` + "\n"},
}

// yum is a repository of RPM packages, as dnf and zypper read it too.
func (s *Site) yum(q *request) (Response, bool) {
	if base, ok := strings.CutSuffix(q.path, "/repodata/repomd.xml"); ok && base != q.path {
		return found("text/xml", []byte(yumIndex()))
	}
	for _, p := range yumParts {
		if strings.HasSuffix(q.path, "/repodata/"+p.name+".xml.gz") {
			return found("application/gzip", inert.Gzip([]byte(p.body)))
		}
	}
	switch {
	case q.path == "/mirrorlist" && len(q.query) > 0:
		return found("text/plain", []byte(q.link("/repository/os/")+"\n"))
	case q.path == "/metalink" && q.query.Has("repo"):
		return found("application/metalink+xml", []byte(s.yumMetalink(q)))
	case strings.HasSuffix(q.path, ".rpm"), strings.HasSuffix(q.path, "/repodata/repomd.xml.asc"):
		return missing()
	}
	return Response{}, false
}

func yumIndex() string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">` + "\n")
	fmt.Fprintf(&b, "  <revision>%d</revision>\n", epoch.Unix())
	for _, p := range yumParts {
		compressed := inert.Gzip([]byte(p.body))
		fmt.Fprintf(&b, `  <data type="%s">
    <checksum type="sha256">%s</checksum>
    <open-checksum type="sha256">%s</open-checksum>
    <location href="repodata/%s.xml.gz"/>
    <timestamp>%d</timestamp>
    <size>%d</size>
    <open-size>%d</open-size>
  </data>
`, p.name, sum256(compressed), sum256([]byte(p.body)), p.name, epoch.Unix(), len(compressed), len(p.body))
	}
	b.WriteString("</repomd>\n")
	return b.String()
}

// yumMetalink points at a repository of the same host.
func (s *Site) yumMetalink(q *request) string {
	index := yumIndex()
	return fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files><file name="repomd.xml">
  <mm0:timestamp>%d</mm0:timestamp><size>%d</size>
  <verification><hash type="sha256">%s</hash></verification>
  <resources maxconnections="1"><url protocol="%s" type="%s" location="IE" preference="100">%s</url></resources>
 </file></files>
</metalink>
`, epoch.Unix(), len(index), sum256([]byte(index)), q.scheme, q.scheme, html.EscapeString(q.link("/repository/os/repodata/repomd.xml")))
}
