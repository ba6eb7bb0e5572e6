package program_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/program"
	"github.com/detonaut/detonaut/internal/static/statictest"
)

// Kinds and flags of segments, and kinds of programs.
const (
	load, dynamic, interpreter = 1, 2, 3
	x, w, r                    = 1, 2, 4
	exec, shared               = 2, 3
)

// segment is a program header; of 64 bits, as all here unless it says so.
type segment struct {
	kind, flags               uint32
	address, physical, memory uint64
}

// elf is a program that does nothing: it has headers and no code.
type elf struct {
	kind, machine uint16
	entry         uint64
	segments      []segment
	sections      bool
	after         string // what follows the headers
}

// plain is a program as linkers make them.
func plain() elf {
	return elf{
		kind: exec, machine: 62, entry: 0x401000, sections: true,
		segments: []segment{{load, r, 0x400000, 0, 0x1000}, {load, r | x, 0x401000, 0, 0x1000}, {load, r | w, 0x402000, 0, 0x1000}},
	}
}

func (e elf) bytes(order binary.AppendByteOrder) []byte {
	b := []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	if order == binary.BigEndian {
		b[5] = 2
	}
	put16 := func(v ...uint16) {
		for _, v := range v {
			b = order.AppendUint16(b, v)
		}
	}
	put64 := func(v ...uint64) {
		for _, v := range v {
			b = order.AppendUint64(b, v)
		}
	}
	put16(e.kind, e.machine)
	b = order.AppendUint32(b, 1)
	sectionsAt := uint64(0)
	if e.sections {
		sectionsAt = uint64(64 + 56*len(e.segments) + len(e.after))
	}
	put64(e.entry, 64, sectionsAt)
	b = order.AppendUint32(b, 0)
	put16(64, 56, uint16(len(e.segments)), 64, 1, 0)
	for _, s := range e.segments {
		b = order.AppendUint32(b, s.kind)
		b = order.AppendUint32(b, s.flags)
		put64(0, s.address, s.physical, 0, s.memory, 0x1000)
	}
	b = append(b, e.after...)
	if e.sections {
		b = append(b, make([]byte, 64)...)
	}
	return b
}

// with returns what makes of a plain program.
func with(edit func(*elf)) []byte {
	e := plain()
	edit(&e)
	return e.bytes(binary.LittleEndian)
}

// edited returns a plain program of which one byte is another.
func edited(at int, b byte) []byte {
	p := plain().bytes(binary.LittleEndian)
	p[at] = b
	return p
}

// small is a program of 32 bits, with one segment.
func small(flags, entry uint32) []byte {
	b := []byte("\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x03\x00\x01\x00\x00\x00")
	for _, v := range []uint32{entry, 52, 84, 0} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for _, v := range []uint16{52, 32, 1, 40, 1, 0} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	for _, v := range []uint32{load, 0, 0x8048000, 0, 0x1000, 0x1000, flags, 0x1000} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return append(b, make([]byte, 40)...)
}

func file(b []byte) static.File {
	sum := sha256.Sum256(b)
	return static.File{
		SHA256: hex.EncodeToString(sum[:]), Size: int64(len(b)), Type: content.Type(b),
		Open: func() (static.Content, error) { return opened{bytes.NewReader(b)}, nil },
	}
}

type opened struct{ io.ReaderAt }

func (opened) Close() error { return nil }

var samples = []struct {
	show string
	b    []byte
	want []string // IDs
}{
	{"a plain program", plain().bytes(binary.LittleEndian), nil},
	{"the other way round", plain().bytes(binary.BigEndian), nil},
	{"of 32 bits", small(r|x, 0x8048054), nil},
	{"a library", with(func(e *elf) { e.kind, e.entry = shared, 0xdead }), nil},
	{"a kernel, which starts at a physical address", with(func(e *elf) { e.entry, e.segments[1].physical = 0x1000010, 0x1000000 }), nil},
	{"a machine on which the entry is no code", with(func(e *elf) { e.entry, e.machine = 0x402000, 21 }), nil},
	{"an entry that nobody uses", with(func(e *elf) { e.entry = 0 }), nil},
	{"a program without code", with(func(e *elf) { e.segments[1].flags = r }), nil},
	{"static and without sections", with(func(e *elf) { e.sections = false }), nil},
	{"cut off within its headers", plain().bytes(binary.LittleEndian)[:100], nil},
	{"cut off before them", plain().bytes(binary.LittleEndian)[:64], nil},
	{"magic alone", []byte("\x7fELF"), nil},
	{"no program", []byte("#!/bin/sh\nUPX!"), nil},
	{"the mark of UPX where it means nothing", with(func(e *elf) { e.after = string(make([]byte, 100)) + "UPX!" }), nil},
	{"headers far outside", edited(39, 0x7f), nil},
	{"a class that means nothing, and nothing that fits", edited(54, 57)[:64], nil},

	{"packed", with(func(e *elf) { e.after = "\x01\x02\x03\x04UPX!\x00\x00\x0d\x0c" }), []string{program.Packed}},
	{"packed, of 32 bits", append(small(r|x, 0x8048054)[:84], "\x01\x02\x03\x04UPX!"...), []string{program.Packed}},
	{"a class that means nothing", edited(4, 7), []string{program.Mangled}},
	{"an order that means nothing", edited(5, 0), []string{program.Mangled}},
	{"starts in its data", with(func(e *elf) { e.entry = 0x402000 }), []string{program.Mangled}},
	{"starts nowhere", with(func(e *elf) { e.entry = math.MaxUint64 }), []string{program.Mangled}},
	{"starts nowhere, of 32 bits", small(r|x, 0x9000000), []string{program.Mangled}},
	{"starts in a program that can be loaded anywhere", with(func(e *elf) {
		e.kind, e.entry = shared, 1
		e.segments = append([]segment{{interpreter, r, 0, 0, 8}}, e.segments...)
	}), []string{program.Mangled}},
	{"section headers of an odd size", edited(58, 65), []string{program.Mangled}},
	{"writable code", with(func(e *elf) { e.segments[1].flags |= w }), []string{program.WritableCode}},
	{"writable code, of 32 bits", small(r|w|x, 0x8048054), []string{program.WritableCode}},
	{"no sections", with(func(e *elf) { e.sections = false; e.segments[0].kind = dynamic }), []string{program.NoSections}},
	{"all of it", with(func(e *elf) {
		e.sections, e.entry, e.after = false, 1, "....UPX!"
		e.segments[0].kind, e.segments[2].flags = dynamic, r|w|x
	}), []string{program.Packed, program.Mangled, program.WritableCode, program.NoSections}},
}

func TestAnalyze(t *testing.T) {
	for _, s := range samples {
		found, err := program.Analyzer{}.Analyze(t.Context(), file(s.b))
		if err != nil {
			t.Errorf("%s: %v", s.show, err)
		}
		var got []string
		for _, f := range found {
			got = append(got, f.ID)
			t.Logf("%s: %s: %s", s.show, f.ID, f.Evidence[0].Summary)
		}
		if diff := cmp.Diff(s.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.show, diff)
		}
	}
}

func TestOffset(t *testing.T) {
	b := with(func(e *elf) { e.after = "\x01\x02\x03\x04UPX!" })
	found, err := program.Analyzer{}.Analyze(t.Context(), file(b))
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v, %v, want one finding", found, err)
	}
	if got, want := found[0].Evidence[0].Offset, int64(bytes.Index(b, []byte("UPX!"))); got != want {
		t.Errorf("got offset %d, want %d", got, want)
	}
}

// TestOrdinary shows that a real program is nothing special: this one.
func TestOrdinary(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := (program.Analyzer{}).Analyze(t.Context(), file(b)); err != nil || len(found) > 0 {
		t.Errorf("got %v, %v, want nothing", found, err)
	}
}

func TestContract(t *testing.T) {
	var files []static.File
	for _, s := range samples {
		files = append(files, file(s.b))
	}
	statictest.Run(t, program.Analyzer{}, files)
}

// TestUnreadable shows that a content that cannot be read is no innocent one.
func TestUnreadable(t *testing.T) {
	broken := errors.New("broken")
	f := file(plain().bytes(binary.LittleEndian))
	f.Open = func() (static.Content, error) { return nil, broken }
	if _, err := (program.Analyzer{}).Analyze(t.Context(), f); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	f.Open = func() (static.Content, error) { return opened{failing{broken}}, nil }
	if _, err := (program.Analyzer{}).Analyze(t.Context(), f); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func FuzzAnalyze(f *testing.F) {
	for _, s := range samples {
		f.Add(s.b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in := file(b)
		if !bytes.HasPrefix(b, []byte("\x7fELF")) {
			in.Type = content.ELF // whatever it was taken for
		}
		found, err := program.Analyzer{}.Analyze(t.Context(), in)
		if err != nil {
			t.Error(err)
		}
		for _, f := range found {
			if f.Severity == "" || f.Evidence[0].Summary == "" || len(f.Evidence[0].Summary) > 256 {
				t.Errorf("finding %+v says too little, or too much", f)
			}
			if f.Severity.Rank() > detonaut.Medium.Rank() {
				t.Errorf("finding %s is %s", f.ID, f.Severity)
			}
		}
	})
}
