package blob_test

import (
	"errors"
	"io/fs"
	"maps"
	"testing"
	"testing/fstest"
)

// All files of a run are kept, in folders, too, but for those that are named, and nothing is
// acknowledged when one of them cannot be read.
func TestPutAll(t *testing.T) {
	everywhere(t, func(t *testing.T, place string) {
		b := open(t, place)
		files := fstest.MapFS{
			"report.json": {Data: []byte("{}")}, "tape.jsonl.zst": {Data: []byte("a")}, "payloads/x": {Data: []byte("b")},
			"link": {Data: []byte("tape.jsonl.zst"), Mode: fs.ModeSymlink},
		}
		got, err := b.PutAll(t.Context(), files, "report.json")
		if want := map[string]string{"tape.jsonl.zst": sum([]byte("a")), "payloads/x": sum([]byte("b"))}; err != nil || !maps.Equal(got, want) {
			t.Errorf("kept %v, %v; want %v", got, err, want)
		}
		if kept := all(t, b); len(kept) != 2 {
			t.Errorf("there are %q", kept)
		}
		if got, err := b.PutAll(t.Context(), broken{files}); got != nil || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("of what cannot be read %v is kept: %v", got, err)
		}
	})
}

// broken is a file system of which one file is nobody's to read.
type broken struct{ fstest.MapFS }

func (f broken) Open(name string) (fs.File, error) {
	if name == "tape.jsonl.zst" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return f.MapFS.Open(name)
}
