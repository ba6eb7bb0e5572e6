package image

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/mkfs"
)

// tree is the root file system while layers are merged into it. It lives in
// memory only, so nothing that a layer names can reach a file of the host.
//
// Layers are applied base first, entry by entry, the way containerd extracts
// them: a directory that is reached through a symbolic link is resolved inside
// the root.
type tree struct {
	caps  Caps
	root  *node
	layer int // the one being applied

	lost []lost // names of regular files, in no order

	entries  int   // tar entries and implied directories
	metadata int64 // bytes of names, targets and extended attributes
	steps    int   // path elements read from symbolic links
}

// maxSteps bounds the work for all symbolic links that are followed: with
// SymlinkDepth alone, each entry could cost 40 paths of 4095 bytes.
const maxSteps = 1 << 24

// attributeCost is what an extended attribute takes in memory beside its bytes.
const attributeCost = 128

// node is one file. Hard links are names of the same node.
type node struct {
	mkfs.Inode
	layer  int
	kind   Kind
	sum    Sum
	xattrs map[string]string

	// Of a directory:
	parent   *node // the root's is itself
	base     string
	names    map[string]name
	length   int // of its path, in bytes
	stripped int // 1 + the layer that last hid what lower layers had in it
}

// name is a node's name in a directory, and the layer that gave it. That of a
// hard link may be higher than the node's own.
type name struct {
	*node
	layer int
}

func newTree(caps Caps) *tree {
	t := &tree{caps: caps}
	t.root = t.newDir()
	t.root.parent = t.root
	return t
}

func (t *tree) newDir() *node {
	return &node{Inode: mkfs.Inode{Mode: mkfs.ModeDir | 0o755}, layer: t.layer, kind: KindDir}
}

func (n *node) isDir() bool { return n.Mode&mkfs.ModeType == mkfs.ModeDir }

// clean makes the name of an entry relative to the root, "" for the root
// itself. Absolute names are taken as relative. A name that climbs out of the
// root is refused: engines disagree on it, and no builder makes one.
func (t *tree) clean(name string) (string, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return "", fmt.Errorf("NUL in path: %w", detonaut.ErrCorrupt)
	}
	p := path.Clean(strings.TrimLeft(name, "/"))
	if p == ".." || strings.HasPrefix(p, "../") {
		return "", fmt.Errorf("path leads out of the root: %w", detonaut.ErrCorrupt)
	}
	if len(p) > t.caps.PathLength {
		return "", over("bytes of path", t.caps.PathLength)
	}
	if p == "." {
		return "", nil
	}
	return p, nil
}

// dir finds a directory by its clean path, through symbolic links, with ".."
// ending at the root. It makes what is missing when create is set; otherwise it
// returns nil for it.
func (t *tree) dir(dir string, create bool) (*node, error) {
	at, links := t.root, 0
	for rest := dir; rest != ""; {
		var elem string
		elem, rest, _ = strings.Cut(rest, "/")
		if links > 0 {
			if t.steps++; t.steps > maxSteps {
				return nil, over("path elements in symbolic links", maxSteps)
			}
		}
		switch elem {
		case "", ".":
			continue
		case "..":
			at = at.parent
			continue
		}
		child, ok := at.names[elem]
		switch {
		case !ok && !create:
			return nil, nil
		case !ok:
			implied := t.newDir()
			if err := t.put(at, elem, implied); err != nil {
				return nil, err
			}
			at = implied
		case child.isDir():
			at = child.node
		case child.Mode&mkfs.ModeType == mkfs.ModeSymlink:
			if links++; links > t.caps.SymlinkDepth {
				return nil, over("symbolic links in a path", t.caps.SymlinkDepth)
			}
			t.steps += len(child.Target) / 64
			if strings.HasPrefix(child.Target, "/") {
				at = t.root
			}
			rest = child.Target + "/" + rest
		default:
			return nil, fmt.Errorf("parent %s is not a directory: %w", quoted(elem), detonaut.ErrCorrupt)
		}
	}
	return at, nil
}

// put gives n a name. What had the name before loses it, unless both are
// directories: then n's facts replace those of the old one, which stays.
func (t *tree) put(dir *node, base string, n *node) error {
	if t.entries++; t.entries > t.caps.Entries {
		return over("entries", t.caps.Entries)
	}
	if len(base) > mkfs.MaxName {
		return over("bytes of file name", mkfs.MaxName)
	}
	length := dir.length + len("/") + len(base)
	if length > t.caps.PathLength+1 {
		return over("bytes of path", t.caps.PathLength)
	}
	cost := length + len(n.Target)
	for k, v := range n.xattrs {
		cost += attributeCost + len(k) + len(v)
	}
	if t.metadata += int64(cost); t.metadata > t.caps.MetadataBytes {
		return over("bytes of metadata", t.caps.MetadataBytes)
	}
	if dir.names == nil {
		dir.names = make(map[string]name)
	}
	// A part of a long name, or of a PAX header of 1 MiB, keeps all of it.
	base = strings.Clone(base)
	if old, ok := dir.names[base]; ok {
		if old.isDir() && n.isDir() {
			old.describe(n)
			dir.names[base] = name{old.node, t.layer}
			return nil
		}
		t.lose(dir, base, old)
	}
	if n.isDir() {
		n.parent, n.base, n.length = dir, base, length
	}
	dir.names[base] = name{n, t.layer}
	return nil
}

// describe gives a directory the facts of another entry for it.
func (n *node) describe(by *node) {
	n.Mode, n.UID, n.GID = by.Mode, by.UID, by.GID
	n.Mtime, n.MtimeNsec = by.Mtime, by.MtimeNsec
	n.layer, n.xattrs = by.layer, by.xattrs
}

// link makes base another name of the file at target, which any layer may have
// brought.
func (t *tree) link(dir *node, base, target string) error {
	cleaned, err := t.clean(target)
	if err != nil {
		return fmt.Errorf("hard link to %s: %w", quoted(target), err)
	}
	parent, last := path.Split(cleaned)
	from, err := t.dir(parent, false)
	if err != nil {
		return fmt.Errorf("hard link to %s: %w", quoted(target), err)
	}
	if from == nil {
		return fmt.Errorf("hard link to missing %s: %w", quoted(target), detonaut.ErrCorrupt)
	}
	old, ok := from.names[last]
	switch {
	case !ok:
		return fmt.Errorf("hard link to missing %s: %w", quoted(target), detonaut.ErrCorrupt)
	case old.isDir():
		return fmt.Errorf("hard link to directory %s: %w", quoted(target), detonaut.ErrCorrupt)
	case from == dir && last == base:
		return fmt.Errorf("hard link to itself: %w", detonaut.ErrCorrupt)
	}
	return t.put(dir, base, old.node)
}

// Names of whiteouts, the same for OCI and Docker:
// https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
)

// whiteout applies a marker file at dir/base: it hides what lower layers have,
// and nothing of its own layer, wherever in the layer it stands.
func (t *tree) whiteout(parent, base string) error {
	hidden := strings.TrimPrefix(base, whiteoutPrefix)
	if hidden == "" || hidden == "." || hidden == ".." {
		return fmt.Errorf("whiteout of no name: %w", detonaut.ErrCorrupt)
	}
	if t.entries++; t.entries > t.caps.Entries {
		return over("entries", t.caps.Entries)
	}
	dir, err := t.dir(parent, false)
	if dir == nil {
		return err
	}
	if base == whiteoutOpaque {
		t.strip(dir)
		return nil
	}
	if old, ok := dir.names[hidden]; ok {
		t.hide(dir, hidden, old)
	}
	return nil
}

// hide takes a name away, unless something of this layer is there.
func (t *tree) hide(dir *node, base string, n name) {
	if n.isDir() {
		t.strip(n.node)
	}
	if n.layer == t.layer || len(n.names) > 0 {
		return
	}
	t.lose(dir, base, n)
	delete(dir.names, base)
}

// strip hides what lower layers have in a directory. Once is enough: after that
// the same layer only adds its own.
func (t *tree) strip(dir *node) {
	if dir.stripped == t.layer+1 {
		return
	}
	dir.stripped = t.layer + 1
	for base, n := range dir.names {
		t.hide(dir, base, n)
	}
}

// file is a node at its path.
type file struct {
	path string
	*node
}

// seal hands the directories to mkfs and returns every name in the tree, sorted
// by path. The tree cannot be changed any more.
func (t *tree) seal() []file {
	files := []file{{".", t.root}}
	var walk func(dir *node, prefix string)
	walk = func(dir *node, prefix string) {
		dir.Entries = make([]mkfs.Dirent, 0, len(dir.names)+2) // and "." and ".."
		for base, n := range dir.names {
			dir.Entries = append(dir.Entries, mkfs.Dirent{Name: base, Inode: &n.Inode})
			files = append(files, file{prefix + base, n.node})
			if n.isDir() {
				walk(n.node, prefix+base+"/")
			}
		}
		dir.names = nil
	}
	walk(t.root, "")
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return files
}

// entries makes the index of sealed files that mkfs has numbered.
func entries(files []file) []Entry {
	list := make([]Entry, len(files))
	for i, f := range files {
		list[i] = f.entry()
	}
	return list
}

// entry is the index entry of a file that mkfs has numbered, or that is hidden.
func (f file) entry() Entry {
	e := Entry{
		Path: f.path, Layer: f.layer, Kind: f.kind, Mode: uint32(f.Mode), UID: f.UID, GID: f.GID,
		Links: f.Links(), Size: f.Size, SHA256: f.sum, ModTime: time.Unix(f.Mtime, int64(f.MtimeNsec)).UTC(),
		LinkTarget: f.Target, Major: f.Major, Minor: f.Minor, Xattrs: f.xattrs,
	}
	if e.isRegular() {
		e.Offset = int64(f.Block) * mkfs.BlockSize
	}
	return e
}
