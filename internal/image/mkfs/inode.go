package mkfs

import (
	"cmp"
	"fmt"
	"slices"
)

// Types of files in [Inode.Mode], as Linux has them.
const (
	ModeType    = 0o170000
	ModeRegular = 0o100000
	ModeDir     = 0o040000
	ModeSymlink = 0o120000
	ModeChar    = 0o020000
	ModeBlock   = 0o060000
	ModeFIFO    = 0o010000
	ModeSocket  = 0o140000
)

// Inode is one file of any type. Directory entries that point at the same Inode
// are hard links.
type Inode struct {
	Mode     uint16 // type, setuid, setgid, sticky, permissions
	UID, GID uint32
	// Mtime is the time of the last change, in seconds since 1970 and the
	// nanoseconds after.
	Mtime     int64
	MtimeNsec uint32
	// Size and Block are those of a regular file's content; see
	// [Writer.Append].
	Size  int64
	Block uint32
	// Target is where a symbolic link points: 1 to MaxTarget bytes.
	Target string
	// Major (12 bits) and Minor (20 bits) are the numbers of a device.
	Major, Minor uint32
	// Entries are what a directory holds, without "." and "..", in any order.
	Entries []Dirent

	// What planning decides:
	links   uint32 // 0: not planned yet
	serial  uint32
	nid     uint64 // position in units of slotSize from the start of the metadata
	parent  *Inode // of a directory; the root's is itself
	size    int64  // of what Linux calls the data: content, entries or target
	tail    int    // bytes of it that follow the inode
	fileTyp uint8
}

// Links is the number of names of the inode: for a directory, as in Unix, 2 and
// one for each directory in it. It is 0 before [Writer.Finish].
func (ino *Inode) Links() int { return int(ino.links) }

// Dirent is one name in a directory.
type Dirent struct {
	Name  string
	Inode *Inode
}

// File types in directory entries.
var fileTypes = map[uint16]uint8{
	ModeRegular: 1, ModeDir: 2, ModeChar: 3, ModeBlock: 4, ModeFIFO: 5, ModeSocket: 6, ModeSymlink: 7,
}

// Sizes on disk.
const (
	inodeSize  = 64 // the extended form
	direntSize = 12
	slotSize   = 32
	// firstSlot leaves inode numbers 0 and 1 free: programs take 0 for a
	// deleted entry.
	firstSlot = 2
)

// plan numbers the inodes below root, depth first, and finds room for each.
type plan struct {
	order []*Inode // every inode once, in the order of their position
	end   int64    // of the metadata, in bytes from its start
	block int64    // the next free block for data that is not inline
}

// add plans an inode, and what is below it.
func (p *plan) add(ino, parent *Inode) error {
	if ino.links > 0 {
		if ino.Mode&ModeType == ModeDir {
			return fmt.Errorf("lay out erofs image: a directory has two names")
		}
		ino.links++
		return nil
	}
	ino.links = 1
	ino.fileTyp = fileTypes[ino.Mode&ModeType]
	switch ino.Mode & ModeType {
	case ModeRegular:
		ino.size = ino.Size
	case ModeSymlink:
		if len(ino.Target) == 0 || len(ino.Target) > MaxTarget {
			return fmt.Errorf("lay out erofs image: symbolic link of %d bytes", len(ino.Target))
		}
		p.place(ino, int64(len(ino.Target)))
	case ModeDir:
		return p.addDir(ino, parent)
	case ModeChar, ModeBlock, ModeFIFO, ModeSocket:
	default:
		return fmt.Errorf("lay out erofs image: mode %o has no known type", ino.Mode)
	}
	p.position(ino)
	return nil
}

func (p *plan) addDir(dir, parent *Inode) error {
	dir.parent = parent
	dir.links = 2
	for _, e := range dir.Entries {
		if len(e.Name) == 0 || len(e.Name) > MaxName {
			return fmt.Errorf("lay out erofs image: name of %d bytes", len(e.Name))
		}
	}
	dir.Entries = append(dir.Entries, Dirent{".", dir}, Dirent{"..", parent})
	slices.SortFunc(dir.Entries, func(a, b Dirent) int { return cmp.Compare(a.Name, b.Name) })
	p.place(dir, direntsSize(dir.Entries))
	p.position(dir)
	for i, e := range dir.Entries {
		if i > 0 && dir.Entries[i-1].Name == e.Name {
			return fmt.Errorf("lay out erofs image: two entries %q", e.Name)
		}
		if e.Name == "." || e.Name == ".." {
			continue
		}
		if e.Inode.Mode&ModeType == ModeDir {
			dir.links++
		}
		if err := p.add(e.Inode, dir); err != nil {
			return err
		}
	}
	return nil
}

// place splits the data of a directory or symbolic link into whole blocks and
// a tail that follows the inode, unless both together exceed a block.
func (p *plan) place(ino *Inode, size int64) {
	ino.size = size
	ino.tail = int(size % BlockSize)
	if ino.tail+inodeSize > BlockSize {
		ino.tail = 0
	}
	ino.Block = uint32(p.block)
	p.block += roundUp(size-int64(ino.tail), BlockSize) / BlockSize
}

// position gives an inode its place in the metadata. With its tail it stays
// inside one block, as the format demands.
func (p *plan) position(ino *Inode) {
	if p.end%BlockSize+inodeSize+int64(ino.tail) > BlockSize {
		p.end = roundUp(p.end, BlockSize)
	}
	ino.nid = uint64(p.end / slotSize)
	p.order = append(p.order, ino)
	ino.serial = uint32(len(p.order))
	p.end = roundUp(p.end+inodeSize+int64(ino.tail), slotSize)
}

// direntsSize is the size of a directory: all blocks but the last are filled up
// with zeros.
func direntsSize(entries []Dirent) int64 {
	var size int64
	for len(entries) > 0 {
		n, used := fit(entries)
		if entries = entries[n:]; len(entries) > 0 {
			used = BlockSize
		}
		size += int64(used)
	}
	return size
}

// fit says how many entries go into one block, and how many bytes they take.
func fit(entries []Dirent) (n, used int) {
	for _, e := range entries {
		size := direntSize + len(e.Name)
		if used+size > BlockSize {
			break
		}
		used += size
		n++
	}
	return n, used
}
