package image

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
)

// hiddenBrief says of each hidden file when it was there, its path and content.
func hiddenBrief(t *testing.T, index *Index, fsys *FS) string {
	t.Helper()
	checkSame(t, index, fsys)
	var b strings.Builder
	for _, h := range index.Hidden {
		f, err := fsys.OpenEntry(&h.Entry)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(f)
		if err != nil || h.Links != 0 {
			t.Errorf("%s: links %d, %v", h.Path, h.Links, err)
		}
		fmt.Fprintf(&b, "%d-%d %s %q\n", h.Since, h.Gone, h.Path, body)
	}
	return b.String()
}

func TestHidden(t *testing.T) {
	whiteout := func(name string) item {
		dir, base := path.Split(name)
		return regular(dir+".wh."+base, "")
	}
	opaque := func(dir string) item { return regular(dir+"/.wh..wh..opq", "") }
	for _, test := range []struct {
		name   string
		layers [][]item
		want   string
	}{
		{"nothing", [][]item{{regular("a", "x")}, {regular("b", "y")}}, ""},
		{"deleted", [][]item{{regular("d/a", "x"), regular("d/b", "y")}, {whiteout("d/a")}}, "0-1 d/a \"x\"\n"},
		{"replaced", [][]item{{regular("a", "x")}, {regular("a", "y")}}, "0-1 a \"x\"\n"},
		{"replaced by what is no file", [][]item{{regular("a", "x"), regular("b", "y"), regular("c", "z")}, {dir("a"), symlink("b", "c"), device("c", 1, 3)}}, "0-1 a \"x\"\n0-1 b \"y\"\n0-1 c \"z\"\n"},
		{"directory deleted", [][]item{{regular("d/e/a", "x"), regular("d/b", "y"), symlink("d/s", "b"), regular("f", "z")}, {whiteout("d")}}, "0-1 d/b \"y\"\n0-1 d/e/a \"x\"\n"},
		{"directory replaced by a file", [][]item{{regular("d/e/a", "x"), regular("d/b", "y")}, {regular("d", "z")}}, "0-1 d/b \"y\"\n0-1 d/e/a \"x\"\n"},
		{"directory replaced by a link", [][]item{{regular("d/a", "x"), dir("e")}, {symlink("d", "e"), regular("d/a", "y")}}, "0-1 d/a \"x\"\n"},
		{"opaque", [][]item{{regular("d/e/a", "x"), regular("d/b", "y")}, {regular("d/b", "z"), opaque("d")}}, "0-1 d/b \"y\"\n0-1 d/e/a \"x\"\n"},
		{"opaque before its own", [][]item{{regular("d/b", "y")}, {opaque("d"), regular("d/b", "z")}}, "0-1 d/b \"y\"\n"},
		{"opaque root", [][]item{{regular("a", "x"), regular("d/b", "y")}, {regular(".wh..wh..opq", "")}}, "0-1 a \"x\"\n0-1 d/b \"y\"\n"},
		{"through a link", [][]item{{regular("usr/lib/a", "x"), symlink("lib", "usr/lib")}, {whiteout("lib/a")}}, "0-1 usr/lib/a \"x\"\n"},
		{"other name stays", [][]item{{regular("a", "x"), hardlink("b", "a")}, {whiteout("a")}}, ""},
		{"other name of a later layer stays", [][]item{{regular("a", "x")}, {hardlink("b", "a"), whiteout("a")}}, ""},
		{"name given again", [][]item{{regular("a", "x"), hardlink("b", "a")}, {hardlink("a", "b")}}, ""},
		{"all names deleted", [][]item{{regular("a", "x"), hardlink("b", "a")}, {whiteout("a")}, {whiteout("b")}}, "0-1 a \"x\"\n0-2 b \"x\"\n"},
		{"deleted and back, equal", [][]item{{regular("a", "x")}, {whiteout("a")}, {regular("a", "x")}}, ""},
		{"replaced by an equal one", [][]item{{regular("a", "x")}, {regular("a", "x")}}, ""},
		{"deleted and back, not equal", [][]item{{regular("a", "x")}, {whiteout("a")}, {regular("a", "y")}}, "0-1 a \"x\"\n"},
		{"three versions", [][]item{{regular("a", "x")}, {regular("a", "y")}, {regular("a", "z")}}, "0-1 a \"x\"\n1-2 a \"y\"\n"},
		{"put again, then replaced", [][]item{{regular("a", "x")}, {regular("a", "x")}, {regular("a", "x")}, {regular("a", "y")}}, "0-3 a \"x\"\n"},
		{"there twice, then replaced", [][]item{{regular("a", "x")}, {whiteout("a")}, {regular("a", "x")}, {regular("a", "y")}}, "0-1 a \"x\"\n"},
		{"first as last", [][]item{{regular("a", "x")}, {regular("a", "y")}, {regular("a", "x")}}, "1-2 a \"y\"\n"},
		{"twice in a layer", [][]item{{regular("a", "x"), regular("a", "y"), regular("a", "z")}}, "0-0 a \"x\"\n0-0 a \"y\"\n"},
		{"equal at another place", [][]item{{regular("a", "x"), regular("b", "x")}, {whiteout("a")}}, "0-1 a \"x\"\n"},
		{"seen later than not seen", [][]item{{regular("a", "x"), regular("a", "y")}, {regular("a", "x")}, {regular("a", "z")}}, "0-1 a \"y\"\n1-2 a \"x\"\n"},
		{"empty", [][]item{{regular("a", "")}, {whiteout("a")}}, "0-1 a \"\"\n"},
		{"no file", [][]item{{symlink("a", "x"), device("b", 1, 3), dir("c")}, {whiteout("a"), whiteout("b"), whiteout("c")}}, ""},
		{"whiteout of nothing", [][]item{{regular("a", "x")}, {whiteout("b"), whiteout("c/d"), opaque("e")}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			index, fsys := flattened(t, Caps{}, layersOf(t, test.layers...)...)
			if diff := gocmp.Diff(test.want, hiddenBrief(t, index, fsys)); diff != "" {
				t.Errorf("hidden (-want +got):\n%s", diff)
			}
			if index.Unlisted != (Unlisted{}) {
				t.Errorf("%+v were not listed", index.Unlisted)
			}
		})
	}
}

// TestHiddenCaps hides more than the caps allow, and the image is made all the same.
func TestHiddenCaps(t *testing.T) {
	const files = 100_000
	var lower []item
	for i := range files {
		lower = append(lower, regular(fmt.Sprintf("d/%06d", i), fmt.Sprint(i)))
	}
	layers := layersOf(t, lower, []item{regular(".wh.d", ""), regular("a", "x")})
	all, fsys := flattened(t, Caps{}, layers...)
	if len(all.Hidden) != files || all.Unlisted != (Unlisted{}) {
		t.Fatalf("%d hidden files, %+v not listed", len(all.Hidden), all.Unlisted)
	}
	checkSame(t, all, fsys)
	var bytes int64
	for _, h := range all.Hidden {
		bytes += h.Size
	}
	few, _ := flattened(t, Caps{HiddenFiles: 1000}, layers...)
	if diff := gocmp.Diff(all.Hidden[:1000], few.Hidden); diff != "" || few.Unlisted.Files != files-1000 || few.Unlisted.Bytes+sizes(few) != bytes {
		t.Errorf("%d hidden files, %+v not listed", len(few.Hidden), few.Unlisted)
	}
	small, _ := flattened(t, Caps{HiddenBytes: 1000}, layers...)
	if sizes(small) != 1000 || small.Unlisted.Files+len(small.Hidden) != files || small.Unlisted.Bytes != bytes-1000 {
		t.Errorf("%d bytes in %d hidden files, %+v not listed", sizes(small), len(small.Hidden), small.Unlisted)
	}
	if diff := gocmp.Diff(all.Entries, few.Entries); diff != "" {
		t.Error("a cap of hidden files changed the others")
	}
}

func sizes(x *Index) (sum int64) {
	for _, h := range x.Hidden {
		sum += h.Size
	}
	return sum
}

// TestHiddenReplacedOften: work for a path that is put again and again does not grow
// with the square of that.
func TestHiddenReplacedOften(t *testing.T) {
	const times = 50_000
	var items []item
	for i := range times {
		items = append(items, regular("a", fmt.Sprint(i)), regular("b", "same"))
	}
	index, fsys := flattened(t, Caps{}, layersOf(t, items)...)
	if len(index.Hidden) != times-1 {
		t.Errorf("%d hidden files, want %d of a and none of b", len(index.Hidden), times-1)
	}
	checkSame(t, index, fsys)
}

// was is a file of the model.
type was struct {
	body  string
	layer int
	names int
}

// TestHiddenAgainstModel compares random layers with a map of paths: what is hidden,
// and what was there when each layer had been applied.
func TestHiddenAgainstModel(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		model := map[string]*was{}
		type gone struct {
			path string
			*was
			layer int
		}
		var lost []gone
		var layers [][]item
		var views []map[string]*was
		for layer := range 1 + r.IntN(4) {
			var items []item
			lose := func(p string) {
				if w := model[p]; w != nil {
					w.names--
					lost = append(lost, gone{p, w, layer})
					delete(model, p)
				}
			}
			random := func() string { return fmt.Sprintf("%c/%c", 'p'+r.IntN(3), 'a'+r.IntN(4)) }
			for range r.IntN(3) { // whiteouts first: they concern lower layers only
				p := random()
				dir, base := path.Split(p)
				switch r.IntN(4) {
				case 0:
					items = append(items, regular(dir+".wh..wh..opq", ""))
				case 1:
					items = append(items, regular(".wh."+dir[:1], ""))
				default:
					items = append(items, regular(dir+".wh."+base, ""))
					lose(p)
					continue
				}
				for _, p := range slices.Collect(maps.Keys(model)) {
					if strings.HasPrefix(p, dir) {
						lose(p)
					}
				}
			}
			for range r.IntN(6) {
				p := random()
				if names := slices.Sorted(maps.Keys(model)); len(names) > 0 && r.IntN(4) == 0 {
					if from := names[r.IntN(len(names))]; from != p {
						w := model[from]
						w.names++
						items = append(items, hardlink(p, from))
						lose(p)
						model[p] = w
						continue
					}
				}
				body := fmt.Sprint(r.IntN(3))
				items = append(items, regular(p, body))
				lose(p)
				model[p] = &was{body, layer, 1}
			}
			layers = append(layers, items)
			views = append(views, maps.Clone(model))
		}
		want := map[string]bool{}
		for _, g := range lost {
			if now := model[g.path]; g.names == 0 && (now == nil || now.body != g.body) {
				want[g.path+" "+g.body] = true
			}
		}
		index, fsys := flattened(t, Caps{}, layersOf(t, layers...)...)
		got := map[string]bool{}
		for _, h := range index.Hidden {
			got[h.Path+" "+read1(t, fsys, &h.Entry)] = true
		}
		if diff := gocmp.Diff(want, got); diff != "" || len(got) != len(index.Hidden) {
			t.Fatalf("%v\nhidden (-want +got):\n%s", layers, diff)
		}
		checkSame(t, index, fsys)
		checkViews(t, index, fsys, views)
	}
}

func read1(t *testing.T, fsys *FS, e *Entry) string {
	t.Helper()
	f, err := fsys.OpenEntry(e)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// checkViews checks what [Index.At] promises: all that was there is there, as it was,
// but for equal contents, also of the final view, and files that have another name.
func checkViews(t *testing.T, index *Index, fsys *FS, views []map[string]*was) {
	t.Helper()
	final := views[len(views)-1]
	listed := map[string]bool{}
	for layer, want := range views {
		view := index.At(layer)
		if len(view.Layers) != layer+1 || !slices.IsSortedFunc(view.Entries, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) }) {
			t.Fatalf("layer %d: it is not an index", layer)
		}
		for i := range view.Entries {
			e := &view.Entries[i]
			if up, ok := view.Lookup(path.Dir(e.Path)); !ok || up.Kind != KindDir {
				t.Fatalf("layer %d: %s has no directory", layer, e.Path)
			}
		}
		for p, w := range want {
			if now := final[p]; now != nil && now.body == w.body || listed[p+" "+w.body] || w.names > 0 {
				continue
			}
			e, ok := view.Lookup(p)
			if !ok || read1(t, fsys, &e) != w.body {
				t.Fatalf("layer %d: %s is not what it was", layer, p)
			}
		}
		for p, w := range want {
			listed[p+" "+w.body] = true
		}
	}
}

func TestAt(t *testing.T) {
	index, fsys := flattened(t, Caps{}, layersOf(t,
		[]item{regular("a", "a0"), regular("d/b", "b0"), regular("gone/c", "c0"), symlink("s", "a"), regular("stays", "s0"), dir("was/dir")},
		[]item{regular("a", "a1"), regular(".wh.gone", ""), dir("d/b"), regular("d/b/c", "c1"), regular("was/dir", "f")},
		[]item{regular("a", "a2"), regular("twice", "x"), regular("twice", "y"), dir("d")})...)
	for layer, want := range []string{
		"a=a0 d/ d/b=b0 gone/ gone/c=c0 s stays=s0 was/",
		"a=a1 d/ d/b/ d/b/c=c1 s stays=s0 was/ was/dir=f",
		"a=a2 d/ d/b/ d/b/c=c1 s stays=s0 twice=y was/ was/dir=f",
	} {
		view := index.At(layer)
		var got []string
		for i := range view.Entries {
			switch e := &view.Entries[i]; {
			case e.Path == ".":
			case e.Kind == KindDir:
				got = append(got, e.Path+"/")
			case e.isRegular():
				got = append(got, e.Path+"="+read1(t, fsys, e))
			default:
				got = append(got, e.Path)
			}
		}
		if diff := gocmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("layer %d (-want +got):\n%s", layer, diff)
		}
	}
}

func TestOpenEntryRefuses(t *testing.T) {
	index, fsys := flattened(t, Caps{}, layersOf(t, []item{regular("a", "content"), dir("d")})...)
	good, ok := index.Lookup("a")
	if !ok {
		t.Fatal("a is not there")
	}
	for name, change := range map[string]func(e *Entry){
		"superblock":   func(e *Entry) { e.Offset = 0 },
		"negative":     func(e *Entry) { e.Offset = -1 << 40 },
		"far":          func(e *Entry) { e.Offset = 1 << 40 },
		"long":         func(e *Entry) { e.Size = 1 << 20 },
		"longest":      func(e *Entry) { e.Size = 1<<63 - 1 },
		"less than no": func(e *Entry) { e.Size = -1 },
	} {
		e := good
		change(&e)
		if _, err := fsys.OpenEntry(&e); !errors.Is(err, detonaut.ErrCorrupt) {
			t.Errorf("%s: %v, want %v", name, err, detonaut.ErrCorrupt)
		}
	}
	d, _ := index.Lookup("d")
	if _, err := fsys.OpenEntry(&d); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("directory: %v, want %v", err, fs.ErrInvalid)
	}
	f, err := fsys.OpenEntry(&good)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 20)
	if n, err := f.(io.ReaderAt).ReadAt(b, 3); string(b[:n]) != "tent" || err != io.EOF {
		t.Errorf("at 3: %q and %v", b[:n], err)
	}
	if at, err := f.(io.Seeker).Seek(-2, io.SeekEnd); at != 5 || err != nil {
		t.Errorf("seek: %d and %v", at, err)
	}
	if rest, err := io.ReadAll(f); string(rest) != "nt" || err != nil {
		t.Errorf("from there: %q and %v", rest, err)
	}
}
