// Package inventory lists the packages of an image: those of distributions, of
// languages, and those that programs and archives carry inside. It reads the image in
// place, through its index, and asks no network.
//
// The catalogers are syft's. What syft says stays here: everybody else sees
// [detonaut.Package], which has all that vulnerabilities are looked up by.
//
// Archives are opened in memory. Two formats cannot be read in place: the databases of
// RPM and Nix are copied to a temporary file while they are parsed, within
// [Limits.Database]. What does not fit into syft's memory of a program that UPX packed
// goes to one as well, and so may the head of a model of a neural network.
// docs/adr/0014-packages-by-syft-in-place.md has the reasons.
package inventory

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/static"
)

// Version names, for the fingerprint of a report, what the list depends on besides the
// image: this package and syft.
const Version = "inventory@4+syft-v1.57.0"

// Input is the image whose packages are listed. The caller keeps it open until
// [Read] has returned.
type Input struct {
	// Image is what is known of it, Index lists its files, Files opens those.
	Image detonaut.Image
	Index *image.Index
	Files fs.FS
	// Hidden opens the hidden files of the index: packages that are only in those are
	// listed, too. Nil leaves them out. [*image.FS] is both.
	Hidden static.Opener
	// Limits bound what it may cost; zero fields take their defaults.
	Limits Limits
}

// Limits bound one [Read]. What a bound keeps from being read is a [Problem].
type Limits struct {
	// File is the most that is read of one manifest; Database of one database of RPM
	// or Nix; Program of one program or archive. In bytes.
	File, Database, Program int64
	// Total is the most that is read of all files that are neither programs nor
	// archives, again each time that one is read.
	Total int64
	// Archive is the most that an archive and those in it may hold in memory at once.
	// Depth is how many are opened inside each other.
	Archive int64
	Depth   int
	// Packages is the most packages of one kind, of all archives together; and again of
	// all hidden files together.
	Packages int
	// Kind is the most time for one kind of package, and for all archives together; All
	// for everything.
	Kind, All time.Duration
}

// DefaultLimits are enough for the images that public registries serve.
func DefaultLimits() Limits {
	return Limits{
		File: 32 << 20, Database: 512 << 20, Program: 2 << 30, Total: 1 << 30,
		Archive: 192 << 20, Depth: 6, Packages: 50_000, Kind: time.Minute, All: 5 * time.Minute,
	}
}

// Inventory is what was found.
type Inventory struct {
	detonaut.Inventory
	// Problems are what could not be read, sorted, and at most 100.
	Problems []Problem

	owned [][]string // files of each package
}

// Problem is something that could not be read.
type Problem struct {
	// Cataloger is who could not.
	Cataloger string
	// Text names the file and the reason. It contains strings of the subject: escape it.
	Text string
}

// Read lists the packages of an image, one kind after the other. What fails is told in
// the stage, and in the inventory's problems; the rest is listed all the same.
func Read(ctx context.Context, in Input) (Inventory, detonaut.Stage) {
	all, cancel := context.WithTimeout(ctx, in.Limits.orDefault().All)
	defer cancel()
	r := newReading(all, in, in.Limits.orDefault())
	bill, err := r.catalog(in.Image)
	inv := convert(bill)
	if in.Hidden != nil && err == nil {
		hidden := r.hidden(in, &inv, bill)
		inv.Packages = append(inv.Packages, hidden...)
		inv.owned = append(inv.owned, make([][]string, len(hidden))...) // their files are gone
	}
	inv.Problems = r.problems.sorted()
	stage := detonaut.Stage{Name: detonaut.StageInventory, State: detonaut.Complete}
	switch {
	case err != nil:
		stage.State, stage.Reason = detonaut.Failed, fmt.Sprintf("list packages: %v", err)
	case r.problems.count > 0:
		stage.State, stage.Reason = detonaut.Partial, r.problems.reason()
	}
	return inv, stage
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	for _, f := range []struct{ have, standard *int64 }{
		{&l.File, &d.File},
		{&l.Database, &d.Database},
		{&l.Program, &d.Program},
		{&l.Total, &d.Total},
		{&l.Archive, &d.Archive},
		{(*int64)(&l.Kind), (*int64)(&d.Kind)},
		{(*int64)(&l.All), (*int64)(&d.All)},
	} {
		if *f.have == 0 {
			*f.have = *f.standard
		}
	}
	if l.Depth == 0 {
		l.Depth = d.Depth
	}
	if l.Packages == 0 {
		l.Packages = d.Packages
	}
	return l
}
