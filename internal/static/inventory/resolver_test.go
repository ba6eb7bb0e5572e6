package inventory

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/directorysource"
	"github.com/google/go-cmp/cmp"
)

// tricks is a root with links of every kind, and names that are odd.
func tricks() *tree {
	t := new(tree)
	t.file("usr/lib/a.so", "\x7fELFx")
	t.file("usr/bin/tool", "#!/bin/sh\n")
	t.link("lib", "usr/lib")
	t.link("bin", "/usr/bin")
	t.link("usr/bin/alias", "tool")
	t.link("usr/bin/alias2", "alias")
	t.link("usr/bin/absolute", "/usr/bin/tool")
	t.link("usr/bin/outside", "../../../../usr/bin/tool")
	t.link("usr/bin/nowhere", "/nope")
	t.link("usr/bin/loop", "loop2")
	t.link("usr/bin/loop2", "loop")
	t.link("usr/self", ".")
	t.link("root", "/")
	t.file("opt/app/node_modules/a/package.json", "{}")
	t.file("opt/app/package.json", "{}")
	t.link("opt/current", "app")
	t.file("odd/a b/package.json", "{}")
	t.file("odd/[x]/package.json", "{}")
	t.file("odd/{x,y}/package.json", "{}")
	t.file("odd/*/package.json", "{}")
	t.file("odd/new\nline/package.json", "{}")
	t.file("odd/back\\slash/package.json", "{}")
	t.file("odd/ünïcödé/package.json", "{}")
	t.file("odd/.hidden/.package.json", "{}")
	t.file("store/0123", "PK\x05\x06")
	t.link("odd/lib.jar", "../store/0123")
	return t
}

var patterns = []string{
	"**/package.json", "**/*.so", "**/lib/*.so", "/lib/a.so", "/usr/lib/a.so", "**/usr/bin/*", "/usr/bin/tool", "/bin/tool",
	"**/bin/t*", "**/alias*", "**/absolute", "**/outside", "**/nowhere", "**/loop", "**/*.jar", "**/*.{jar,so}", "**/{tool,a.so}",
	"**/node_modules/**/package.json", "**/current/package.json", "**/app/package.json", "/opt/*/package.json", "**/.hidden/*",
	"**/odd/**", "**/*", "**/nothing", "**/[x]/package.json", "**/a b/package.json", "**/*ünï*/package.json", "/odd/**/*.json",
	"/opt/current/**/package.json", "**/*age.json", "**/tool*",
}

// answers are what a resolver says, in a form that can be compared.
func answers(tb testing.TB, found []file.Location, err error) []string {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for _, l := range found {
		all = append(all, fmt.Sprintf("%q by %q", l.RealPath, l.AccessPath))
	}
	slices.Sort(all)
	return all
}

func TestResolverAnswersAsSyfts(t *testing.T) {
	tree := tricks()
	root := tree.unpack(t)
	src, err := directorysource.New(directorysource.Config{Path: root, Base: root})
	if err != nil {
		t.Fatal(err)
	}
	want, err := src.FileResolver(source.SquashedScope)
	if err != nil {
		t.Fatal(err)
	}
	in := tree.input(t)
	l := DefaultLimits()
	got := &resolver{reading: newReading(t.Context(), in, l), ctx: t.Context(), bound: l.File}
	compareAnswers := func(what string, w, g []file.Location, errs ...error) {
		t.Helper()
		if diff := cmp.Diff(answers(t, w, errs[0]), answers(t, g, errs[1])); diff != "" {
			t.Errorf("%s (-syft +ours):\n%s", what, diff)
		}
	}
	for _, p := range patterns {
		w, werr := want.FilesByGlob(p)
		g, gerr := got.FilesByGlob(p)
		compareAnswers(p, w, g, werr, gerr)
	}
	for _, p := range []string{
		"/usr/bin/tool", "usr/bin/tool", "/bin/tool", "/bin/alias", "/bin/alias2", "/usr/bin/absolute", "/usr/bin/outside", "/usr/bin/nowhere",
		"/usr/bin/loop", "/lib/a.so", "/lib", "/", "/usr/self/self/self/bin/tool", "/root/bin/tool", "/usr/bin/../lib/a.so", "/opt/current/package.json",
		"/nope", "/odd/new\nline/package.json", "/odd/lib.jar",
	} {
		w, werr := want.FilesByPath(p)
		g, gerr := got.FilesByPath(p)
		compareAnswers(p, w, g, werr, gerr)
		if want.HasPath(p) != got.HasPath(p) {
			t.Errorf("HasPath(%q) is %t, syft says %t", p, got.HasPath(p), want.HasPath(p))
		}
		for i := range min(len(w), len(g)) {
			compareFiles(t, want, got, w[i], g[i])
		}
	}
}

func compareFiles(t *testing.T, want, got file.Resolver, w, g file.Location) {
	t.Helper()
	read := func(r file.Resolver, l file.Location) string {
		f, err := r.FileContentsByLocation(l)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		text, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.FileMetadataByLocation(l)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%q %d %v %s", text, m.Size(), m.Type, m.Name())
	}
	if a, b := read(want, w), read(got, g); a != b {
		t.Errorf("%s is %s, syft says %s", g.RealPath, b, a)
	}
}
