package inventory

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
)

// SymbolsFile is the name of the artifact that has what [Symbols] returns.
const SymbolsFile = "symbols.zst"

// maxSymbols bounds the functions of all programs of an image, in bytes of text.
const maxSymbols = 256 << 20

// These are made by the compiler, and are in no advisory: functions within functions, and
// what begins them.
var madeByCompiler = regexp.MustCompile(`\.(func|gowrap|deferwrap)?[0-9]+|^\.|\.\.`)

// packSymbols writes the functions of a module that are in a program, by import path. It is
// nil for none.
func packSymbols(of map[string][]string) []byte {
	if len(of) == 0 {
		return nil
	}
	var text strings.Builder
	for _, path := range slices.Sorted(maps.Keys(of)) {
		fmt.Fprintf(&text, "%s\n", strings.TrimLeft(line(path), " #"))
		names := slices.Sorted(slices.Values(of[path]))
		for _, name := range slices.Compact(names) {
			if !madeByCompiler.MatchString(name) {
				fmt.Fprintf(&text, " %s\n", line(name))
			}
		}
	}
	return compress(text.String())
}

// line is s without what ends one.
func line(s string) string { return strings.ReplaceAll(s, "\n", "") }

// SymbolsOf are the functions of a module of Go that are in a program, by import path.
func SymbolsOf(p *detonaut.Package) (map[string][]string, error) {
	if len(p.Symbols) == 0 {
		return nil, nil
	}
	text, err := decompress(p.Symbols, maxSymbols)
	if err != nil {
		return nil, fmt.Errorf("read symbols of %q: %w", p.Name, err)
	}
	of := map[string][]string{}
	var path string
	for l := range strings.Lines(string(text)) {
		l = strings.TrimSuffix(l, "\n")
		if name, ok := strings.CutPrefix(l, " "); ok {
			of[path] = append(of[path], name)
			continue
		}
		path = l
		of[path] = nil // which says that it is there
	}
	return of, nil
}

// Symbols are the functions of all modules of an inventory in one piece, which is larger
// than many a report: they are kept beside it. Nil if there are none.
func Symbols(inv *detonaut.Inventory) ([]byte, error) {
	var text bytes.Buffer
	for i := range inv.Packages {
		p := &inv.Packages[i]
		if len(p.Symbols) == 0 {
			continue
		}
		lines, err := decompress(p.Symbols, maxSymbols)
		if err != nil {
			return nil, fmt.Errorf("keep symbols of %q: %w", p.Name, err)
		}
		if text.Len()+len(lines) > maxSymbols {
			return nil, fmt.Errorf("keep symbols: %w: more than %d bytes", detonaut.ErrLimit, maxSymbols)
		}
		fmt.Fprintf(&text, "#%d %s\n%s", i, line(p.Name), lines)
	}
	if text.Len() == 0 {
		return nil, nil
	}
	return compress(text.String()), nil
}

// AddSymbols gives the packages of an inventory back what [Symbols] said of it. What is of
// another inventory is [detonaut.ErrCorrupt], and nothing is changed then.
func AddSymbols(inv *detonaut.Inventory, from io.Reader) error {
	r, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return fmt.Errorf("read symbols: %w", err)
	}
	defer r.Close()
	left := &io.LimitedReader{R: r, N: maxSymbols + 1}
	found := map[int][]byte{}
	lines := bufio.NewReader(left)
	at, text := -1, new(strings.Builder)
	for {
		l, err := lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read symbols: %w: %w", detonaut.ErrCorrupt, err)
		}
		if head, ok := strings.CutPrefix(l, "#"); ok || err != nil {
			if text.Len() > 0 {
				found[at] = compress(text.String())
				text.Reset()
			}
			if err != nil {
				break
			}
			number, name, _ := strings.Cut(strings.TrimSuffix(head, "\n"), " ")
			at, err = strconv.Atoi(number)
			if err != nil || at < 0 || at >= len(inv.Packages) || line(inv.Packages[at].Name) != name {
				return fmt.Errorf("read symbols: %w: they are of another inventory", detonaut.ErrCorrupt)
			}
			continue
		}
		if at < 0 || left.N <= 0 {
			return fmt.Errorf("read symbols: %w", detonaut.ErrCorrupt)
		}
		text.WriteString(l)
	}
	for i, packed := range found {
		inv.Packages[i].Symbols = packed
	}
	return nil
}

// The writer and the reader have no state between two calls of these methods, and are used
// by several goroutines at once.
var packer, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithLowerEncoderMem(true))

func compress(text string) []byte { return packer.EncodeAll([]byte(text), nil) }

func decompress(packed []byte, limit uint64) ([]byte, error) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(limit))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := r.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", detonaut.ErrCorrupt, err)
	}
	return text, nil
}
