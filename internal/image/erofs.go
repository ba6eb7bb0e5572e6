package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/erofs/go-erofs"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/mkfs"
)

// FS reads a flattened image as an [fs.FS]. Symbolic links are resolved inside
// it, the last element of [FS.Lstat] and [FS.ReadLink] excepted. Names need not
// be UTF-8 and so need not satisfy [fs.ValidPath]: those of an [Index] all work.
// It may be used from several goroutines.
type FS struct {
	erofs fs.ReadLinkFS
	image io.ReaderAt
	end   int64 // of the content of files
}

var (
	_ fs.ReadDirFS  = (*FS)(nil)
	_ fs.StatFS     = (*FS)(nil)
	_ fs.ReadLinkFS = (*FS)(nil)
)

// OpenFS reads the image in r, which must stay open, and stays the caller's.
func OpenFS(r io.ReaderAt) (*FS, error) {
	fsys, err := erofs.Open(r)
	if err != nil {
		return nil, fmt.Errorf("open erofs image: %w", err)
	}
	links, ok := fsys.(fs.ReadLinkFS)
	if !ok {
		return nil, fmt.Errorf("open erofs image: %T does not read links", fsys)
	}
	end, err := mkfs.ContentEnd(r)
	if err != nil {
		return nil, fmt.Errorf("open erofs image: %w", err)
	}
	return &FS{erofs: links, image: r, end: end}, nil
}

// Open implements [fs.FS]. A regular file is also an [io.ReaderAt] and an
// [io.Seeker].
func (f *FS) Open(name string) (fs.File, error) {
	file, err := f.erofs.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if dir, ok := file.(fs.ReadDirFile); ok {
		return openDir{dir, f, newInfo(info)}, nil
	}
	return f.openFile(info), nil
}

func (f *FS) openFile(info fs.FileInfo) openFile {
	return openFile{io.NewSectionReader(f.image, offset(info), size(info)), newInfo(info)}
}

// offset is where the content of a file is in the image: mkfs never splits it.
func offset(info fs.FileInfo) int64 {
	if r, ok := info.(interface{ DataRange() []erofs.DataRange }); ok {
		if ranges := r.DataRange(); len(ranges) == 1 {
			return ranges[0].Offset
		}
	}
	return 0
}

func size(info fs.FileInfo) int64 {
	if info.Mode().IsRegular() {
		return info.Size()
	}
	return 0
}

// OpenEntry opens a regular file, hidden or not, at its place in the image: nothing is
// looked up, which takes most of the time of reading a small file. e is of the index
// of that image; an entry that cannot be is [detonaut.ErrCorrupt]. The file is an
// [io.ReaderAt] and an [io.Seeker].
func (f *FS) OpenEntry(e *Entry) (fs.File, error) {
	if !e.isRegular() {
		return nil, &fs.PathError{Op: "open", Path: e.Path, Err: fs.ErrInvalid}
	}
	if e.Offset < mkfs.BlockSize || e.Size < 0 || e.Offset > f.end || e.Size > f.end-e.Offset {
		return nil, &fs.PathError{Op: "open", Path: e.Path, Err: fmt.Errorf("content is not in the image: %w", detonaut.ErrCorrupt)}
	}
	return openFile{io.NewSectionReader(f.image, e.Offset, e.Size), info{entryInfo{e}, e.fileMode()}}, nil
}

// Stat implements [fs.StatFS].
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(f.erofs, name)
	if err != nil {
		return nil, err
	}
	return newInfo(info), nil
}

// Lstat implements [fs.ReadLinkFS].
func (f *FS) Lstat(name string) (fs.FileInfo, error) {
	info, err := f.erofs.Lstat(name)
	if err != nil {
		return nil, err
	}
	return newInfo(info), nil
}

// ReadLink implements [fs.ReadLinkFS].
func (f *FS) ReadLink(name string) (string, error) { return f.erofs.ReadLink(name) }

// ReadDir implements [fs.ReadDirFS].
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(f.erofs, name)
	return f.wrap(list), err
}

func (f *FS) wrap(list []fs.DirEntry) []fs.DirEntry {
	for i, e := range list {
		list[i] = dirEntry{e, f}
	}
	return list
}

type openDir struct {
	fs.ReadDirFile
	fsys *FS
	info info
}

func (d openDir) Stat() (fs.FileInfo, error) { return d.info, nil }

func (d openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	list, err := d.ReadDirFile.ReadDir(n)
	return d.fsys.wrap(list), err
}

// openFile reads from the image itself, not block by block as go-erofs does.
type openFile struct {
	*io.SectionReader
	info info
}

func (f openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f openFile) Close() error               { return nil }

// dirEntry is an entry of a directory. Its method Open opens a regular file
// without looking up its path, which takes most of the time of reading a small
// one.
type dirEntry struct {
	fs.DirEntry
	fsys *FS
}

func (e dirEntry) Open() (fs.File, error) {
	i, err := e.DirEntry.Info()
	if err != nil {
		return nil, err
	}
	if !i.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: e.Name(), Err: fs.ErrInvalid}
	}
	return e.fsys.openFile(i), nil
}

func (e dirEntry) Info() (fs.FileInfo, error) {
	i, err := e.DirEntry.Info()
	if err != nil {
		return nil, err
	}
	return newInfo(i), nil
}

// entryInfo is what the index says of a regular file.
type entryInfo struct{ entry *Entry }

func (i entryInfo) Name() string       { return path.Base(i.entry.Path) }
func (i entryInfo) Size() int64        { return i.entry.Size }
func (i entryInfo) Mode() fs.FileMode  { return i.entry.fileMode() }
func (i entryInfo) ModTime() time.Time { return i.entry.ModTime }
func (entryInfo) IsDir() bool          { return false }
func (entryInfo) Sys() any             { return nil }

// fileMode is the mode of a regular file as package fs has it.
func (e *Entry) fileMode() fs.FileMode {
	mode := fs.FileMode(e.Mode & 0o777)
	for _, bit := range [...]struct {
		unix uint32
		mode fs.FileMode
	}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}} {
		if e.Mode&bit.unix != 0 {
			mode |= bit.mode
		}
	}
	return mode
}

// info is a FileInfo whose Mode has setuid, setgid and sticky where package fs
// has them; that of go-erofs v0.3.1 keeps the bits of Unix. Its Sys is
// [*erofs.Stat], or nil from [FS.OpenEntry].
type info struct {
	fs.FileInfo
	mode fs.FileMode
}

func newInfo(i fs.FileInfo) info {
	if stat, ok := i.Sys().(*erofs.Stat); ok {
		return info{i, stat.Mode}
	}
	return info{i, i.Mode()}
}

func (i info) Mode() fs.FileMode { return i.mode }
