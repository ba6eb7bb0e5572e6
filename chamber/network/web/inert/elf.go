package inert

import (
	"encoding/binary"
	"runtime"
)

// Instructions that exit with status 0, each for the Linux of its machine.
var exits = map[string][]byte{
	// xor edi, edi; mov eax, 60; syscall
	"amd64": {0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05},
	// mov x0, #0; mov x8, #93; svc #0
	"arm64": {0, 0, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 1, 0, 0, 0xd4},
}

// machines are their numbers in an ELF header.
var machines = map[string]uint16{"amd64": 62, "arm64": 183}

// From the ELF specification, version 1.2, and its 64-bit supplement.
const (
	headerSize  = 64
	segmentSize = 56
	base        = 0x400000
)

// ELF is a static program that exits with status 0. The machine is "amd64" or
// "arm64"; another one is that of this process.
func ELF(machine string) []byte {
	code, ok := exits[machine]
	if !ok {
		machine = runtime.GOARCH
		code = exits[machine]
	}
	entry := uint64(headerSize + segmentSize)
	size := entry + uint64(len(code))
	b := elfHeader(machine, 2, base+entry, 1) // ET_EXEC
	b = segment(b, 1, 5, 0, base, size)       // PT_LOAD, readable and executable
	return append(b, code...)
}

// Library is a shared object without symbols, which the loader accepts: it has
// empty tables where the loader wants some.
func Library(machine string) []byte {
	if _, ok := machines[machine]; !ok {
		machine = runtime.GOARCH
	}
	const (
		tables  = headerSize + 2*segmentSize
		dynamic = tables + 24 + 8 // one null symbol, and strings
		size    = dynamic + 6*16
	)
	b := elfHeader(machine, 3, 0, 2)                     // ET_DYN
	b = segment(b, 1, 6, 0, 0, size)                     // PT_LOAD, readable and writable
	b = segment(b, 2, 6, dynamic, dynamic, size-dynamic) // PT_DYNAMIC
	b = append(b, make([]byte, 24+8)...)
	for _, entry := range [][2]uint64{
		{5, tables + 24}, {10, 1}, // DT_STRTAB, DT_STRSZ
		{6, tables}, {11, 24}, // DT_SYMTAB, DT_SYMENT
		{30, 0}, {0, 0}, // DT_FLAGS, DT_NULL
	} {
		b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, entry[0]), entry[1])
	}
	return b
}

func elfHeader(machine string, kind uint16, entry uint64, segments uint16) []byte {
	le := binary.LittleEndian
	b := []byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0} // 64 bits, little-endian, version 1
	b = le.AppendUint16(b, kind)
	b = le.AppendUint16(b, machines[machine])
	b = le.AppendUint32(b, 1)
	b = le.AppendUint64(b, entry)
	b = le.AppendUint64(b, headerSize) // of the segments
	b = le.AppendUint64(b, 0)          // no sections
	b = le.AppendUint32(b, 0)
	for _, n := range []uint16{headerSize, segmentSize, segments, 64, 0, 0} {
		b = le.AppendUint16(b, n)
	}
	return b
}

func segment(b []byte, kind, flags uint32, offset, address, size uint64) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(le.AppendUint32(b, kind), flags)
	for _, n := range []uint64{offset, address, address, size, size, 0x1000} {
		b = le.AppendUint64(b, n)
	}
	return b
}

// PE is a program of Windows without sections. Its entry is its base, where
// there is no code: Windows will not run it, and nothing here will either.
func PE() []byte {
	le := binary.LittleEndian
	b := append([]byte("MZ"), make([]byte, 62)...)
	b[60] = 64 // where the header is
	b = append(b, "PE\x00\x00"...)
	for _, n := range []uint16{0x8664, 0} { // AMD64, no sections
		b = le.AppendUint16(b, n)
	}
	b = append(b, make([]byte, 12)...)             // no date, no symbols
	for _, n := range []uint16{240, 0x22, 0x20b} { // an optional header; executable, large addresses; PE32+
		b = le.AppendUint16(b, n)
	}
	b = append(b, make([]byte, 106)...)
	b = le.AppendUint32(b, 16) // directories, all empty
	return append(b, make([]byte, 128)...)
}
