package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/testenv"
)

// A sheet is a table of figures, in Markdown.
type sheet struct{ text strings.Builder }

func newSheet(columns ...string) *sheet {
	t := new(sheet)
	fmt.Fprintf(&t.text, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	return t
}

// row adds a row; figures have two digits that count, or more.
func (t *sheet) row(name string, figures ...float64) {
	fmt.Fprintf(&t.text, "| %s |", name)
	for _, f := range figures {
		switch {
		case f >= 100:
			fmt.Fprintf(&t.text, " %.0f |", f)
		case f >= 10:
			fmt.Fprintf(&t.text, " %.1f |", f)
		case f >= 0.1:
			fmt.Fprintf(&t.text, " %.2f |", f)
		default:
			fmt.Fprintf(&t.text, " %.4f |", f)
		}
	}
	t.text.WriteString("\n")
}

// publish prints the table with the machine that it is of. With -update it takes
// the place of the one of that name in docs/performance.md.
func (t *sheet) publish(b *testing.B, name string) {
	b.Helper()
	text := machine() + "\n\n" + t.text.String()
	fmt.Printf("\n%s: %s\n", name, text) // what a benchmark of benchmarks logs is not shown
	if golden.Updating() {
		file := filepath.Join(testenv.Root(b), "docs", "performance.md")
		if _, err := replaceSection(file, name, text); err != nil {
			b.Fatal(err)
		}
	}
}

// machine says what machine this is, and nothing that would find it.
func machine() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	number, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-")
	return fmt.Sprintf("%d cores, Linux %s, %s.", runtime.NumCPU(), number, runtime.Version())
}

// replaceSection writes want between the marks of a section of a document, if
// it is something else than got, which was there.
func replaceSection(file, name, want string) (got string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
	before, rest, ok1 := strings.Cut(string(text), begin)
	got, after, ok2 := strings.Cut(rest, end)
	switch {
	case !ok1 || !ok2:
		return "", fmt.Errorf("%s has no section %q", filepath.Base(file), name)
	case got == want || !golden.Updating():
		return got, nil
	}
	return got, os.WriteFile(file, []byte(before+begin+want+end+after), 0o644)
}
