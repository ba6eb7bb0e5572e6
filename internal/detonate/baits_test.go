package detonate_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/internal/detonate"
)

// homely is an image in which there is a place for every bait of root, and of a
// user.
func homely() fstest.MapFS {
	return fstest.MapFS{
		"etc/passwd":         file(0o644, "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\nredis:x:9:9::/var/lib/redis:/bin/false\n"),
		"root":               file(fs.ModeDir|0o700, ""),
		"home/node":          file(fs.ModeDir|0o755, ""),
		"home/node/.bashrc":  file(0o644, "x"),
		"var/lib/redis/dump": file(0o644, "x"),
		"run":                file(fs.ModeDir|0o755, ""),
		"var/run":            link("/run"),
		"usr/bin/app":        root()["usr/bin/app"],
	}
}

// planted makes a plan of an image and returns its baits.
func planted(t *testing.T, fsys fs.FS, c detonaut.Config, o detonate.Overrides) plan.Baits {
	t.Helper()
	c.Entrypoint = []string{"app"}
	p, err := detonate.NewPlan(newImage(c), fsys, o)
	if err != nil {
		t.Fatal(err)
	}
	return p.Baits
}

func paths(b plan.Baits) (all []string) {
	for _, f := range b.Files {
		all = append(all, f.Path)
	}
	return all
}

func TestBaitsOfRoot(t *testing.T) {
	got := planted(t, homely(), detonaut.Config{}, detonate.Overrides{})
	var kinds []plan.BaitKind
	for _, f := range got.Files {
		kinds = append(kinds, f.Kind)
		if f.UID != 0 || f.GID != 0 {
			t.Errorf("%+v is not root's", f)
		}
	}
	if diff := cmp.Diff(plan.BaitKinds(), kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	for _, want := range []plan.BaitFile{
		{Kind: plan.BaitAWS, Path: "/root/.aws", Base: "/root"},
		{Kind: plan.BaitGCloud, Path: "/root/.config/gcloud", Base: "/root"},
		{Kind: plan.BaitServiceAccount, Path: "/run/secrets", Base: "/run"},
	} {
		if !slices.Contains(got.Files, want) {
			t.Errorf("no %+v in %+v", want, got.Files)
		}
	}
	if diff := cmp.Diff(plan.BaitVariables(), got.Env); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestBaitsOfUser(t *testing.T) {
	got := planted(t, homely(), detonaut.Config{User: "node"}, detonate.Overrides{})
	n := 0
	for _, f := range got.Files {
		if strings.HasPrefix(f.Path, "/home/node/") {
			n++
			if f.UID != 1000 || f.GID != 1001 || f.Base != "/home/node" {
				t.Errorf("%+v is not the user's", f)
			}
		}
	}
	if want := len(plan.BaitKinds()) - 1; n != want || len(got.Files) != 2*want+1 {
		t.Errorf("%d places in the home, %d in all, want %d and %d", n, len(got.Files), want, 2*want+1)
	}
}

// Nothing is put where the image has anything, where a program would take it up,
// or in a home that is none.
func TestBaitsKeepOut(t *testing.T) {
	for _, c := range []struct {
		name   string
		with   fstest.MapFS
		config detonaut.Config
		over   detonate.Overrides
		not    []string // parts of paths at which nothing may be planted
		still  string   // a path at which something is
	}{
		{"a directory of the image", fstest.MapFS{"root/.aws": file(fs.ModeDir|0o755, "")}, detonaut.Config{}, detonate.Overrides{}, []string{"/.aws"}, "/root/.ssh"},
		{"a file of the image", fstest.MapFS{"root/.npmrc": file(0o600, "")}, detonaut.Config{}, detonate.Overrides{}, []string{"/.npmrc"}, "/root/.aws"},
		{"files in it", fstest.MapFS{"root/.docker/cli-plugins/x": file(0o755, "")}, detonaut.Config{}, detonate.Overrides{}, []string{"/.docker"}, "/root/.aws"},
		{"a file in place of a directory", fstest.MapFS{"root/.config": file(0o644, "")}, detonaut.Config{}, detonate.Overrides{}, []string{"/.config"}, "/root/.aws"},
		{"a link in its place", fstest.MapFS{"root/.ssh": link("/nowhere")}, detonaut.Config{}, detonate.Overrides{}, []string{"/.ssh", "/nowhere"}, "/root/.aws"},
		{"a link away from home", fstest.MapFS{"root/.config": link("/opt/config"), "opt/config/x": file(0o644, "")}, detonaut.Config{}, detonate.Overrides{}, []string{"gcloud"}, "/root/.aws"},
		{"a link in circles", fstest.MapFS{"root/.config": link(".config")}, detonaut.Config{}, detonate.Overrides{}, []string{"gcloud"}, "/root/.aws"},
		{"part of it is there", fstest.MapFS{"root/.config/htop/htoprc": file(0o644, "")}, detonaut.Config{}, detonate.Overrides{}, []string{"htop"}, "/root/.config/gcloud"},
		{"secrets of the image", fstest.MapFS{"run/secrets/db": file(0o400, "")}, detonaut.Config{}, detonate.Overrides{}, []string{"secrets"}, "/root/.aws"},
		{"a server that has keys made", fstest.MapFS{"usr/sbin/sshd": file(0o755, "")}, detonaut.Config{}, detonate.Overrides{}, []string{"/.ssh"}, "/root/.aws"},
		{"a program that would load it", fstest.MapFS{"usr/local/bin/bitcoind": file(0o755, "")}, detonaut.Config{}, detonate.Overrides{}, []string{"/.bitcoin"}, "/root/.ethereum"},
		{"a runtime that looks for a cluster", fstest.MapFS{"opt/jdk/bin/java": file(0o755, "")}, detonaut.Config{Env: []string{"JAVA_HOME=/opt/jdk"}}, detonate.Overrides{}, []string{"secrets"}, "/root/.aws"},
		{"an open home of root", fstest.MapFS{"root": file(fs.ModeDir|0o755, "")}, detonaut.Config{}, detonate.Overrides{}, []string{"/root"}, "/run/secrets"},
		{"the home of a service", nil, detonaut.Config{User: "redis"}, detonate.Overrides{}, []string{"redis"}, "/root/.aws"},
		{"the root as a home", nil, detonaut.Config{Env: []string{"HOME=/"}}, detonate.Overrides{}, []string{" /."}, "/root/.aws"},
		{"an empty home", fstest.MapFS{"home/new": file(fs.ModeDir|0o755, "")}, detonaut.Config{Env: []string{"HOME=/home/new"}}, detonate.Overrides{}, []string{"/home/new"}, "/root/.aws"},
		{"a home that is not there", nil, detonaut.Config{Env: []string{"HOME=/home/gone"}}, detonate.Overrides{}, []string{"/home"}, "/root/.aws"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := homely()
			maps.Copy(fsys, c.with)
			got := paths(planted(t, fsys, c.config, c.over))
			for _, not := range c.not {
				if text := " " + strings.Join(got, " "); strings.Contains(text, not) {
					t.Errorf("something is planted at %s: %s", not, text)
				}
			}
			if !slices.Contains(got, c.still) {
				t.Errorf("nothing is planted at %s: %s", c.still, got)
			}
		})
	}
}

func TestBaitsInVariables(t *testing.T) {
	all := plan.BaitVariables()
	got := planted(t, homely(), detonaut.Config{Env: []string{all[0] + "=theirs"}}, detonate.Overrides{Env: []string{all[1], all[2] + "=ours"}})
	if diff := cmp.Diff(all[3:], got.Env); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestNoBaits(t *testing.T) {
	with, without := detonate.Overrides{}, detonate.Overrides{NoBaits: true}
	if got := planted(t, homely(), detonaut.Config{}, without); len(got.Files)+len(got.Env) > 0 {
		t.Errorf("planted all the same: %+v", got)
	}
	var digests []detonaut.Digest
	for _, o := range []detonate.Overrides{with, without} {
		p, err := detonate.NewPlan(newImage(detonaut.Config{Entrypoint: []string{"app"}}), homely(), o)
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, detonate.Digest(p))
	}
	if digests[0] == digests[1] {
		t.Error("plans with and without baits have the same digest")
	}
}

// docs/baits.md lists every place, and what keeps it empty.
func TestDocumentListsBaits(t *testing.T) {
	text, err := os.ReadFile("../../docs/baits.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, b := range detonate.BaitPlaces() {
		where := "~/" + b.Path
		if strings.HasPrefix(b.Path, "/") {
			where = b.Path
		}
		clients := ""
		for _, c := range b.Clients {
			clients += fmt.Sprintf("`%s` ", c)
		}
		want = append(want, fmt.Sprintf("%s %s: %s", b.Kind, where, clients))
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| `([~/][^`]*)` \\|[^|]*\\|[^|]*\\|([^|]*)\\|$")
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		got = append(got, fmt.Sprintf("%s %s: %s", m[1], m[2], strings.TrimLeft(m[3], " ")))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-code +document):\n%s", diff)
	}
	for _, name := range plan.BaitVariables() {
		if !strings.Contains(string(text), "| `"+name+"` |") {
			t.Errorf("the variable %s is not in the document", name)
		}
	}
}
