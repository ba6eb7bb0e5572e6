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
	// Kind is the type of the file, and for a regular file what its first
	// bytes say.
	Kind Kind
	// Mode is the mode of Unix: type, setuid, setgid, sticky and permissions.
	Mode uint32
	// UID and GID are the owner.
	UID, GID uint32
	// Links is the number of names that the file has in the image.
	Links int
	// Size is that of a regular file in bytes; 0 for everything else.
	Size int64
	// SHA256 is that of a regular file's content; zero for everything else.
	SHA256 Sum
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

// Kind says what a file is. For a regular file it is a guess by the first bytes,
// which the subject chose: good for picking what to look at, not for judging.
type Kind string

// Kinds of files, and of the content of regular files.
const (
	KindDir     Kind = "dir"
	KindSymlink Kind = "symlink"
	KindChar    Kind = "char-device"
	KindBlock   Kind = "block-device"
	KindFIFO    Kind = "fifo"

	KindEmpty   Kind = "empty"
	KindELF     Kind = "elf"
	KindScript  Kind = "script" // begins with "#!"
	KindPE      Kind = "pe"
	KindMachO   Kind = "mach-o"
	KindJava    Kind = "java-class"
	KindWasm    Kind = "wasm"
	KindZip     Kind = "zip"     // and jar, wheel, nupkg ...
	KindArchive Kind = "archive" // tar, ar, gzip, xz, zstd, bzip2, 7z, rar
	KindSQLite  Kind = "sqlite"
	KindText    Kind = "text" // UTF-8 without NUL as far as was looked
	KindData    Kind = "data"
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
