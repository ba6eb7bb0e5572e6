package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// serve serves a site on a loopback address, as the chamber does on all.
func serve(t *testing.T) string {
	t.Helper()
	s := newSite()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		a := s.Answer(r, body, netip.MustParseAddrPort("198.18.0.9:80"))
		for name, values := range a.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(a.Status)
		w.Write(a.Body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// run runs a client in an empty directory, with no settings but these.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	command, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run testdata/needs.sh test", err)
	}
	c := exec.CommandContext(t.Context(), command, args...)
	c.Dir = dir
	c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0"}, env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestGit(t *testing.T) {
	site, dir := serve(t), t.TempDir()
	for name, args := range map[string][]string{
		"whole": nil, "shallow": {"--depth", "1"}, "newest protocol": {"-c", "protocol.version=2"}, "one branch": {"--branch", "main", "--single-branch"},
	} {
		into := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		run(t, dir, nil, "git", append(append([]string{"clone", "--quiet"}, args...), site+"/any/thing.git", into)...)
		run(t, into, nil, "git", "fsck", "--strict")
		if out := run(t, into, nil, "git", "log", "--format=%s"); out != "Initial commit\n" {
			t.Errorf("%s: %q", name, out)
		}
		run(t, into, nil, "sh", "install.sh")
		run(t, into, nil, "git", "pull", "--quiet")
	}
	into := filepath.Join(dir, "whole")
	run(t, into, nil, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "-m", "loot")
	if out := run(t, into, nil, "git", "push", "--porcelain", "origin", "HEAD:main", "HEAD:refs/heads/loot"); !strings.Contains(out, "refs/heads/loot\t[new branch]") {
		t.Errorf("push: %s", out)
	}
}

func TestGo(t *testing.T) {
	site, dir := serve(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nimport _ \"example.com/Some-Org/thing/v3\"\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"GOPROXY=" + site, "GONOSUMDB=*", "GOFLAGS=-modcacherw -mod=mod", "GOTOOLCHAIN=local", "CGO_ENABLED=0", "GOCACHE=" + cacheOf(t, "GOCACHE")}
	run(t, dir, env, "go", "mod", "init", "example.org/app")
	run(t, dir, env, "go", "get", "example.com/Some-Org/thing/v3@v3.4.5")
	run(t, dir, env, "go", "get", "example.net/other@latest")
	run(t, dir, env, "go", "vet", ".")
}

// cacheOf keeps what Go has built already: the standard library.
func cacheOf(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestPip(t *testing.T) {
	site, dir := serve(t), t.TempDir()
	run(t, dir, nil, "python3", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-cache-dir", "--no-input", "--root-user-action=ignore",
		"--index-url", site+"/simple/", "--target", filepath.Join(dir, "site"), "Some-Thing", "other>=0.9")
	run(t, filepath.Join(dir, "site"), nil, "python3", "-c", "import some_thing, other")
	run(t, dir, nil, "python3", "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-cache-dir", "--no-deps", "--no-binary", ":none:",
		"--index-url", site+"/simple/", "thing")
}

func TestApt(t *testing.T) {
	site, dir := serve(t), t.TempDir()
	for _, d := range []string{"etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "var/lib/dpkg", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sources := "deb [trusted=yes] " + site + "/debian bookworm main contrib non-free-firmware\n" +
		"deb [trusted=yes] " + site + "/ubuntu noble-updates main universe\ndeb-src [trusted=yes] " + site + "/debian bookworm-security main\n" +
		"deb [trusted=yes] " + site + "/flat ./\n"
	for name, content := range map[string]string{
		"etc/apt/sources.list": sources, "var/lib/dpkg/status": "",
		"apt.conf": "Dir \"" + dir + "\";\nDir::State::status \"" + dir + "/var/lib/dpkg/status\";\nAPT::Architecture \"amd64\";\nAPT::Sandbox::User \"\";\nAcquire::Check-Date \"false\";\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := run(t, dir, []string{"APT_CONFIG=" + filepath.Join(dir, "apt.conf")}, "apt-get", "update")
	if strings.Contains(out, "Err:") || strings.Contains(out, "W:") || strings.Contains(out, "E:") || !strings.Contains(out, "Reading package lists") {
		t.Error(out)
	}
}

func TestCurl(t *testing.T) {
	site, dir := serve(t), t.TempDir()
	if out := run(t, dir, nil, "curl", "-sS", "--fail", "-H", "Host: ifconfig.me", site); out != "18.202.93.41" {
		t.Errorf("address %q", out)
	}
	run(t, dir, nil, "sh", "-c", "set -e; curl -fsS "+site+"/install | sh; curl -fsSO "+site+"/x.tar.gz; tar xzf x.tar.gz; sh x/run.sh; curl -fsS -C 10 -o part "+site+"/x.zip")
}
