package program

import (
	"bytes"
	"encoding/binary"
	"io"
)

// Words of the ELF specification (gABI, elf.h).
const (
	class32, class64        = 1, 2
	littleEndian, bigEndian = 1, 2

	kindProgram, kindShared = 2, 3 // ET_EXEC, ET_DYN

	machinePARISC, machinePPC64, machineIA64 = 15, 21, 50

	segmentLoad, segmentDynamic, segmentInterpreter = 1, 2, 3

	flagExec, flagWrite = 1, 2
)

// layout is where the fields of headers are, in bytes, which depends on the size
// of a word.
type layout struct {
	word                        int
	header, segment, section    uint16
	entry, segments, sectionsAt int
	sizes                       int // e_ehsize; five more of 16 bits follow
	flags, address, physical    int // of a segment
	memory                      int
}

var (
	layout32 = layout{4, 52, 32, 40, 24, 28, 32, 40, 24, 8, 12, 20}
	layout64 = layout{8, 64, 56, 64, 24, 32, 40, 52, 4, 16, 24, 40}
)

// maxSegments is how many bytes of program headers are read. Linux executes
// nothing with more.
const maxSegments = 64 << 10

// upxReach is how far behind the headers the mark of UPX may be: it is in the
// twelve bytes that follow (l_info, in UPX's stub/src/include/linux.h).
const upxReach = 64

// program is what the headers of a file say. Whatever a number is, it may be
// nonsense.
type program struct {
	layout        *layout
	class, order  byte
	kind, machine uint16
	entry         uint64
	sectioned     bool   // it has section headers, wherever
	sectionSize   uint16 // of one
	segments      []segment
	cut           bool  // program headers are missing
	upx           int64 // where its mark is; -1 if it has none
}

type segment struct {
	kind, flags               uint32
	address, physical, memory uint64
}

// read reads the headers of in, which has size bytes. It returns nil for what
// has too little of them to say anything. An error is that of in.
func read(in io.ReaderAt, size int64) (*program, error) {
	head, err := readAt(in, 0, int(layout64.header))
	if err != nil {
		return nil, err
	}
	if len(head) < int(layout32.header) || !bytes.HasPrefix(head, []byte("\x7fELF")) {
		return nil, nil
	}
	p := &program{class: head[4], order: head[5], upx: -1}
	order, ok := p.guess(head)
	if !ok || len(head) < int(p.layout.header) {
		return nil, nil
	}
	l := p.layout
	size16 := func(n int) uint16 { return order.Uint16(head[l.sizes+2*n:]) }
	p.kind, p.machine = order.Uint16(head[16:]), order.Uint16(head[18:])
	p.entry = l.number(order, head[l.entry:])
	p.sectioned, p.sectionSize = l.number(order, head[l.sectionsAt:]) != 0, size16(3)
	at, count := l.number(order, head[l.segments:]), int(size16(2))
	if at >= uint64(size) {
		p.cut = count > 0
		return p, nil
	}
	return p, p.readSegments(in, order, int64(at), count)
}

// guess finds the size of words and the order of bytes. Linux does not look at
// what the header says of them, but at the machine and the size of a program
// header; nor do we, when it says nothing sensible.
func (p *program) guess(head []byte) (binary.ByteOrder, bool) {
	layouts := []*layout{&layout64, &layout32}
	orders := []binary.ByteOrder{binary.LittleEndian, binary.BigEndian}
	switch p.class {
	case class32:
		layouts = layouts[1:]
	case class64:
		layouts = layouts[:1]
	}
	switch p.order {
	case littleEndian:
		orders = orders[:1]
	case bigEndian:
		orders = orders[1:]
	}
	if len(layouts) == 1 && len(orders) == 1 {
		p.layout = layouts[0]
		return orders[0], true
	}
	for _, l := range layouts {
		for _, o := range orders {
			if len(head) >= int(l.header) && o.Uint16(head[l.sizes+2:]) == l.segment {
				p.layout = l
				return o, true
			}
		}
	}
	return nil, false
}

// number reads a word.
func (l *layout) number(order binary.ByteOrder, b []byte) uint64 {
	if l.word == 4 {
		return uint64(order.Uint32(b))
	}
	return order.Uint64(b)
}

// readSegments reads count program headers at an offset, and looks for UPX
// behind them.
func (p *program) readSegments(in io.ReaderAt, order binary.ByteOrder, at int64, count int) error {
	l := p.layout
	want := min(count*int(l.segment), maxSegments)
	b, err := readAt(in, at, want+upxReach)
	if err != nil {
		return err
	}
	p.cut = len(b) < count*int(l.segment)
	headers := b[:min(want, len(b))]
	if i := bytes.Index(b[len(headers):], []byte("UPX!")); i >= 0 && count > 0 {
		p.upx = at + int64(len(headers)+i)
	}
	for ; len(headers) >= int(l.segment); headers = headers[l.segment:] {
		p.segments = append(p.segments, segment{
			kind: order.Uint32(headers), flags: order.Uint32(headers[l.flags:]),
			address:  l.number(order, headers[l.address:]),
			physical: l.number(order, headers[l.physical:]),
			memory:   l.number(order, headers[l.memory:]),
		})
	}
	return nil
}
