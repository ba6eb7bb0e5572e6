package all

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/inventory"
	"github.com/detonaut/detonaut/internal/static/vuln"
)

// InventoryVersion is of what must have listed packages that [Reader.Match] looks up.
const InventoryVersion = inventory.Version

// MatchVersions name what [Reader.Match] depends on, beside the database.
func (r *Reader) MatchVersions() []string {
	versions := []string{vuln.Version}
	if v := r.Suppressed.Version(); v != "" {
		versions = append(versions, v)
	}
	return versions
}

// programs is who finds modules in programs of Go.
const programs = "go-module-binary-cataloger"

// Match looks up the packages that a report lists, as Read would: it finds what a reading of the
// image would find with the same database. Symbols are those that were kept beside the report,
// nil if none were: without them more may be found in programs of Go than is in them, which the
// stage says. The report is not changed. An error is a failure of ours, and in the stage, too.
func (r *Reader) Match(ctx context.Context, report *detonaut.Report, symbols io.Reader) (static.Reading, error) {
	if r.Database == nil || report.Inventory == nil {
		return static.Reading{}, fmt.Errorf("match packages: %w: there is no database, or no list of packages", detonaut.ErrUsage)
	}
	inv := *report.Inventory
	inv.Packages = slices.Clone(inv.Packages)
	var lost error
	if symbols != nil {
		lost = inventory.AddSymbols(&inv, symbols)
	}
	if lost != nil && !errors.Is(lost, detonaut.ErrCorrupt) {
		return static.Reading{}, lost
	}
	info := r.Database.Info()
	read := static.Reading{Database: &info, Inventory: &inv}
	var stage detonaut.Stage
	read.Vulnerabilities, stage = r.Database.Match(ctx, &inv)
	if n := unknown(&inv); n > 0 && stage.State != detonaut.Failed {
		stage.State = detonaut.Partial
		note := fmt.Sprintf("modules of programs in Go whose functions are not known any more, so that more may be found than is in them: %d", n)
		stage.Reason = strings.TrimPrefix(stage.Reason+"; "+note, "; ")
	}
	read.Stages = []detonaut.Stage{stage}
	// What of the suppressions is of no use was told when images were read.
	read.Vulnerabilities, read.Suppressed, _ = r.Suppressed.Apply(report.Image, &inv, read.Vulnerabilities, r.now())
	return read, failure(stage)
}

// unknown is how many modules of programs have no symbols, if none has: then they were lost.
func unknown(inv *detonaut.Inventory) (n int) {
	for i := range inv.Packages {
		switch p := &inv.Packages[i]; {
		case len(p.Symbols) > 0:
			return 0
		case p.FoundBy == programs && !p.Hidden:
			n++
		}
	}
	return n
}
