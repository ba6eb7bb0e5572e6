package image

import (
	"archive/tar"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
)

func wantError(t *testing.T, err, want error, words ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v is not %v", err, want)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

// TestMerge holds layers to what containerd makes of them.
func TestMerge(t *testing.T) {
	tests := []struct {
		name   string
		layers [][]item
		want   string
	}{{
		"overwrite", [][]item{{regular("a", "old")}, {regular("a", "new")}}, "1 a \"new\"\n",
	}, {
		"overwrite in one layer", [][]item{{regular("a", "old"), regular("a", "new")}}, "0 a \"new\"\n",
	}, {
		"implied directories", [][]item{{regular("a/b/c", "x")}}, "0 a/\n0 a/b/\n0 a/b/c \"x\"\n",
	}, {
		"directory keeps its content", [][]item{{dir("a"), regular("a/b", "x")}, {dir("a")}}, "1 a/\n0 a/b \"x\"\n",
	}, {
		"file replaces directory", [][]item{{dir("a"), regular("a/b", "x")}, {regular("a", "y")}}, "1 a \"y\"\n",
	}, {
		"directory replaces file", [][]item{{regular("a", "y")}, {dir("a"), regular("a/b", "x")}}, "1 a/\n1 a/b \"x\"\n",
	}, {
		"directory replaces symbolic link",
		[][]item{{dir("d"), symlink("a", "d")}, {dir("a"), regular("a/b", "x")}},
		"1 a/\n1 a/b \"x\"\n0 d/\n",
	}, {
		"whiteout of file", [][]item{{regular("a", "x"), regular("b", "x")}, {regular(".wh.a", "")}}, "0 b \"x\"\n",
	}, {
		"whiteout of directory", [][]item{{regular("a/b/c", "x")}, {regular("a/.wh.b", "")}}, "0 a/\n",
	}, {
		"whiteout of nothing", [][]item{{regular("a", "x")}, {regular(".wh.b", ""), regular("no/.wh.c", "")}}, "0 a \"x\"\n",
	}, {
		"whiteout of its own layer", [][]item{{regular("a", "x"), regular(".wh.a", "")}}, "0 a \"x\"\n",
	}, {
		"whiteout before and after its own layer's file",
		[][]item{
			{regular("a/old", "x"), regular("b/old", "x")},
			{regular(".wh.a", ""), regular("a/new", "y"), regular("b/new", "y"), regular(".wh.b", "")},
		},
		"1 a/\n1 a/new \"y\"\n0 b/\n1 b/new \"y\"\n",
	}, {
		"opaque first",
		[][]item{{regular("a/old", "x")}, {dir("a"), regular("a/.wh..wh..opq", ""), regular("a/new", "y")}},
		"1 a/\n1 a/new \"y\"\n",
	}, {
		"opaque last",
		[][]item{{regular("a/old", "x"), regular("a/d/old", "x")}, {regular("a/d/new", "y"), regular("a/.wh..wh..opq", "")}},
		"0 a/\n0 a/d/\n1 a/d/new \"y\"\n",
	}, {
		"opaque root", [][]item{{regular("a/old", "x")}, {regular(".wh..wh..opq", ""), regular("b", "y")}}, "1 b \"y\"\n",
	}, {
		"opaque twice, over three layers",
		[][]item{
			{regular("a/1", "x")},
			{regular("a/.wh..wh..opq", ""), regular("a/2", "x"), regular("a/.wh..wh..opq", "")},
			{regular("a/.wh..wh..opq", ""), regular("a/3", "x")},
		},
		"0 a/\n2 a/3 \"x\"\n",
	}, {
		"whiteout of one hard link", [][]item{{regular("a", "x"), hardlink("b", "a")}, {regular(".wh.a", "")}}, "0 b \"x\"\n",
	}, {
		"hard link to a lower layer",
		[][]item{{regular("a", "x")}, {hardlink("d/b", "/a")}},
		"0 a \"x\" links=2\n1 d/\n0 d/b \"x\" links=2\n",
	}, {
		"hard link, then its target is whited out",
		[][]item{{regular("a", "x")}, {hardlink("b", "a"), regular(".wh.a", "")}},
		"0 b \"x\"\n",
	}, {
		"overwritten hard link leaves the other",
		[][]item{{regular("a", "x"), hardlink("b", "a")}, {regular("a", "y")}},
		"1 a \"y\"\n0 b \"x\"\n",
	}, {
		"hard link to symbolic link", [][]item{{symlink("a", "gone"), hardlink("b", "a")}}, "0 a -> gone links=2\n0 b -> gone links=2\n",
	}, {
		"hard link through symbolic link",
		[][]item{{regular("usr/lib/a", "x"), symlink("lib", "usr/lib")}, {hardlink("b", "lib/a")}},
		"0 b \"x\" links=2\n0 lib -> usr/lib\n0 usr/\n0 usr/lib/\n0 usr/lib/a \"x\" links=2\n",
	}, {
		"parent is a symbolic link",
		[][]item{{dir("usr/lib"), symlink("lib", "usr/lib")}, {regular("lib/a", "x")}},
		"0 lib -> usr/lib\n0 usr/\n0 usr/lib/\n1 usr/lib/a \"x\"\n",
	}, {
		"parent is an absolute symbolic link, resolved inside the root",
		[][]item{{symlink("out", "/etc")}, {regular("out/passwd", "x")}},
		"1 etc/\n1 etc/passwd \"x\"\n0 out -> /etc\n",
	}, {
		"parent is a symbolic link that climbs, and stops at the root",
		[][]item{{dir("d"), symlink("d/out", "../../../../etc")}, {regular("d/out/passwd", "x")}},
		"0 d/\n0 d/out -> ../../../../etc\n1 etc/\n1 etc/passwd \"x\"\n",
	}, {
		"absolute names are relative", [][]item{{regular("/a", "x"), regular("//b/../c", "y")}}, "0 a \"x\"\n0 c \"y\"\n",
	}, {
		"whiteout through symbolic link",
		[][]item{{regular("usr/a", "x"), symlink("u", "usr")}, {regular("u/.wh.a", "")}},
		"0 u -> usr\n0 usr/\n",
	}, {
		"device 0:0 is a device", [][]item{{regular("a", "x")}, {device("a", 0, 0)}}, "1 a char-device 0:0\n",
	}, {
		"names that are not UTF-8", [][]item{{regular("\xff\xfe/\n", "x")}}, "0 \xff\xfe/\n0 \xff\xfe/\n \"x\"\n",
	}, {
		"global header", [][]item{{
			{Header: tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "g", PAXRecords: map[string]string{"comment": "c"}}},
			regular("a", "x"),
		}}, "0 a \"x\"\n",
	}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			index, fsys := flattened(t, Caps{}, layersOf(t, test.layers...)...)
			if diff := cmp.Diff(test.want, brief(t, index, fsys)); diff != "" {
				t.Errorf("want (-) got (+):\n%s", diff)
			}
		})
	}
}

// TestRefused has one case for each trick that no engine agrees on or survives.
func TestRefused(t *testing.T) {
	deep := strings.Repeat("d/", 100)
	tests := []struct {
		name  string
		caps  Caps
		items []item
		want  error
		words string
	}{
		{"traversal", Caps{}, []item{regular("../etc/passwd", "x")}, detonaut.ErrCorrupt, "out of the root"},
		{"traversal inside", Caps{}, []item{regular("a/../../b", "x")}, detonaut.ErrCorrupt, "out of the root"},
		{"absolute traversal", Caps{}, []item{regular("/../b", "x")}, detonaut.ErrCorrupt, "out of the root"},
		{"traversal by hard link", Caps{}, []item{hardlink("a", "../../etc/shadow")}, detonaut.ErrCorrupt, "out of the root"},
		{"hard link to nothing", Caps{}, []item{hardlink("a", "b")}, detonaut.ErrCorrupt, `missing "b"`},
		{"hard link in nothing", Caps{}, []item{hardlink("a", "b/c")}, detonaut.ErrCorrupt, `missing "b/c"`},
		{"hard link loop", Caps{}, []item{hardlink("a", "b"), hardlink("b", "a")}, detonaut.ErrCorrupt, `missing "b"`},
		{"hard link to itself", Caps{}, []item{regular("a", "x"), hardlink("./a", "/a")}, detonaut.ErrCorrupt, "to itself"},
		{"hard link to a directory", Caps{}, []item{dir("d"), hardlink("a", "d")}, detonaut.ErrCorrupt, "to directory"},
		{"hard link to the root", Caps{}, []item{hardlink("a", "/")}, detonaut.ErrCorrupt, "missing"},
		{"parent is a file", Caps{}, []item{regular("a", "x"), regular("a/b", "x")}, detonaut.ErrCorrupt, "not a directory"},
		{
			"parent is a symbolic link to a file",
			Caps{},
			[]item{regular("f", "x"), symlink("a", "f"), regular("a/b", "x")},
			detonaut.ErrCorrupt, "not a directory",
		},
		{
			"symbolic link loop",
			Caps{},
			[]item{symlink("a", "b"), symlink("b", "a"), regular("a/x", "")},
			detonaut.ErrLimit, "more than 40 symbolic links",
		},
		{
			"symbolic link to itself by two names",
			Caps{SymlinkDepth: 2},
			[]item{symlink("a", "a/a"), regular("a/x", "")},
			detonaut.ErrLimit, "more than 2 symbolic links",
		},
		{"symbolic link to nothing", Caps{}, []item{symlink("a", "")}, detonaut.ErrCorrupt, "link to nothing"},
		{"whiteout of no name", Caps{}, []item{regular("a/.wh.", "")}, detonaut.ErrCorrupt, "whiteout"},
		{"whiteout of self", Caps{}, []item{regular("a/.wh..", "")}, detonaut.ErrCorrupt, "whiteout"},
		{"whiteout of parent", Caps{}, []item{regular("a/.wh...", "")}, detonaut.ErrCorrupt, "whiteout"},
		{"the root as a file", Caps{}, []item{regular(".", "x")}, detonaut.ErrCorrupt, "root"},
		{"unknown type", Caps{}, []item{{Header: tar.Header{Typeflag: 'Z', Name: "a"}}}, detonaut.ErrUnsupported, "type"},
		{"large device", Caps{}, []item{device("a", 1<<12, 0)}, detonaut.ErrCorrupt, "device 4096:0"},
		{
			"device flood",
			Caps{Devices: 2},
			[]item{device("a", 1, 1), device("b", 1, 1), device("c", 1, 1)},
			detonaut.ErrLimit, "more than 2 devices",
		},
		{"entries", Caps{Entries: 2}, []item{regular("a", ""), regular("b", ""), regular("c", "")}, detonaut.ErrLimit, "more than 2 entries"},
		{"entries that are implied", Caps{Entries: 2}, []item{regular("a/b/c", "")}, detonaut.ErrLimit, "more than 2 entries"},
		{
			"entries that are whiteouts",
			Caps{Entries: 1},
			[]item{regular(".wh.a", ""), regular(".wh.a", "")},
			detonaut.ErrLimit, "more than 1 entries",
		},
		{"path length", Caps{PathLength: 100}, []item{regular(strings.Repeat("d/", 50)+"x", "")}, detonaut.ErrLimit, "more than 100 bytes of path"},
		{"path length through symbolic link", Caps{PathLength: 250}, []item{
			dir(deep), symlink("s", deep), regular("s/"+strings.Repeat("e/", 90)+"f", ""),
		}, detonaut.ErrLimit, "more than 250 bytes of path"},
		{"name length", Caps{}, []item{regular(strings.Repeat("n", 256), "")}, detonaut.ErrLimit, "more than 255 bytes of file name"},
		{"link target", Caps{}, []item{symlink("a", strings.Repeat("n", 4096))}, detonaut.ErrLimit, "bytes of link target"},
		{"metadata", Caps{MetadataBytes: 1000}, []item{symlink("a", strings.Repeat("n", 999))}, detonaut.ErrLimit, "bytes of metadata"},
		{"uncompressed bytes", Caps{UncompressedBytes: 1000}, []item{regular("a", "x")}, detonaut.ErrLimit, "more than 1000 uncompressed bytes"},
		{"compressed bytes", Caps{CompressedBytes: 10}, []item{regular("a", "x")}, detonaut.ErrLimit, "more than 10 compressed bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			layers := layersOf(t, test.items)
			_, err := flatten(t.Context(), layers, test.caps, tempFile(t))
			wantError(t, err, test.want, test.words, string(layers[0].Digest))
		})
	}
}
