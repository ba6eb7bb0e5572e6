package all

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/config"
	"github.com/detonaut/detonaut/internal/static/inventory"
)

// Reader reads images without running them: what they are made of, how they are
// configured, and every file. It is used by several goroutines at once.
type Reader struct {
	// Analyzers are given the files.
	Analyzers []static.Analyzer
	// Memory knows what was found in files of earlier images; nil knows nothing.
	Memory static.Memory
	// Now is the clock; nil is [time.Now].
	Now func() time.Time
}

// Image is an image that is read. It stays its owner's, and open meanwhile.
type Image struct {
	detonaut.Image
	Index *image.Index
	Files fs.FS
}

// Versions names all that reads images, for the fingerprint of a report, sorted.
func (r *Reader) Versions() []string {
	versions := append(static.Versions(r.Analyzers), inventory.Version, "config@"+config.Version)
	slices.Sort(versions)
	return versions
}

// Read reads an image, and tells of each stage as it begins, one at a time. The
// packages are listed while the files are read. An error is a failure of ours, and in
// the stages, too; the rest of the reading holds all the same.
func (r *Reader) Read(ctx context.Context, img Image, tell func(stage string)) (static.Reading, error) {
	tell(detonaut.StageInventory)
	var read static.Reading
	var inv inventory.Inventory
	var listed detonaut.Stage
	var meanwhile sync.WaitGroup
	meanwhile.Go(func() {
		inv, listed = inventory.Read(ctx, inventory.Input{Image: img.Image, Index: img.Index, Files: img.Files})
	})
	read.Findings = config.Check(&config.Subject{Image: img.Image, Index: img.Index, FS: img.Files, Now: r.now()})
	meanwhile.Wait()

	read.Stages = append(read.Stages, listed, detonaut.Stage{Name: detonaut.StageConfig, State: detonaut.Complete})
	if listed.State != detonaut.Failed {
		read.Inventory, read.Owners = &inv.Inventory, inv.Owners(img.Index)
	}
	slices.SortStableFunc(read.Findings, func(a, b detonaut.Finding) int { return strings.Compare(a.ID, b.ID) })
	return read, failures(read.Stages)
}

func (r *Reader) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

// failures are those of stages.
func failures(stages []detonaut.Stage) error {
	var errs []error
	for _, s := range stages {
		if s.State == detonaut.Failed {
			errs = append(errs, fmt.Errorf("%s: %s", s.Name, s.Reason)) //nolint:err113 // what it was is not known any more
		}
	}
	return errors.Join(errs...)
}
