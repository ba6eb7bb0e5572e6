package inventory

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/static"
)

func (t *tree) gone(name string) {
	dir, base := path.Split(name)
	t.file(dir+".wh."+base, "")
}

// asked is an input whose hidden files are looked at, too.
func asked(t *testing.T, in Input) Input {
	t.Helper()
	root, ok := in.Files.(*image.FS)
	if !ok {
		t.Fatalf("files are of %T", in.Files)
	}
	in.Hidden = root
	return in
}

func said(p detonaut.Package) string { return strings.Join([]string{p.Type, p.Name, p.Version}, " ") }

// hiddenOf are the hidden packages, which are the last, sorted.
func hiddenOf(t *testing.T, inv Inventory) (list []detonaut.Package) {
	t.Helper()
	for i, p := range inv.Packages {
		if p.Hidden {
			list = append(list, p)
		} else if len(list) > 0 {
			t.Errorf("package %d, %s, is not hidden and comes after one that is", i, p.Name)
		}
	}
	if !slices.IsSortedFunc(list, compare) {
		t.Error("hidden packages are not sorted")
	}
	return list
}

func TestReadOfHidden(t *testing.T) {
	base := mixture(t)
	base.file("var/lib/dpkg/info/bash.md5sums", "0123456789abcdef0123456789abcdef  usr/bin/memcached\n")
	base.file("usr/bin/memcached", "memcached 1.6.20\n")
	base.file("opt/memcached", "memcached 1.6.21\n")
	first := new(tree)
	first.gone("opt/memcached")
	first.file("var/lib/dpkg/status", strings.ReplaceAll(status, "5.2.15-2+b2", "5.2.15-2+b9"))
	first.gone("app/node_modules/lodash")
	first.gone("opt/app.jar")
	first.gone("usr/bin/program")
	first.file("usr/local/lib/python3.11/site-packages/requests-2.31.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: requests\nVersion: 2.32.0\n")
	first.file("brief/package.json", `{"name":"brief","version":"1.0.0"}`)
	first.gone("usr/lib/python3") // and the list of its package stays
	first.gone("usr/bin/memcached")
	second := new(tree)
	second.gone("brief")
	second.file("app/node_modules/lodash/package.json", `{"name":"lodash","version":"4.17.20"}`) // as it was
	second.file("usr/local/lib/python3.11/site-packages/requests-2.31.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: requests\nVersion: 2.33.0\n")
	in := stack(t, base, first, second)
	plain, _ := Read(t.Context(), in)
	inv, stage := Read(t.Context(), asked(t, in))
	if stage.State != detonaut.Complete {
		t.Errorf("stage is %+v", stage)
	}
	var got []string
	for _, p := range hiddenOf(t, inv) {
		if p.Name == "golang.org/x/sys" {
			p.Version = ""
		}
		line := said(p)
		if p.Owner != "" {
			line += " of " + p.Owner
		}
		for _, l := range p.Locations {
			line += fmt.Sprintf(" %s%s@%d", l.Path, l.Within, slices.Index(in.Index.Layers, l.Layer))
		}
		got = append(got, line)
	}
	requests := "/usr/local/lib/python3.11/site-packages/requests-2.31.0.dist-info/"
	want := []string{
		"java-archive app 1.0 /opt/app.jar@0",
		"deb bash 5.2.15-2+b2 /var/lib/dpkg/status@0 /var/lib/dpkg/info/bash.list@0 /var/lib/dpkg/info/bash.md5sums@0",
		"npm brief 1.0.0 /brief/package.json@1",
		"go-module github.com/detonaut/detonaut UNKNOWN /usr/bin/program@0",
		"go-module golang.org/x/sys  /usr/bin/program@0",
		"java-archive inner 2.0 /opt/app.jar/BOOT-INF/lib/inner.jar@0",
		"binary memcached 1.6.21 /opt/memcached@0",
		"java-archive outer 1.0 /opt/app.jar@0",
		"python requests 2.31.0 " + requests + "METADATA@0 " + requests + "RECORD@0",
		"python requests 2.32.0 " + requests + "METADATA@1 " + requests + "RECORD@0",
		"python six 1.16.0 of python3-six /usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO@0",
		"go-module stdlib " + strings.TrimPrefix(find(t, inv, "go-module", "stdlib").Version, " ") + " /usr/bin/program@0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hidden packages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(plain.Packages, inv.Packages[:len(plain.Packages)]); diff != "" || hiddenOf(t, plain) != nil {
		t.Errorf("packages in the final view (-not asked +asked):\n%s", diff)
	}
	var noted Inventory
	if b, err := inv.MarshalBinary(); err != nil {
		t.Error(err)
	} else if err := noted.UnmarshalBinary(b); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(inv.Packages, noted.Packages); diff != "" {
		t.Errorf("packages (-read +noted):\n%s", diff)
	}
	if Name(in) == Name(asked(t, in)) {
		t.Error("an inventory with hidden packages has the name of one without")
	}
	other := asked(t, in)
	changed := *in.Index
	changed.Hidden = changed.Hidden[1:]
	other.Index = &changed
	if Name(other) == Name(asked(t, in)) {
		t.Error("an inventory has the name of one of other hidden files")
	}
	again, _ := Read(t.Context(), asked(t, in))
	if diff := cmp.Diff(inv.Packages, again.Packages); diff != "" {
		t.Errorf("packages (-first +second):\n%s", diff)
	}
}

// TestReadOfHiddenAgainstLayers: what is hidden is what the images of fewer layers have,
// and the whole one has not.
func TestReadOfHiddenAgainstLayers(t *testing.T) {
	base := mixture(t)
	base.file("usr/lib/sysimage/rpm/rpmdb.sqlite", rpmDatabase(t, "fedora35/rpmdb.sqlite"))
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 3 {
		trees := []*tree{base}
		for range 3 {
			upper := new(tree)
			for _, f := range *base {
				switch n := r.IntN(8); {
				case f.Linkname != "" || f.Name == "etc/os-release" || n > 3:
				case n == 0:
					upper.gone(f.Name)
				case n == 1:
					upper.file(f.Name, "")
				case n == 2:
					upper.file(f.Name, strings.NewReplacer("4.17.20", "4.17.21", "5.2.15", "5.2.16", "1.16.0", "1.17.0").Replace(string(f.Body)))
				default:
					upper.file(f.Name, string(f.Body))
				}
			}
			trees = append(trees, upper)
		}
		in := stack(t, trees...)
		inv, _ := Read(t.Context(), asked(t, in))
		want := map[string]bool{}
		for n := 1; n < len(trees); n++ {
			lower, _ := Read(t.Context(), stack(t, trees[:n]...))
			for _, p := range lower.Packages {
				want[said(p)] = true
			}
		}
		final, _ := Read(t.Context(), in)
		for _, p := range final.Packages {
			delete(want, said(p))
		}
		got := map[string]bool{}
		for _, p := range hiddenOf(t, inv) {
			got[said(p)] = true
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
			t.Errorf("round %d: %d hidden packages (-want +got):\n%s", round, len(got), diff)
		}
	}
}

// TestReadOfHiddenIsBounded tells what it did not look at.
func TestReadOfHiddenIsBounded(t *testing.T) {
	lower, upper := new(tree), new(tree)
	for i := range 20 {
		lower.file(fmt.Sprintf("app/%02d/package.json", i), fmt.Sprintf(`{"name":"name%d","version":"1.0.0"}`, i))
	}
	lower.file("bad/package.json", "{")
	upper.gone("app")
	upper.gone("bad")
	good(upper)
	in := asked(t, stack(t, lower, upper))
	inv, stage := Read(t.Context(), in)
	if n := len(hiddenOf(t, inv)); n != 20 || stage.State != detonaut.Partial || !strings.Contains(stage.Reason, "layer 1: ") {
		t.Errorf("%d hidden packages, stage %+v", n, stage)
	}
	in.Limits.Packages = 7
	inv, stage = Read(t.Context(), in)
	if n := len(hiddenOf(t, inv)); n != 7 || !strings.Contains(stage.Reason, "13 packages left out") {
		t.Errorf("%d hidden packages, stage %+v", n, stage)
	}
	in.Limits = Limits{}
	in.Index.Unlisted = image.Unlisted{Files: 3, Bytes: 5}
	inv, stage = Read(t.Context(), in)
	if told := fmt.Sprint(inv.Problems); stage.State != detonaut.Partial || !strings.Contains(told, "3 files of 5 bytes not looked at") {
		t.Errorf("problems %s, stage %+v", told, stage)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	inv, stage = Read(ctx, in)
	if told := fmt.Sprint(inv.Problems); stage.State != detonaut.Partial || !strings.Contains(told, "not all looked at, because the time was over") {
		t.Errorf("problems %s, stage %+v", told, stage)
	}
}

// stubborn opens nothing.
type stubborn struct{ static.Opener }

func TestReadOfHiddenOutlivesPanics(t *testing.T) {
	lower, upper := new(tree), new(tree)
	lower.file("a/package.json", `{"name":"a","version":"1.0.0"}`)
	upper.gone("a")
	good(upper)
	in := stack(t, lower, upper)
	in.Hidden = stubborn{} // a panic of ours
	inv, stage := Read(t.Context(), in)
	if stage.State != detonaut.Partial || find(t, inv, "deb", "good").Version != "1" {
		t.Errorf("stage is %+v", stage)
	}
}
