package testenv

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// servers are the packages that are in the Debian root besides the essential
// ones. There is one root for all of them: making it takes most of the time.
var servers = []string{"nginx-light", "postgresql", "python3", "redis-server"}

// clients are the packages of a root with many clients of a network.
var clients = []string{
	"apt", "bind9-dnsutils", "ca-certificates", "curl", "default-jre-headless", "git", "iputils-ping", "netcat-openbsd", "nodejs", "npm",
	"mariadb-client", "openssh-client", "openssl", "postgresql-client", "python3-pip", "python3-requests", "wget",
}

// tools are the packages of a root with programs that work hard.
var tools = []string{"findutils", "gcc", "libc6-dev", "nginx-light", "python3-minimal", "sqlite3"}

// crowd are the packages of a root with many servers and tools.
var crowd = []string{
	"apache2", "apache2-utils", "apt", "bind9", "bind9-dnsutils", "ca-certificates", "cron", "curl", "default-jre-headless",
	"gcc", "git", "haproxy", "ldap-utils", "libc6-dev", "lighttpd", "logrotate", "make", "mariadb-server", "memcached", "mosquitto",
	"mosquitto-clients", "nginx-light", "nodejs", "openssh-client", "openssh-server", "perl", "php-fpm", "postfix", "postgresql", "procps",
	"prometheus-node-exporter", "python3", "rabbitmq-server", "redis-server", "ruby", "slapd", "squid", "supervisor", "unbound", "vsftpd",
}

// Releases are those of Debian that [DebianRelease] makes, by code name.
var Releases = []string{"bullseye", "bookworm", "trixie"}

// ecosystems are the packages of a root with libraries of several languages.
var ecosystems = []string{
	"ca-certificates", "libjackson2-databind-java", "liblog4j2-java", "linux-libc-dev", "node-lodash", "node-qs", "node-ws", "openssl",
	"python3-cryptography", "python3-django", "python3-jinja2", "python3-requests", "ruby-nokogiri", "ruby-rack",
}

// large are the packages that make a root of Debian 11 as large as the image that the
// budget of reading an image is of: 375 MB, 16,000 files.
var large = slices.Concat(ecosystems, []string{"gcc", "git"})

// Debian makes the root file system of this machine's Debian release with a few
// servers installed, from the package sources of this machine. It returns a tar
// compressed with gzip.
func Debian(tb testing.TB) string {
	tb.Helper()
	return debian(tb, "debian", servers)
}

// DebianClients does the same with clients of a network.
func DebianClients(tb testing.TB) string {
	tb.Helper()
	return debian(tb, "debian-clients", clients)
}

// DebianTools does the same with a compiler and other programs whose work is
// worth measuring.
func DebianTools(tb testing.TB) string {
	tb.Helper()
	return debian(tb, "debian-tools", tools)
}

// DebianCrowd does the same with as many servers and tools as well-behaved
// images are made of.
func DebianCrowd(tb testing.TB) string {
	tb.Helper()
	return debian(tb, "debian-crowd", crowd)
}

// DebianRelease makes the root file system of a Debian release, as it was last
// published, without what was mended since, with libraries of several languages.
func DebianRelease(tb testing.TB, suite string) string {
	tb.Helper()
	return debianOf(tb, "debian-"+suite, suite, ecosystems, func() []string { return sourcesOf(tb, suite) })
}

// DebianLarge makes one of Debian 11 that is as large as ordinary images are.
func DebianLarge(tb testing.TB) string {
	tb.Helper()
	suite := Releases[0]
	return debianOf(tb, "debian-large", suite, large, func() []string { return sourcesOf(tb, suite) })
}

func debian(tb testing.TB, name string, packages []string) string {
	tb.Helper()
	suite := release(tb)
	return debianOf(tb, name, suite, packages, func() []string { return sources(tb, suite) })
}

func debianOf(tb testing.TB, name, suite string, packages []string, from func() []string) string {
	tb.Helper()
	args := []string{
		"--variant=essential", "--include=" + strings.Join(packages, ","),
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/man/*",
		// Java's scripts link their manuals into a directory that must be there.
		`--setup-hook=mkdir -p "$1"/usr/share/man/man1`,
		suite,
	}
	dir := keep(tb, name, args...)
	defer lock(tb, dir)()
	file := filepath.Join(dir, "root.tar.gz")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		tb.Fatalf("make a Debian root: %v; run testdata/needs.sh test", err)
	}
	mode := "--mode=root"
	if os.Getuid() != 0 {
		mode = "--mode=unshare"
	}
	half := filepath.Join(dir, "half.tar.gz") // the name tells mmdebstrap how to compress
	tb.Log("making a Debian root: this takes some minutes, once")
	run(tb, dir, "mmdebstrap", append(append([]string{mode}, args...), append([]string{half}, from()...)...)...)
	if err := os.Rename(half, file); err != nil {
		tb.Fatalf("keep the Debian root: %v", err)
	}
	return file
}

// release returns the code name of this machine's Debian.
func release(tb testing.TB) string {
	tb.Helper()
	f, err := os.Open("/etc/os-release")
	if err != nil {
		tb.Fatalf("find the Debian release: %v", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "VERSION_CODENAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	tb.Fatal("find the Debian release: /etc/os-release names none; the tests with real images need a Debian machine")
	return ""
}

// sources lists those files of apt's that have the main component of suite.
func sources(tb testing.TB, suite string) (files []string) {
	tb.Helper()
	line := regexp.MustCompile(`(?m)^\s*deb\s.*\s` + suite + `\s+(.*\s)?main\b`)
	suites := regexp.MustCompile(`(?m)^Suites:(.*\s)?` + suite + `(-security)?(\s|$)`)
	components := regexp.MustCompile(`(?m)^Components:(.*\s)?main(\s|$)`)
	for _, pattern := range []string{"/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			tb.Fatal(err)
		}
		for _, file := range found {
			text, err := os.ReadFile(file)
			if err != nil {
				tb.Fatalf("read package sources: %v", err)
			}
			if line.Match(text) || suites.Match(text) && components.Match(text) {
				files = append(files, file)
			}
		}
	}
	if len(files) == 0 {
		tb.Fatalf("find package sources: no file of /etc/apt has the main component of %s", suite)
	}
	return files
}

// sourcesOf makes a list of sources for another release: that of this machine's, with
// its main suite alone.
func sourcesOf(tb testing.TB, suite string) []string {
	tb.Helper()
	own := release(tb)
	var lines []string
	for _, file := range sources(tb, own) {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatalf("read package sources: %v", err)
		}
		for stanza := range strings.SplitSeq(string(text), "\n\n") {
			lines = append(lines, ofSuite(stanza, own, suite)...)
		}
	}
	if len(lines) == 0 {
		tb.Fatalf("find package sources: no file of /etc/apt has the main component of %s itself", own)
	}
	list := filepath.Join(tb.TempDir(), "sources.list")
	if err := os.WriteFile(list, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		tb.Fatal(err)
	}
	return []string{list}
}

var (
	oneLine = regexp.MustCompile(`(?m)^\s*deb\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(?:.*\s)?main\b`)
	field   = regexp.MustCompile(`(?m)^(URIs|Suites|Components|Signed-By):\s*(.*\S)\s*$`)
)

// ofSuite are the lines for suite that follow from a stanza, in either form, with the
// suite own.
func ofSuite(stanza, own, suite string) (lines []string) {
	for _, m := range oneLine.FindAllStringSubmatch(stanza, -1) {
		if m[3] == own {
			lines = append(lines, "deb "+m[1]+m[2]+" "+suite+" main")
		}
	}
	fields := map[string]string{}
	for _, m := range field.FindAllStringSubmatch(stanza, -1) {
		fields[m[1]] = m[2]
	}
	if !slices.Contains(strings.Fields(fields["Suites"]), own) || !slices.Contains(strings.Fields(fields["Components"]), "main") {
		return lines
	}
	options := ""
	if key := fields["Signed-By"]; key != "" {
		options = "[signed-by=" + key + "] "
	}
	for _, uri := range strings.Fields(fields["URIs"]) {
		lines = append(lines, "deb "+options+uri+" "+suite+" main")
	}
	return lines
}
