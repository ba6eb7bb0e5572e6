package testenv

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

func debian(tb testing.TB, name string, packages []string) string {
	tb.Helper()
	suite := release(tb)
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
	run(tb, dir, "mmdebstrap", append(append([]string{mode}, args...), append([]string{half}, sources(tb, suite)...)...)...)
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
