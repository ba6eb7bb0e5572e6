package image

import (
	"errors"
	"io"
	"io/fs"
	"testing"
)

// TestEntryOpen reads files through the entries of their directory, and all
// that is no file not at all.
func TestEntryOpen(t *testing.T) {
	_, fsys := flattened(t, Caps{}, layersOf(t, []item{
		regular("d/empty", ""), regular("d/file", "content"), symlink("d/link", "file"), dir("d/sub"), device("d/zero", 1, 5),
	})...)
	list, err := fsys.ReadDir("d")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"empty": "", "file": "content"}
	for _, e := range list {
		f, err := e.(interface{ Open() (fs.File, error) }).Open()
		text, ok := want[e.Name()]
		if !ok {
			if !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("%s: got %v, want %v", e.Name(), err, fs.ErrInvalid)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got, err := io.ReadAll(f); err != nil || string(got) != text {
			t.Errorf("%s: got %q and %v, want %q", e.Name(), got, err, text)
		}
		delete(want, e.Name())
	}
	if len(want) > 0 {
		t.Errorf("%v were not in the directory", want)
	}
}
