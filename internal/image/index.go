package image

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/mkfs"
)

// Index lists everything in a flattened image. It is immutable.
type Index struct {
	// Layers are the digests of the layers, base first.
	Layers []detonaut.Digest
	// Entries are sorted by Path, as strings; one of them is the root, ".".
	Entries []Entry
	// Hidden are the regular files that upper layers removed or replaced, sorted by
	// path, then layer. Their content is in the image all the same.
	Hidden []Hidden
	// Unlisted counts those that are not in Hidden, because there were too many.
	Unlisted Unlisted
}

// Entry is one name in a flattened image. Its strings come from the subject and
// are hostile; they need not be UTF-8.
type Entry struct {
	// Path is relative to the root, clean and slash-separated, as fs.FS wants
	// it: "usr/bin/env"; the root is ".".
	Path string
	// Layer is the position in Index.Layers of the layer that the file, and
	// not only this name of it, came from.
	Layer int
	// Kind is the type of the file, and for a regular file the kind of its
	// content.
	Kind Kind
	// Mode is the mode of Unix: type, setuid, setgid, sticky and permissions.
	Mode uint32
	// UID and GID are the owner.
	UID, GID uint32
	// Links is the number of names that the file has in the image; 0 if it is
	// hidden.
	Links int
	// Size is that of a regular file in bytes; 0 for everything else.
	Size int64
	// SHA256 is that of a regular file's content; zero for everything else.
	SHA256 Sum
	// Offset is where the content of a regular file begins in the EROFS image, in
	// bytes; see [FS.OpenEntry].
	Offset int64
	// ModTime is when the layer claims the file was changed.
	ModTime time.Time
	// LinkTarget is where a symbolic link points, as written.
	LinkTarget string
	// Major and Minor are the numbers of a device.
	Major, Minor uint32
	// Xattrs are the extended attributes, by full name. They are here only:
	// gVisor cannot open a file of an EROFS image that has any.
	Xattrs map[string]string
}

// isRegular reports whether e is a regular file, and so has a SHA256.
func (e *Entry) isRegular() bool { return e.Mode&mkfs.ModeType == mkfs.ModeRegular }

// Sum is a SHA-256.
type Sum [32]byte

// String is the sum in hex.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// Kind says what a file is. For a regular file it is what package content says of
// its first bytes, which the subject chose: good for picking what to look at, not for
// judging.
type Kind string

// Kinds of files that are not regular.
const (
	KindDir     Kind = "dir"
	KindSymlink Kind = "symlink"
	KindChar    Kind = "char-device"
	KindBlock   Kind = "block-device"
	KindFIFO    Kind = "fifo"
)

// Lookup finds an entry by its path, which may begin with a slash. It follows
// no links.
func (x *Index) Lookup(path string) (Entry, bool) {
	if path = strings.TrimPrefix(path, "/"); path == "" {
		path = "."
	}
	i, ok := slices.BinarySearchFunc(x.Entries, path, func(e Entry, p string) int {
		return strings.Compare(e.Path, p)
	})
	if !ok {
		return Entry{}, false
	}
	return x.Entries[i], true
}
