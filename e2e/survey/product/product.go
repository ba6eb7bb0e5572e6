//go:build linux

// Package product runs the product as those do who use it: its binaries, with a configuration,
// a database and a store of their own. What it starts ends with the test.
package product

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/e2e/survey/hub"
	"github.com/detonaut/detonaut/internal/static/vuln/vulndb"
	"github.com/detonaut/detonaut/internal/static/vuln/vulntest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// Product is an installation.
type Product struct {
	// Dir is where it has everything.
	Dir string
	// Program is detonaut.
	Program string
	// Env is added to the environment of everything that is run.
	Env []string

	detonations string
}

// New makes one whose chamber plays the tapes of a directory, and whose vulnerability database
// has what is planted in a hub. settings are added to its configuration, as YAML.
func New(tb testing.TB, tapes, settings string) *Product {
	tb.Helper()
	p := &Product{Dir: tb.TempDir()}
	bin := testenv.Binaries(tb)
	p.Program, p.detonations = filepath.Join(bin, "detonaut"), filepath.Join(p.Dir, "detonations")
	tapes, err := filepath.Abs(tapes)
	must(tb, err)
	for _, dir := range []string{"config/detonaut", "cache", "data", "vulnerabilities"} {
		must(tb, os.MkdirAll(filepath.Join(p.Dir, dir), 0o700))
	}
	p.Env = []string{
		"XDG_CONFIG_HOME=" + filepath.Join(p.Dir, "config"), "XDG_CACHE_HOME=" + filepath.Join(p.Dir, "cache"), "XDG_DATA_HOME=" + filepath.Join(p.Dir, "data"),
		"DETONAUT_CHAMBER=" + testenv.Program(tb, "./e2e/survey/player"),
		"DETONAUT_CHAMBER_REAL=" + filepath.Join(bin, "detonaut-chamber"), "DETONAUT_CHAMBER_TAPES=" + tapes, "DETONAUT_CHAMBER_LOG=" + p.detonations,
	}
	p.vulnerabilities(tb)
	text := fmt.Sprintf("image:\n  max_uncompressed: %d\n  max_entries: %d\n  silence: 2s\nvulnerabilities:\n  dir: %s\n%s",
		hub.Bounds.Unpacked, hub.Bounds.Entries, filepath.Join(p.Dir, "vulnerabilities"), settings)
	must(tb, os.WriteFile(filepath.Join(p.Dir, "config/detonaut/config.yaml"), []byte(text), 0o600))
	return p
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// vulnerabilities makes the database of what is planted.
func (p *Product) vulnerabilities(tb testing.TB) {
	tb.Helper()
	var holes []vulntest.Hole
	for _, v := range hub.Packages() {
		if v.Severity != detonaut.NoSeverity {
			holes = append(holes, vulntest.Hole{ID: v.Hole(), Provider: "github", Severity: string(v.Severity), Ecosystem: "npm", Package: v.Name, Before: "2.0.0"})
		}
	}
	db, err := vulndb.New(vulndb.Options{Dir: filepath.Join(p.Dir, "vulnerabilities")})
	must(tb, err)
	must(tb, db.Import(tb.Context(), vulntest.Make(tb, time.Now().Add(-time.Hour), holes...)))
}

// Command is detonaut with arguments.
func (p *Product) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.Program, args...)
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.Dir = p.Dir
	return cmd
}

// Run runs detonaut to its end, and returns what it says.
func (p *Product) Run(tb testing.TB, args ...string) []byte {
	tb.Helper()
	out, err := p.Try(tb, args...)
	must(tb, err)
	return out
}

// Try is Run for what may fail.
func (p *Product) Try(tb testing.TB, args ...string) ([]byte, error) {
	tb.Helper()
	cmd := p.Command(tb.Context(), args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("detonaut %s: %w\n%s", strings.Join(args, " "), err, said.Bytes())
	}
	return out.Bytes(), nil
}

// Read runs detonaut, which says JSON.
func (p *Product) Read(tb testing.TB, into any, args ...string) {
	tb.Helper()
	out := p.Run(tb, args...)
	if err := json.Unmarshal(out, into); err != nil {
		tb.Fatalf("detonaut %s: %v\n%.2000s", strings.Join(args, " "), err, out)
	}
}

// Detonations counts how often each digest was run.
func (p *Product) Detonations(tb testing.TB) map[string]int {
	tb.Helper()
	text, err := os.ReadFile(p.detonations)
	must(tb, err)
	counts := map[string]int{}
	for digest := range strings.FieldsSeq(string(text)) {
		counts[digest]++
	}
	return counts
}
