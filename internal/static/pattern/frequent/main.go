// Command frequent counts which three bytes follow one another most often in the files of a
// directory, texts and others apart, and writes them to frequent.bin, with how often that is
// where it is most often: it is by these that atoms are chosen. It was run over the root of a Debian 11 with a compiler and libraries of several languages:
//
//	go run ./internal/static/pattern/frequent DIR > internal/static/pattern/frequent.bin
package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/chamber/content"
)

// kept is how many of them are written.
const kept = 6000

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "frequent: %v\n", err)
		os.Exit(1)
	}
}

// corpus is the files of one kind.
type corpus struct {
	counts []uint32 // of each three bytes
	total  uint64
}

func run(dir string) error {
	corpora := [2]corpus{{counts: make([]uint32, 1<<24)}, {counts: make([]uint32, 1<<24)}}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		kind := content.Type(b)
		is := 0
		if kind == content.Text || strings.HasPrefix(kind, content.Script) {
			is = 1
		}
		corpora[is].add(b)
		return nil
	})
	if err != nil {
		return err
	}
	var all []int
	rarity := make([]uint8, 1<<24)
	for three := range rarity {
		rarity[three] = min(corpora[0].rarity(three), corpora[1].rarity(three))
		if rarity[three] < 32 {
			all = append(all, three)
		}
	}
	slices.SortFunc(all, func(a, b int) int { return cmp.Or(cmp.Compare(rarity[a], rarity[b]), cmp.Compare(a, b)) })
	w := bufio.NewWriter(os.Stdout)
	for _, three := range all[:min(len(all), kept)] {
		_, _ = w.Write([]byte{byte(three >> 16), byte(three >> 8), byte(three), rarity[three]}) // Flush tells
	}
	return w.Flush()
}

// add counts what is in a file, capitals as small letters.
func (c *corpus) add(b []byte) {
	three := 0
	for i, x := range b {
		if x >= 'A' && x <= 'Z' {
			x += 'a' - 'A'
		}
		if three = three<<8&0xffffff | int(x); i >= 2 {
			c.counts[three]++
		}
	}
	c.total += uint64(len(b))
}

// rarity is to how many bytes there is one of it, as a power of two.
func (c *corpus) rarity(three int) uint8 {
	if c.counts[three] == 0 {
		return 64
	}
	return uint8(bits.Len64(c.total / uint64(c.counts[three]))) //nolint:gosec // at most 64
}
