// Package program looks for programs of Unix that are packed, or whose headers
// no linker makes.
//
// It reads the headers alone, with code of its own: these are written to break
// whoever reads them.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/internal/static"
)

// IDs of what is found.
const (
	Packed       = "program/packed"
	Mangled      = "program/mangled-header"
	WritableCode = "program/writable-code"
	NoSections   = "program/no-sections"
)

// Analyzer reads the headers of programs.
type Analyzer struct{}

var _ static.Analyzer = Analyzer{}

// Name of the analyzer.
func (Analyzer) Name() string { return "program" }

// Version of the analyzer.
func (Analyzer) Version() string { return "2" }

// Wants programs and libraries.
func (Analyzer) Wants(f static.File) bool {
	return f.Type == content.ELF || f.Type == content.ELFLibrary
}

// Analyze reads the headers of f.
func (Analyzer) Analyze(_ context.Context, f static.File) (_ []detonaut.Finding, err error) {
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	p, err := read(in, f.Size)
	if err != nil || p == nil {
		return nil, err
	}
	return p.judge(), nil
}

// judge makes findings of what the headers say.
func (p *program) judge() (found []detonaut.Finding) {
	add := func(f detonaut.Finding, offset int64, summary string) {
		f.Count, f.Evidence = 1, []detonaut.Evidence{{Summary: summary, Offset: offset}}
		found = append(found, f)
	}
	if p.upx >= 0 {
		add(packed, p.upx, "marked as packed by UPX")
	}
	if wrong := p.wrong(); len(wrong) > 0 {
		add(mangled, 0, strings.Join(wrong, "; "))
	}
	for _, s := range p.segments {
		if s.kind == segmentLoad && s.flags&(flagWrite|flagExec) == flagWrite|flagExec && s.memory > 0 {
			add(writableCode, 0, fmt.Sprintf("a segment of %d bytes at %#x is writable and executable", s.memory, s.address))
			break
		}
	}
	if p.dynamic() && !p.sectioned {
		add(noSections, 0, "it is linked dynamically, and has no section headers")
	}
	return found
}

var (
	packed = detonaut.Finding{
		ID: Packed, Title: "Has a packed program",
		Meaning:  "What the program does cannot be read in its file: it unpacks itself into memory when it runs.",
		Severity: detonaut.Low, Confidence: detonaut.Certain, Techniques: []string{"T1027.002"},
	}
	mangled = detonaut.Finding{
		ID: Mangled, Title: "Has a program with a mangled header",
		Meaning:  "No linker writes such a header: it is there to mislead whoever examines the program.",
		Severity: detonaut.Medium, Confidence: detonaut.Probable, Techniques: []string{"T1027"},
	}
	writableCode = detonaut.Finding{
		ID: WritableCode, Title: "Has a program that can write over its own code",
		Meaning:  "Its code is loaded writable, as that of programs is which decode themselves when they run.",
		Severity: detonaut.Low, Confidence: detonaut.Probable, Techniques: []string{"T1027"},
	}
	noSections = detonaut.Finding{
		ID: NoSections, Title: "Has a program without section headers",
		Meaning:  "Linkers write section headers; without them the program is harder to examine.",
		Severity: detonaut.Low, Confidence: detonaut.Tentative, Techniques: []string{"T1027.008"},
	}
)

// wrong tells what of the header no linker writes, in plain words. What is just
// cut off is not among it.
func (p *program) wrong() (all []string) {
	if p.class != class32 && p.class != class64 {
		all = append(all, fmt.Sprintf("its word size is given as %d", p.class))
	}
	if p.order != littleEndian && p.order != bigEndian {
		all = append(all, fmt.Sprintf("its byte order is given as %d", p.order))
	}
	if p.sectioned && p.sectionSize != p.layout.section {
		all = append(all, fmt.Sprintf("its section headers have %d bytes each", p.sectionSize))
	}
	if p.starts() && !p.entryRuns() {
		all = append(all, fmt.Sprintf("it starts at %#x, where it has no code", p.entry))
	}
	return all
}

// starts tells whether the system begins to run the program at its entry, so
// that there must be code. On some machines it is a descriptor of code, and a
// program without any starts nowhere.
func (p *program) starts() bool {
	code, interpreted := false, false
	for _, s := range p.segments {
		code = code || s.kind == segmentLoad && s.flags&flagExec != 0 && s.memory > 0
		interpreted = interpreted || s.kind == segmentInterpreter
	}
	switch p.machine {
	case machinePARISC, machinePPC64, machineIA64:
		return false
	}
	return code && p.entry != 0 && !p.cut && (p.kind == kindProgram || p.kind == kindShared && interpreted)
}

// entryRuns tells whether the entry is in a segment of code, by its address
// there or, as of a kernel, in physical memory.
func (p *program) entryRuns() bool {
	for _, s := range p.segments {
		in := p.entry-s.address < s.memory || s.physical != 0 && p.entry-s.physical < s.memory
		if s.kind == segmentLoad && s.flags&flagExec != 0 && in {
			return true
		}
	}
	return false
}

func (p *program) dynamic() bool {
	for _, s := range p.segments {
		if s.kind == segmentDynamic {
			return true
		}
	}
	return false
}

// readAt reads what is there of n bytes.
func readAt(in io.ReaderAt, off int64, n int) ([]byte, error) {
	b := make([]byte, n)
	got, err := in.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:got], nil
}
