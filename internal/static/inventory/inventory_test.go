package inventory

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// tree is a root file system under test: as an image, and as a directory.
type tree []imagetest.File

func (t *tree) file(name, body string) {
	*t = append(*t, imagetest.File{Header: tar.Header{Name: name, Mode: 0o755}, Body: []byte(body)})
}

func (t *tree) link(name, target string) {
	*t = append(*t, imagetest.File{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}})
}

// input is the tree as an image of one layer.
func (t *tree) input(tb testing.TB) Input {
	tb.Helper()
	return stack(tb, t)
}

// stack is an image of layers, base first.
func stack(tb testing.TB, trees ...*tree) Input {
	tb.Helper()
	layers, err := each(imagetest.Layer, trees)
	if err != nil {
		tb.Fatal(err)
	}
	img, err := imagetest.FromLayers(layers...)
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	if err := imagetest.WriteOCIDir(img, dir); err != nil {
		tb.Fatal(err)
	}
	return pull(tb, detonaut.Ref("oci-dir:"+dir))
}

func each[T any](layer func([]imagetest.File, imagetest.Compression) (T, error), trees []*tree) (layers []T, err error) {
	for _, t := range trees {
		l, err := layer(*t, imagetest.Plain)
		if err != nil {
			return nil, err
		}
		layers = append(layers, l)
	}
	return layers, nil
}

func pull(tb testing.TB, ref detonaut.Ref) Input {
	tb.Helper()
	got, err := image.Pull(tb.Context(), ref, image.Options{CacheDir: tb.TempDir(), Platform: "linux/amd64"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { got.Close() })
	files, err := got.FS()
	if err != nil {
		tb.Fatal(err)
	}
	return Input{Image: got.Image, Index: got.Index, Files: files}
}

// unpack writes the tree into a directory.
func (t *tree) unpack(tb testing.TB) string {
	tb.Helper()
	root := tb.TempDir()
	for _, f := range *t {
		p := filepath.Join(root, f.Name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			tb.Fatal(err)
		}
		var err error
		if f.Typeflag == tar.TypeSymlink {
			err = os.Symlink(f.Linkname, p)
		} else {
			err = os.WriteFile(p, f.Body, 0o755)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return root
}

// goProgram is a program with modules in it.
func goProgram(tb testing.TB) string {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), "program")
	build := exec.CommandContext(tb.Context(), "go", "build", "-o", out, "../../../actors/spoiler")
	if text, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build a program: %v\n%s", err, text)
	}
	body, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	return string(body)
}

// archive makes a zip of names and bodies, in that order.
func archive(tb testing.TB, entries ...string) string {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		f, err := w.Create(entries[i])
		if err == nil {
			_, err = f.Write([]byte(entries[i+1]))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func zipped(tb testing.TB, text string) string {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	if err = errors.Join(err, w.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// jar is a library of Java, as Maven makes it.
func jar(tb testing.TB, name, version string, more ...string) string {
	tb.Helper()
	return archive(tb, append([]string{
		"META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nImplementation-Title: " + name + "\r\nImplementation-Version: " + version + "\r\n\r\n",
		"META-INF/maven/org.example/" + name + "/pom.properties", "groupId=org.example\nartifactId=" + name + "\nversion=" + version + "\n",
	}, more...)...)
}

const osRelease = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"

const status = `Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2+b2
Maintainer: Nobody <nobody@example.com>
Source: bash (5.2.15-2)
Description: a shell

Package: python3-six
Status: install ok installed
Architecture: all
Version: 1.16.0-4
Maintainer: Nobody <nobody@example.com>
Source: six
Description: a library

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
Maintainer: Nobody <nobody@example.com>
Description: not there

`

// mixture is a root with a package of every kind that the tests can make.
func mixture(tb testing.TB) *tree {
	tb.Helper()
	t := new(tree)
	t.file("etc/os-release", osRelease)
	t.link("lib", "usr/lib")
	t.file("usr/lib/keep", "")
	t.file("var/lib/dpkg/status", status)
	t.file("var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2024a-0+deb12u1\nArchitecture: all\nMaintainer: Nobody <nobody@example.com>\nDescription: zones\n")
	t.file("var/lib/dpkg/info/python3-six.list", "/.\n/usr\n/usr/lib/python3/dist-packages/six-1.16.0.egg-info\n/usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO\n")
	t.file("var/lib/dpkg/info/python3-six.md5sums", "0123456789abcdef0123456789abcdef  usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO\n")
	t.file("var/lib/dpkg/info/bash.list", "/.\n/bin\n/bin/bash\n")
	t.file("usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO", "Metadata-Version: 1.2\nName: six\nVersion: 1.16.0\nLicense: MIT\n")
	t.file("usr/local/lib/python3.11/site-packages/requests-2.31.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: requests\nVersion: 2.31.0\nLicense: Apache 2.0\n")
	t.file("usr/local/lib/python3.11/site-packages/requests-2.31.0.dist-info/RECORD", "requests/__init__.py,sha256=x,1\n")
	t.file("app/node_modules/lodash/package.json", `{"name":"lodash","version":"4.17.20","license":"MIT"}`)
	t.file("store/left-pad/package.json", `{"name":"left-pad","version":"1.3.0"}`)
	t.link("app/node_modules/left-pad", "../../store/left-pad")
	t.file("usr/share/gems/specifications/rack-2.2.3.gemspec", "Gem::Specification.new do |s|\n  s.name = \"rack\".freeze\n  s.version = \"2.2.3\"\nend\n")
	t.file("srv/vendor/composer/installed.json", `{"packages":[{"name":"monolog/monolog","version":"2.0.0"}]}`)
	t.file("srv/app.deps.json", `{"runtimeTarget":{"name":".NETCoreApp,Version=v6.0"},"targets":{".NETCoreApp,Version=v6.0":{"app/1.0.0":{"dependencies":{"Newtonsoft.Json":"13.0.1"},"runtime":{"app.dll":{}}},"Newtonsoft.Json/13.0.1":{"runtime":{"lib/netstandard2.0/Newtonsoft.Json.dll":{}}}}},"libraries":{"app/1.0.0":{"type":"project","serviceable":false,"sha512":""},"Newtonsoft.Json/13.0.1":{"type":"package","serviceable":true,"sha512":"sha512-x","path":"newtonsoft.json/13.0.1"}}}`)
	t.file("root/.conan/data/zlib/1.2.11/_/_/package/0123/conaninfo.txt", "[settings]\n    os=Linux\n[requires]\n    zlib/1.Y.Z\n[full_requires]\n    zlib/1.2.11:abc\n")
	t.file("nix/store/9jjhqbdb3hl0z8dxk2drpncgfcb3m7d1-openssl-3.0.8/bin/keep", "")
	t.file("usr/lib/R/library/abc/DESCRIPTION", "Package: abc\nVersion: 2.2.1\nTitle: A\nAuthor: A\nMaintainer: A\n")
	t.file("opt/lua/luaunit-3.4-1.rockspec", "package = \"luaunit\"\nversion = \"3.4-1\"\nsource = { url = \"x\" }\n")
	t.file("usr/lib/apk/db/installed", "C:Q1abc=\nP:musl\nV:1.2.3-r4\nA:x86_64\nS:1\nI:2\nT:libc\nU:https://example.com\nL:MIT\no:musl\nm:Nobody <nobody@example.com>\nt:1\nc:abc\n\n")
	t.file("var/lib/pacman/local/acl-2.3.1-2/desc", "%NAME%\nacl\n\n%VERSION%\n2.3.1-2\n\n%BASE%\nacl\n\n%ARCH%\nx86_64\n\n")
	t.file("var/lib/pacman/local/acl-2.3.1-2/mtree", zipped(tb, "#mtree\n/set type=file uid=0 gid=0 mode=644\n./usr time=1 mode=755 type=dir\n"))
	t.file("var/lib/pacman/local/acl-2.3.1-2/files", "%FILES%\nusr/\n")
	t.file("var/db/pkg/app-arch/zstd-1.5.2/CONTENTS", "dir /usr\nobj /usr/bin/zstd 00000000000000000000000000000000 1\n")
	t.file("usr/bin/program", goProgram(tb))
	t.file("opt/app.jar", jar(tb, "outer", "1.0", "BOOT-INF/lib/inner.jar", jar(tb, "inner", "2.0"), "a/B.class", "\xca\xfe\xba\xbe"))
	t.file("store/0123", jar(tb, "linked", "3.0"))
	t.link("opt/linked.jar", "../store/0123")
	return t
}

func TestReadFindsEveryKind(t *testing.T) {
	in := mixture(t).input(t)
	inv, stage := Read(t.Context(), in)
	if stage.State != detonaut.Complete || stage.Name != detonaut.StageInventory || len(inv.Problems) != 0 {
		t.Errorf("stage is %+v", stage)
	}
	want := &detonaut.Distribution{ID: "debian", VersionID: "12", Codename: "bookworm", Name: "Debian GNU/Linux 12 (bookworm)"}
	if diff := cmp.Diff(want, inv.Distribution); diff != "" {
		t.Errorf("distribution (-want +got):\n%s", diff)
	}
	var got []string
	for _, p := range inv.Packages {
		if p.Name == "golang.org/x/sys" {
			p.Version = "" // goes with go.mod
		}
		got = append(got, strings.Join([]string{p.Type, p.Name, p.Version}, " "))
		for _, l := range p.Locations {
			if l.Layer != in.Index.Layers[0] {
				t.Errorf("%s is at %+v, want the layer %s", p.Name, l, in.Index.Layers[0])
			}
		}
	}
	if diff := cmp.Diff(kinds, got); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	bash, six := find(t, inv, "deb", "bash"), find(t, inv, "python", "six")
	if bash.Source != "bash" || bash.SourceVersion != "5.2.15-2" || len(bash.CPEs) == 0 || !strings.HasPrefix(bash.PURL, "pkg:deb/debian/bash@") {
		t.Errorf("bash is %+v", bash)
	}
	if six.Owner != "python3-six" || six.Language != "python" {
		t.Errorf("six is %+v, want it owned by python3-six", six)
	}
	for _, p := range []detonaut.Package{six, find(t, inv, "npm", "lodash"), find(t, inv, "apk", "musl")} {
		if !slices.Equal(p.Licenses, []string{"MIT"}) {
			t.Errorf("%s has the licences %q, want that which it declares", p.Name, p.Licenses)
		}
	}
	inner := detonaut.Location{Path: "/opt/app.jar", Within: "/BOOT-INF/lib/inner.jar", Layer: in.Index.Layers[0], Primary: true}
	if diff := cmp.Diff([]detonaut.Location{inner}, find(t, inv, "java-archive", "inner").Locations); diff != "" {
		t.Errorf("inner (-want +got):\n%s", diff)
	}
}

func find(t *testing.T, inv Inventory, kind, name string) detonaut.Package {
	t.Helper()
	for _, p := range inv.Packages {
		if p.Type == kind && p.Name == name {
			return p
		}
	}
	t.Errorf("no package %s of %s", name, kind)
	return detonaut.Package{}
}

// kinds are the packages of mixture.
var kinds = []string{
	"dotnet Newtonsoft.Json 13.0.1",
	"R-package abc 2.2.1",
	"alpm acl 2.3.1-2",
	"java-archive app 1.0",
	"dotnet app 1.0.0",
	"portage app-arch/zstd 1.5.2",
	"deb bash 5.2.15-2+b2",
	"go-module github.com/detonaut/detonaut UNKNOWN",
	"go-module golang.org/x/sys ",
	"java-archive inner 2.0",
	"npm left-pad 1.3.0",
	"java-archive linked 3.0",
	"npm lodash 4.17.20",
	"lua-rocks luaunit 3.4-1",
	"php-composer monolog/monolog 2.0.0",
	"apk musl 1.2.3-r4",
	"nix openssl 3.0.8",
	"java-archive outer 1.0",
	"deb python3-six 1.16.0-4",
	"gem rack 2.2.3",
	"python requests 2.31.0",
	"python six 1.16.0",
	"go-module stdlib " + runtime.Version(),
	"deb tzdata 2024a-0+deb12u1",
	"conan zlib 1.2.11",
	"conan zlib 1.2.11",
}

// Equal images have equal inventories, and a file that an upper layer replaced is in
// that layer only.
func TestReadOfLayers(t *testing.T) {
	lower := mixture(t)
	upper := new(tree)
	upper.file("app/node_modules/lodash/package.json", `{"name":"lodash","version":"4.17.21"}`)
	in := stack(t, lower, upper)
	first, _ := Read(t.Context(), in)
	second, _ := Read(t.Context(), in)
	if diff := cmp.Diff(first.Packages, second.Packages); diff != "" {
		t.Errorf("packages (-first +second):\n%s", diff)
	}
	for name, layer := range map[string]int{"lodash": 1, "left-pad": 0} {
		p := find(t, first, "npm", name)
		if len(p.Locations) != 1 || p.Locations[0].Layer != in.Index.Layers[layer] {
			t.Errorf("%s %s is at %+v, want it in layer %d", p.Name, p.Version, p.Locations, layer)
		}
	}
}
