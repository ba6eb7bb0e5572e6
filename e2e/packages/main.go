// Command packages measures what reading finds in packages of Debian as they ship: in
// tools of those who attack and test systems, and in everything else, where nothing
// should be found. "make bench-detection" runs it.
//
// The tools are in tools.txt, which was written by hand from what Debian's security
// packaging team maintains, not from the catalogue that is measured. Each is read twice:
// installed, as its package puts it there; and copied, under other names and without a
// package that tells. The others are popular.txt, and all packages of a desktop.
package main

import (
	"bufio"
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

//go:embed tools.txt
var toolsText string

//go:embed popular.txt
var popularText string

func main() {
	cache := flag.String("cache", "", "directory where packages are kept; a temporary one if empty")
	desktop := flag.String("desktop", "task-xfce-desktop", "package whose dependencies are the desktop; empty reads none")
	page := flag.String("page", "", "page whose part between <!-- packages --> and the next comment is written anew")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *cache, *desktop, *page); err != nil {
		fmt.Fprintf(os.Stderr, "packages: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cache, desktop, page string) (err error) {
	if cache == "" {
		if cache, err = os.MkdirTemp("", "detonaut-packages-*"); err != nil {
			return err
		}
		defer os.RemoveAll(cache)
	}
	if cache, err = filepath.Abs(cache); err != nil {
		return err
	}
	m, err := newMeasurement(ctx, cache)
	if err != nil {
		return err
	}
	if err := m.tools(ctx, list(toolsText)); err != nil {
		return err
	}
	if err := m.others(ctx, "popular", strings.Fields(strings.Join(list(popularText), " "))); err != nil {
		return err
	}
	if desktop != "" {
		names, err := m.apt.closure(ctx, desktop)
		if err != nil {
			return err
		}
		if err := m.others(ctx, desktop, names); err != nil {
			return err
		}
	}
	text := m.page()
	if page == "" {
		_, err = fmt.Print(text)
		return err
	}
	return replace(page, text)
}

// list are the lines of a file that say something: what is behind # is a remark.
func list(text string) (lines []string) {
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// replace writes the part of a page anew that begins with a comment and ends before the
// next.
func replace(page, text string) error {
	const begin = "<!-- packages -->\n"
	b, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(b), begin)
	i := strings.Index(rest, "<!-- ")
	if !ok || i < 0 {
		return fmt.Errorf("%s has no part that begins with %q and ends with a comment", page, begin)
	}
	return os.WriteFile(page, []byte(before+begin+text+rest[i:]), 0o644)
}
