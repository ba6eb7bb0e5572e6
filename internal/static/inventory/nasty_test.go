package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"

	"github.com/detonaut/detonaut"
)

// mostMemory is the most that the heap grew while f ran.
func mostMemory(f func()) uint64 {
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most := before.HeapAlloc
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	return most - before.HeapAlloc
}

// good is what must be found beside whatever is bad.
func good(t *tree) {
	t.file("good/package.json", `{"name":"lodash","version":"4.17.20"}`)
	t.file("var/lib/dpkg/status.d/good", "Package: good\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.com>\nDescription: d\n")
}

func TestReadOutlivesBadFiles(t *testing.T) {
	huge := strings.Repeat("x", 40<<20)
	bomb := archive(t, "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nImplementation-Title: bomb\n", "a.txt", strings.Repeat("\x00", 400<<20))
	nested := jar(t, "deepest", "1.0")
	for i := range 20 {
		nested = jar(t, fmt.Sprintf("level%d", i), "1.0", "lib/next.jar", nested)
	}
	many := []string{}
	for i := range 20_000 {
		many = append(many, fmt.Sprintf("a/%d.txt", i), "")
	}
	packages := strings.Repeat("Package: p\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n", 1000)
	for name, c := range map[string]struct {
		path, body string
		problem    string // what must be told; empty if nothing has to be
	}{
		"dpkg of junk":             {"var/lib/dpkg/status", "\x00\xff\x00junk", ""},
		"dpkg without an end":      {"var/lib/dpkg/status", "Package: " + huge, "/var/lib/dpkg/status: not read to its end"},
		"dpkg of one package":      {"var/lib/dpkg/status", packages, ""},
		"rpm of junk":              {"var/lib/rpm/Packages", strings.Repeat("junk", 100_000), "/var/lib/rpm/Packages"},
		"rpm of junk in sqlite":    {"var/lib/rpm/rpmdb.sqlite", "SQLite format 3\x00" + strings.Repeat("\xff", 100_000), "/var/lib/rpm/rpmdb.sqlite"},
		"npm of junk":              {"bad/package.json", "{\"name\": [[[[", "/bad/package.json"},
		"npm too large":            {"bad/package.json", "{\"name\":\"a\",\"version\":\"" + huge, "/bad/package.json: not read to its end"},
		"npm deeper than sense":    {"bad/package.json", strings.Repeat("[", 10<<20), "/bad/package.json"},
		"python too large":         {"bad/x-1.dist-info/METADATA", "Name: x\nVersion: 1\n\n" + huge, ""},
		"elf of junk":              {"bin/a", "\x7fELF\x02\x01\x01" + strings.Repeat("\xff", 100_000), ""},
		"pe of junk":               {"bin/a.dll", "MZ" + strings.Repeat("\xff", 100_000), ""},
		"jar of junk":              {"a.jar", "PK\x03\x04" + strings.Repeat("\xff", 100_000), "/a.jar"},
		"jar that is a bomb":       {"a.jar", bomb, "/a.jar"},
		"jar in jar in jar":        {"a.jar", nested, "depth limit"},
		"jar of many files":        {"a.jar", archive(t, many...), ""},
		"nix database of junk":     {"nix/var/nix/db/db.sqlite", "SQLite format 3\x00" + strings.Repeat("\xff", 100_000), "/nix/var/nix/db/db.sqlite"},
		"apk of junk":              {"lib/apk/db/installed", "P:\nV:\n\x00", ""},
		"yaml that doubles itself": {"opt/snap/manifest.yaml", doubling(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			tree := new(tree)
			good(tree)
			tree.file(c.path, c.body)
			in := tree.input(t)
			var inv Inventory
			var stage detonaut.Stage
			from := cpu()
			used := mostMemory(func() { inv, stage = Read(t.Context(), in) })
			t.Logf("%.2f CPU seconds, %d MB, %d packages, %s %.200q", (cpu() - from).Seconds(), used>>20, len(inv.Packages), stage.State, stage.Reason)
			find(t, inv, "npm", "lodash")
			find(t, inv, "deb", "good")
			if used > 4*uint64(DefaultLimits().Archive) {
				t.Errorf("it took %d MB", used>>20)
			}
			told := fmt.Sprint(inv.Problems)
			if c.problem != "" && (stage.State != detonaut.Partial || !strings.Contains(told, c.problem)) {
				t.Errorf("stage is %s, problems %.500s, want partial and one with %q", stage.State, told, c.problem)
			}
		})
	}
}

func doubling() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x]\n")
	for i := range 30 {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d]\n", i+1, i+1, i, i, i, i)
	}
	return b.String()
}

// rpmDatabase is a database that the reader of RPM is tested with.
func rpmDatabase(tb testing.TB, file string) string {
	tb.Helper()
	dir, err := exec.CommandContext(tb.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/anchore/go-rpmdb").Output()
	if err != nil {
		tb.Fatal(err)
	}
	body, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "pkg", "testdata", file))
	if err != nil {
		tb.Fatal(err)
	}
	return string(body)
}

// Databases of RPM as they are in the wild, in every format that there was.
func TestReadOfRPM(t *testing.T) {
	for name, file := range map[string]string{
		"var/lib/rpm/Packages":              "centos7-plain/Packages",
		"usr/lib/sysimage/rpm/Packages.db":  "sle15-bci/Packages.db",
		"usr/lib/sysimage/rpm/rpmdb.sqlite": "fedora35/rpmdb.sqlite",
	} {
		t.Run(file, func(t *testing.T) {
			tree := new(tree)
			tree.file("etc/os-release", "ID=fedora\nVERSION_ID=35\n")
			tree.file(name, rpmDatabase(t, file))
			compareWithSyft(t, tree.input(t), tree.unpack(t))
			inv, stage := Read(t.Context(), tree.input(t))
			if len(inv.Packages) < 30 || stage.State != detonaut.Complete {
				t.Errorf("%d packages, %+v", len(inv.Packages), stage)
			}
		})
	}
}

// brute is a cataloger that does what a test says.
type brute struct {
	do func(file.Resolver) ([]pkg.Package, error)
}

func (brute) Name() string { return "brute" }

func (b brute) Catalog(_ context.Context, r file.Resolver) ([]pkg.Package, []artifact.Relationship, error) {
	found, err := b.do(r)
	return found, nil, err
}

// guard lets a cataloger look at an image with one file.
func guard(t *testing.T, l Limits, do func(file.Resolver) ([]pkg.Package, error)) (found []pkg.Package, problems []Problem) {
	t.Helper()
	tree := new(tree)
	tree.file("a", "0123456789")
	in := tree.input(t)
	r := newReading(t.Context(), in, l.orDefault())
	g := &guarded{Cataloger: brute{do}, reading: r}
	view := archives{&resolver{reading: r, ctx: t.Context()}}
	found, _, err := g.Catalog(t.Context(), view)
	if err != nil {
		t.Errorf("the guard lets an error through: %v", err)
	}
	return found, r.problems.sorted()
}

func TestGuard(t *testing.T) {
	five := slices.Repeat([]pkg.Package{{Name: "a"}}, 5)
	open := func(r file.Resolver) io.ReadCloser {
		found, err := r.FilesByPath("/a")
		if err != nil || len(found) != 1 {
			t.Fatalf("found %v, %v", found, err)
		}
		f, err := r.FileContentsByLocation(found[0])
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for name, c := range map[string]struct {
		limits   Limits
		do       func(file.Resolver) ([]pkg.Package, error)
		packages int
		problem  string
	}{
		"all is well": {Limits{}, func(r file.Resolver) ([]pkg.Package, error) {
			text, err := io.ReadAll(open(r))
			return make([]pkg.Package, len(text)), err
		}, 10, ""},
		"a panic": {Limits{}, func(file.Resolver) ([]pkg.Package, error) { panic("oh") }, 0, "panic: oh"},
		"an error beside packages": {Limits{}, func(file.Resolver) ([]pkg.Package, error) {
			return make([]pkg.Package, 3), errors.Join(errors.New("oh"), errors.New("no"))
		}, 3, "no"},
		"nothing in an archive": {Limits{}, func(file.Resolver) ([]pkg.Package, error) {
			return nil, errors.New("/a.jar: no package identified in archive")
		}, 0, ""},
		"too many packages": {Limits{Packages: 2}, func(file.Resolver) ([]pkg.Package, error) { return append(make([]pkg.Package, 4), five...), nil }, 2, "3 packages left out"},
		"a file too large": {Limits{File: 9}, func(r file.Resolver) ([]pkg.Package, error) {
			text, err := io.ReadAll(open(r))
			if !errors.Is(err, detonaut.ErrLimit) {
				t.Errorf("read %q, %v, want it to fail", text, err)
			}
			return nil, nil
		}, 0, "/a: not read to its end, because more than 9 bytes"},
		"a file large enough": {Limits{File: 10}, func(r file.Resolver) ([]pkg.Package, error) {
			text, err := io.ReadAll(open(r))
			return make([]pkg.Package, len(text)), err
		}, 10, ""},
		"too much in all": {Limits{Total: 19}, func(r file.Resolver) ([]pkg.Package, error) {
			_, first := io.ReadAll(open(r))
			_, second := io.ReadAll(open(r))
			if first != nil || !errors.Is(second, detonaut.ErrLimit) {
				t.Errorf("read with %v and %v, want the second to fail", first, second)
			}
			return nil, nil
		}, 0, "/a: not read to its end, because too much was read before it"},
		"no time": {Limits{Kind: time.Nanosecond}, func(r file.Resolver) ([]pkg.Package, error) {
			found, _ := r.FilesByPath("/a")
			for { // until its time is over
				f, err := r.FileContentsByLocation(found[0])
				if err != nil {
					return nil, err
				}
				_ = f.Close()
			}
		}, 0, "/a: not read, because its time was over"},
	} {
		t.Run(name, func(t *testing.T) {
			found, problems := guard(t, c.limits, c.do)
			if len(found) != c.packages {
				t.Errorf("found %d packages, want %d", len(found), c.packages)
			}
			if told := fmt.Sprint(problems); (c.problem == "") != (len(problems) == 0) || !strings.Contains(told, c.problem) {
				t.Errorf("problems are %s, want %q", told, c.problem)
			}
		})
	}
}

// What was found before the end of its time is kept.
func TestReadInterrupted(t *testing.T) {
	tree := new(tree)
	good(tree)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	inv, stage := Read(ctx, tree.input(t))
	if stage.State != detonaut.Partial || len(inv.Problems) == 0 {
		t.Errorf("stage is %+v with %d problems", stage, len(inv.Problems))
	}
}

// Archives have no more time than packages of one kind.
func TestReadHasNoTimeForArchives(t *testing.T) {
	tree := new(tree)
	tree.file("a.jar", jar(t, "a", "1.0"))
	in := tree.input(t)
	r := newReading(t.Context(), in, Limits{Kind: time.Nanosecond}.orDefault())
	view := archives{&resolver{reading: r, ctx: t.Context(), bound: 1 << 20}}
	defer view.end()
	found, err := view.FilesByMIMEType()
	if err != nil || len(found) != 1 {
		t.Fatalf("found %v, %v", found, err)
	}
	<-view.ctx.Done()
	if _, err := view.FileContentsByLocation(found[0]); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("opened with %v, want its time to be over", err)
	}
}
