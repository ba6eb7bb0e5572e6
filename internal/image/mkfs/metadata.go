package mkfs

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// Layouts of an inode's data, and the bit of the extended form.
const (
	flatPlain  = 0 << 1
	flatInline = 2 << 1
	extended   = 1
)

// Finish writes the metadata of the tree below root, and the superblock. It
// changes the tree, and may be called once. Times, numbers and order depend on
// nothing but the tree: equal trees make equal images.
func (w *Writer) Finish(root *Inode) error {
	if root.Mode&ModeType != ModeDir {
		return fmt.Errorf("lay out erofs image: the root is no directory")
	}
	if err := w.flush(); err != nil {
		return err
	}
	plain := w.offset
	p := plan{end: firstSlot * slotSize, block: plain / BlockSize}
	if err := p.add(root, root); err != nil {
		return err
	}
	meta := p.block * BlockSize
	blocks := p.block + roundUp(p.end, BlockSize)/BlockSize
	if blocks > math.MaxUint32 {
		return ErrTooLarge
	}
	if err := writeInodes(w.out, p, plain, meta); err != nil {
		return fmt.Errorf("write erofs image: %w", err)
	}
	sb := superblock(root, p, blocks)
	if _, err := w.out.WriteAt(sb, 0); err != nil {
		return fmt.Errorf("write erofs image: %w", err)
	}
	return nil
}

// writeInodes writes two runs in one walk: blocks of directories and long links
// from plain, inodes with their tails from meta.
func writeInodes(out io.WriterAt, p plan, plain, meta int64) error {
	blocks := bufio.NewWriterSize(io.NewOffsetWriter(out, plain), bufferSize)
	inodes := bufio.NewWriterSize(io.NewOffsetWriter(out, meta), bufferSize)
	var at int64
	var data []byte
	fill := func(to int64) { // to the position of the next inode
		put(inodes, zeros[:to-at])
		at = to
	}
	for _, ino := range p.order {
		fill(int64(ino.nid) * slotSize)
		data = ino.appendData(data[:0])
		whole := len(data) - ino.tail
		put(blocks, data[:whole])
		put(blocks, zeros[:roundUp(whole, BlockSize)-whole])
		head := ino.encode()
		put(inodes, head[:])
		put(inodes, data[whole:])
		at += inodeSize + int64(ino.tail)
	}
	fill(roundUp(p.end, BlockSize))
	if err := blocks.Flush(); err != nil {
		return err
	}
	return inodes.Flush()
}

// put leaves errors to Flush, which returns the first.
func put(w *bufio.Writer, p []byte) { _, _ = w.Write(p) }

// appendData appends the entries of a directory or the target of a link.
func (ino *Inode) appendData(data []byte) []byte {
	if ino.Mode&ModeType == ModeSymlink {
		return append(data, ino.Target...)
	}
	le := binary.LittleEndian
	for entries := ino.Entries; len(entries) > 0; {
		n, used := fit(entries)
		name := n * direntSize
		for _, e := range entries[:n] {
			data = le.AppendUint64(data, e.Inode.nid)
			data = le.AppendUint16(data, uint16(name))
			data = append(data, e.Inode.fileTyp, 0)
			name += len(e.Name)
		}
		for _, e := range entries[:n] {
			data = append(data, e.Name...)
		}
		if entries = entries[n:]; len(entries) > 0 {
			data = append(data, zeros[:BlockSize-used]...)
		}
	}
	return data
}

// encode is struct erofs_inode_extended.
func (ino *Inode) encode() (b [inodeSize]byte) {
	le := binary.LittleEndian
	format := uint16(extended | flatPlain)
	if ino.tail > 0 {
		format = extended | flatInline
	}
	union := ino.Block
	switch ino.Mode & ModeType {
	case ModeChar, ModeBlock:
		union = ino.Minor&0xff | ino.Major<<8 | ino.Minor&^0xff<<12 // new_encode_dev
	case ModeFIFO, ModeSocket:
		union = 0
	}
	le.PutUint16(b[0:], format)
	le.PutUint16(b[4:], ino.Mode)
	le.PutUint64(b[8:], uint64(ino.size))
	le.PutUint32(b[16:], union)
	le.PutUint32(b[20:], ino.serial)
	le.PutUint32(b[24:], ino.UID)
	le.PutUint32(b[28:], ino.GID)
	le.PutUint64(b[32:], uint64(ino.Mtime))
	le.PutUint32(b[40:], ino.MtimeNsec)
	le.PutUint32(b[44:], ino.links)
	return b
}

// Fields of struct erofs_super_block that are not zero.
const (
	magic            = 0xe0f5e1e2
	superOffset      = 1024
	compatChecksum   = 1
	compatMtime      = 2
	blockSizeBits    = 12
	superChecksum    = superOffset + 4
	superCompat      = superOffset + 8
	superBlockBits   = superOffset + 12
	superRootNid     = superOffset + 14
	superInodes      = superOffset + 16
	superBlocks      = superOffset + 36
	superMetaAddress = superOffset + 40
)

// superblock is the first block of the image.
func superblock(root *Inode, p plan, blocks int64) []byte {
	b := make([]byte, BlockSize)
	le := binary.LittleEndian
	le.PutUint32(b[superOffset:], magic)
	le.PutUint32(b[superCompat:], compatChecksum|compatMtime)
	b[superBlockBits] = blockSizeBits
	le.PutUint16(b[superRootNid:], uint16(root.nid)) // the first inode, so it fits
	le.PutUint64(b[superInodes:], uint64(len(p.order)))
	le.PutUint32(b[superBlocks:], uint32(blocks))
	le.PutUint32(b[superMetaAddress:], uint32(p.block))
	sum := crc32.Checksum(b[superOffset:], crc32.MakeTable(crc32.Castagnoli))
	le.PutUint32(b[superChecksum:], ^sum)
	return b
}

// ContentEnd returns the offset behind the content of all files of an image that a
// [Writer] made, as its superblock says.
func ContentEnd(r io.ReaderAt) (int64, error) {
	var b [4]byte
	if _, err := r.ReadAt(b[:], superMetaAddress); err != nil {
		return 0, fmt.Errorf("read superblock: %w", err)
	}
	return int64(binary.LittleEndian.Uint32(b[:])) * BlockSize, nil
}
