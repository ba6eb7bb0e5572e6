package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/detonaut/detonaut"
)

// tarFiles are the files of a tar, read where they lie: nothing is unpacked.
type tarFiles struct {
	file    *os.File
	entries map[string]tarEntry
}

// tarEntry is where a file lies in the tar, or which other name it stands for.
type tarEntry struct {
	offset, size int64
	link         string
}

const (
	// maxArchiveEntries bounds the files of an archive: a saved image has two
	// or three for each layer.
	maxArchiveEntries = 100_000
	// maxArchiveNames bounds the bytes of all their names and links.
	maxArchiveNames = 32 << 20
	// maxArchiveLinks bounds a chain of links: old archives point one layer's
	// file at another's.
	maxArchiveLinks = 8
)

// openTar indexes the tar in f, and owns f from then on.
func openTar(f *os.File) (*tarFiles, error) {
	t, err := indexTar(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

func indexTar(f *os.File) (*tarFiles, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	t := &tarFiles{file: f, entries: map[string]tarEntry{}}
	section := io.NewSectionReader(f, 0, fi.Size())
	r := tar.NewReader(section)
	names := 0
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read archive: %s: %w", clean(err), detonaut.ErrCorrupt)
		}
		if len(t.entries) == maxArchiveEntries {
			return nil, fmt.Errorf("read archive: %w", over("files", maxArchiveEntries))
		}
		if names += len(h.Name) + len(h.Linkname); names > maxArchiveNames {
			return nil, fmt.Errorf("read archive: %w", over("bytes of names", maxArchiveNames))
		}
		// A tar reader takes no more of its input than the headers.
		offset, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		name := archiveName(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			if h.Size > fi.Size()-offset {
				return nil, fmt.Errorf("read archive: it ends within %s: %w", cleanString(name), detonaut.ErrCorrupt)
			}
			t.entries[name] = tarEntry{offset: offset, size: h.Size}
		case tar.TypeSymlink:
			t.entries[name] = tarEntry{link: archiveName(path.Join(path.Dir(name), h.Linkname))}
		case tar.TypeLink:
			t.entries[name] = tarEntry{link: archiveName(h.Linkname)}
		}
	}
	if len(t.entries) == 0 {
		return nil, fmt.Errorf("read archive: it is no tar, or has no files: %w", detonaut.ErrCorrupt)
	}
	return t, nil
}

// archiveName cleans a name in an archive, which is only ever looked up.
func archiveName(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

func (t *tarFiles) has(name string) bool {
	_, ok := t.entries[name]
	return ok
}

func (t *tarFiles) open(name string) (io.ReadCloser, int64, error) {
	name = archiveName(name)
	for range maxArchiveLinks {
		e, ok := t.entries[name]
		if !ok {
			return nil, 0, fmt.Errorf("%s: %w", cleanString(name), fs.ErrNotExist)
		}
		if e.link == "" {
			return io.NopCloser(io.NewSectionReader(t.file, e.offset, e.size)), e.size, nil
		}
		name = e.link
	}
	return nil, 0, fmt.Errorf("%s: more than %d links: %w", cleanString(name), maxArchiveLinks, detonaut.ErrLimit)
}

func (t *tarFiles) Close() error { return t.file.Close() }
