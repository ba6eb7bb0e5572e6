package content

import "encoding/binary"

// Of the ELF specification (gABI, elf.h): where a header has what, and what it
// may be.
const (
	classAt, orderAt, typeAt, machineAt = 4, 5, 16, 18
	class64, bigEndian                  = 2, 2

	typeRelocatable, typeShared, typeCore = 1, 3, 4
	machineBPF                            = 247
	segmentInterpreter                    = 3 // PT_INTERP
)

// elf tells programs from libraries and others. A program that can be loaded
// anywhere has the type of a library; it is known by the interpreter that it
// asks for, in a segment that comes before those that are loaded.
func elf(head []byte) string {
	if len(head) < machineAt+2 {
		return ELF
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[orderAt] == bigEndian {
		order = binary.BigEndian
	}
	switch order.Uint16(head[typeAt:]) {
	case typeRelocatable:
		if order.Uint16(head[machineAt:]) == machineBPF {
			return ELFBPF
		}
		return ELFObject
	case typeCore:
		return ELFCore
	case typeShared:
		if !interpreted(head, order) {
			return ELFLibrary
		}
	}
	return ELF
}

// interpreted tells whether the program headers in head ask for an
// interpreter.
func interpreted(head []byte, order binary.ByteOrder) bool {
	var at, size, count uint64
	switch {
	case head[classAt] == class64 && len(head) >= 64:
		at, size, count = order.Uint64(head[32:]), 56, uint64(order.Uint16(head[56:]))
	case head[classAt] != class64 && len(head) >= 52:
		at, size, count = uint64(order.Uint32(head[28:])), 32, uint64(order.Uint16(head[44:]))
	}
	for end := uint64(len(head)); count > 0 && at < end && end-at >= 4; count, at = count-1, at+size {
		if order.Uint32(head[at:]) == segmentInterpreter {
			return true
		}
	}
	return false
}

// windows tells programs of Windows from older ones; empty if this is neither.
func windows(head []byte) string {
	const at = 0x3c // e_lfanew: where the newer header begins
	if len(head) < at+4 {
		return ""
	}
	if h := int64(binary.LittleEndian.Uint32(head[at:])); h < HeadSize && has(head, int(h), "PE\x00\x00") {
		return PE
	}
	if printable(head) {
		return ""
	}
	return DOS
}

// javaOrFat tells Java's classes from Mach-O for several processors, which
// begin alike: a class has a version there of 45 and more, the other the number
// of its processors.
func javaOrFat(head []byte) string {
	switch {
	case len(head) < 8:
		return Data
	case binary.BigEndian.Uint32(head[4:]) < 45:
		return MachO
	}
	return Java
}

// zip tells Java's archives from others, by the name of the first file.
func zip(head []byte) string {
	const name = 30 // where the name of the first file is
	if has(head, name, "META-INF/") {
		return Jar
	}
	return Zip
}

// compiledPython tells whether head begins as CPython's .pyc files do: with a
// number that goes up with the language, and a line end that no transfer as text
// survives. Python 3 counts from 3000, the last of Python 2 had 62011 to 62211.
func compiledPython(head []byte) bool {
	if len(head) < 8 || !has(head, 2, "\r\n") {
		return false
	}
	n := binary.LittleEndian.Uint16(head)
	return n >= 3000 && n < 4000 || n >= 62011 && n <= 62211
}

// oldCPIO tells whether head begins as the binary archives of cpio do, of either order:
// with a number, and a name of a length, which ends with a zero.
func oldCPIO(head []byte) bool {
	const name = 26
	if len(head) < name {
		return false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[0] == 0x71 {
		order = binary.BigEndian
	}
	size := int(order.Uint16(head[20:]))
	return order.Uint16(head) == 0o70707 && size > 1 && name+size <= len(head) && head[name+size-1] == 0 && head[name] != 0
}

// arj tells whether head begins as archives of ARJ do: with a number, the size of a
// header, and that of a part of it; and what the header describes is an archive.
func arj(head []byte) bool {
	const sizeAt, partAt, kindAt = 2, 4, 10
	if !has(head, 0, "\x60\xea") || len(head) <= kindAt {
		return false
	}
	size, part := binary.LittleEndian.Uint16(head[sizeAt:]), uint16(head[partAt])
	return size <= 2600 && part >= 30 && part < size && head[kindAt] == 2
}
