package rulepack

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"
)

// Tree is the files of a pack, in memory. It is a file system that nobody can change.
type Tree struct {
	files map[string][]byte
	// dirs has the names in each folder; "." is the top.
	dirs map[string][]fs.DirEntry
	made time.Time
}

var _ fs.ReadDirFS = (*Tree)(nil)

func newTree(made time.Time) *Tree {
	return &Tree{files: map[string][]byte{}, dirs: map[string][]fs.DirEntry{".": nil}, made: made}
}

// add takes a file of which the path is valid, and no folder.
func (t *Tree) add(name string, b []byte) {
	t.files[name] = b
	t.enter(entry{path.Base(name), int64(len(b)), 0o444, t.made}, path.Dir(name))
}

func (t *Tree) enter(e entry, dir string) {
	_, known := t.dirs[dir]
	at, _ := slices.BinarySearchFunc(t.dirs[dir], e.name, func(have fs.DirEntry, name string) int {
		return bytes.Compare([]byte(have.Name()), []byte(name))
	})
	t.dirs[dir] = slices.Insert(t.dirs[dir], at, fs.DirEntry(e))
	if !known {
		t.enter(entry{path.Base(dir), 0, fs.ModeDir | 0o555, t.made}, path.Dir(dir))
	}
}

// Names are the paths of all files, sorted.
func (t *Tree) Names() []string { return slices.Sorted(maps.Keys(t.files)) }

// Has tells whether there is a file.
func (t *Tree) Has(name string) bool { _, ok := t.files[name]; return ok }

// Open implements [fs.FS].
func (t *Tree) Open(name string) (fs.File, error) {
	if b, ok := t.files[name]; ok {
		return &file{Reader: bytes.NewReader(b), entry: entry{path.Base(name), int64(len(b)), 0o444, t.made}}, nil
	}
	if all, ok := t.dirs[name]; ok {
		return &folder{entry{path.Base(name), 0, fs.ModeDir | 0o555, t.made}, all}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ReadDir implements [fs.ReadDirFS].
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	all, ok := t.dirs[name]
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Clone(all), nil
}

// entry describes a file or folder.
type entry struct {
	name string
	size int64
	mode fs.FileMode
	made time.Time
}

func (e entry) Name() string               { return e.name }
func (e entry) Size() int64                { return e.size }
func (e entry) Mode() fs.FileMode          { return e.mode }
func (e entry) Type() fs.FileMode          { return e.mode.Type() }
func (e entry) ModTime() time.Time         { return e.made }
func (e entry) IsDir() bool                { return e.mode.IsDir() }
func (e entry) Sys() any                   { return nil }
func (e entry) Info() (fs.FileInfo, error) { return e, nil }

// file is an open file.
type file struct {
	*bytes.Reader
	entry
}

func (f *file) Size() int64                { return f.size }
func (f *file) Stat() (fs.FileInfo, error) { return f.entry, nil }
func (f *file) Close() error               { return nil }

// folder is an open folder.
type folder struct {
	entry
	left []fs.DirEntry
}

func (d *folder) Stat() (fs.FileInfo, error) { return d.entry, nil }
func (d *folder) Close() error               { return nil }

func (d *folder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fs.ErrInvalid}
}

func (d *folder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.left) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.left) {
		n = len(d.left)
	}
	some := slices.Clone(d.left[:n])
	d.left = d.left[n:]
	return some, nil
}
