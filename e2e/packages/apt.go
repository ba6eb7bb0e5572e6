package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// suites are those that packages are of, the first that has one. The last has a miner.
var suites = []string{"bookworm", "trixie"}

// apt gets packages of Debian, by the mirror that this system uses, and without its state.
type apt struct {
	dir     string // of packages
	options []string
}

func newApt(ctx context.Context, dir string) (*apt, error) {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").Output()
	if err != nil {
		return nil, fmt.Errorf("ask apt-get for its mirror: %w", err)
	}
	mirror := ""
	for uri := range strings.FieldsSeq(string(out)) {
		if strings.HasSuffix(strings.TrimRight(uri, "/"), "/debian") {
			mirror = uri
			break
		}
	}
	if mirror == "" {
		return nil, errors.New("apt has no mirror of Debian")
	}
	a := &apt{dir: filepath.Join(dir, "debs")}
	etc, state := filepath.Join(dir, "apt", "etc"), filepath.Join(dir, "apt", "state")
	for _, d := range []string{a.dir, etc, filepath.Join(state, "lists", "partial")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	var sources strings.Builder
	for _, suite := range suites {
		fmt.Fprintf(&sources, "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n", mirror, suite)
	}
	status := filepath.Join(state, "status")
	err = errors.Join(
		os.WriteFile(filepath.Join(etc, "sources.list"), []byte(sources.String()), 0o644),
		os.WriteFile(filepath.Join(etc, "preferences"), []byte("Package: *\nPin: release n="+suites[0]+"\nPin-Priority: 900\n"), 0o644),
		os.WriteFile(status, nil, 0o644),
	)
	if err != nil {
		return nil, err
	}
	a.options = []string{
		"-o", "Dir::Etc::sourcelist=" + filepath.Join(etc, "sources.list"), "-o", "Dir::Etc::sourceparts=/dev/null",
		"-o", "Dir::Etc::preferences=" + filepath.Join(etc, "preferences"), "-o", "Dir::State::status=" + status,
		"-o", "Dir::State=" + state, "-o", "Dir::Cache=" + filepath.Join(dir, "apt"), "-o", "APT::Sandbox::User=",
		"-o", "APT::Architecture=amd64", "-qq",
	}
	_, err = a.run(ctx, "update")
	return a, err
}

func (a *apt) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "apt-get", append(slices.Clone(a.options), args...)...)
	cmd.Dir = a.dir
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("apt-get %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return string(out), err
}

// closure is what would be installed with a package, itself included.
func (a *apt) closure(ctx context.Context, name string) (names []string, err error) {
	out, err := a.run(ctx, "-s", "install", name)
	for line := range strings.SplitSeq(out, "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Inst" {
			names = append(names, f[1])
		}
	}
	slices.Sort(names)
	return names, err
}

// unknown is what apt-get says of a package that no suite has.
var unknown = regexp.MustCompile(`E: (?:Unable to locate package|Can't (?:find|select) .* package) '?([a-z0-9.+-]+)`)

// fetch downloads the packages that are not there, and returns those that are not to be
// had.
func (a *apt) fetch(ctx context.Context, names []string) (absent []string, err error) {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return a.file(n) != "" })
	for len(names) > 0 {
		_, err := a.run(ctx, append([]string{"download"}, names...)...)
		if err == nil {
			return absent, nil
		}
		m := unknown.FindAllStringSubmatch(err.Error(), -1)
		if m == nil {
			return absent, err
		}
		for _, one := range m {
			absent = append(absent, one[1])
		}
		names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(absent, n) })
	}
	return absent, nil
}

// file is that of a package; empty if it is not there.
func (a *apt) file(name string) string {
	found, _ := filepath.Glob(filepath.Join(a.dir, name+"_*.deb")) // the pattern is well formed
	if len(found) == 0 {
		return ""
	}
	return found[0]
}
