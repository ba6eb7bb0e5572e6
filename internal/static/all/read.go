package all

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/config"
	"github.com/detonaut/detonaut/internal/static/inventory"
	"github.com/detonaut/detonaut/internal/static/memory"
	"github.com/detonaut/detonaut/internal/static/vuln"
)

// Reader reads images without running them: what they are made of and what that is
// known for, how they are configured, and every file. It is used by several goroutines
// at once.
type Reader struct {
	// Analyzers are given the files.
	Analyzers []static.Analyzer
	// Memory knows what was found in earlier images and their files; nil knows nothing.
	Memory *memory.Memory
	// Database has known vulnerabilities. Without one they are not looked for, and
	// NoDatabase says why, and what to do.
	Database   *vuln.Database
	NoDatabase string
	// Now is the clock; nil is [time.Now].
	Now func() time.Time
}

// Image is an image that is read. It stays its owner's, and open meanwhile.
type Image struct {
	detonaut.Image
	Index *image.Index
	Files *image.FS
}

// limits are those of the files of an image, which may be many gigabytes.
var limits = static.Limits{File: 256 << 20, Total: 64 << 30, PerFile: 20 * time.Second, All: 15 * time.Minute, Findings: 1000}

func (r *Reader) options() static.Options {
	o := static.Options{Limits: limits}
	if r.Memory != nil {
		o.Memory = r.Memory
	}
	return o
}

// Versions names all that reads images, for the fingerprint of a report, sorted.
func (r *Reader) Versions() []string {
	versions := append(static.Versions(r.Analyzers), inventory.Version, "config@"+config.Version)
	if r.Database != nil {
		versions = append(versions, vuln.Version)
	}
	slices.Sort(versions)
	return versions
}

// Read reads an image, and tells of each stage as it begins, one at a time. The
// packages are listed while the files are read. An error is a failure of ours, and in
// the stages, too; the rest of the reading holds all the same.
func (r *Reader) Read(ctx context.Context, img Image, tell func(stage string)) (static.Reading, error) {
	tell(detonaut.StageInventory)
	var read static.Reading
	packages := &packages{Reader: r, input: inventory.Input{Image: img.Image, Index: img.Index, Files: img.Files}}
	var meanwhile sync.WaitGroup
	meanwhile.Go(func() { packages.read(ctx) })
	settings := config.Check(&config.Subject{Image: img.Image, Index: img.Index, FS: img.Files, Now: r.now()})
	files, err := static.Run(ctx, static.Files(img.Index, img.Files), r.Analyzers, r.options())
	meanwhile.Wait()

	read.Stages = append(read.Stages, packages.stage)
	if packages.stage.State == detonaut.Failed {
		err = errors.Join(err, failure(packages.stage))
	} else {
		read.Inventory, read.Owners = &packages.list.Inventory, packages.list.Owners(img.Index)
	}
	tell(detonaut.StageVulnerabilities)
	err = errors.Join(err, r.match(ctx, &read, packages))
	read.Stages = append(read.Stages, detonaut.Stage{Name: detonaut.StageConfig, State: detonaut.Complete})
	for _, s := range files.Stages {
		s.Name = detonaut.StageImage + s.Name
		read.Stages = append(read.Stages, s)
	}
	read.Findings = slices.Concat(settings, files.Findings)
	return read, err
}

// match looks up the vulnerabilities of the packages that were listed.
func (r *Reader) match(ctx context.Context, read *static.Reading, p *packages) error {
	stage := detonaut.Stage{Name: detonaut.StageVulnerabilities, State: detonaut.Skipped}
	switch {
	case r.Database == nil:
		stage.Reason = r.NoDatabase
	case read.Inventory == nil:
		stage.Reason = "there is no list of packages"
	default:
		info := r.Database.Info()
		read.Database = &info
		read.Vulnerabilities, stage = p.match(ctx)
	}
	read.Stages = append(read.Stages, stage)
	if stage.State == detonaut.Failed {
		return failure(stage)
	}
	return nil
}

func (r *Reader) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

var errRead = errors.New("reading failed")

// failure is the error of a stage.
func failure(s detonaut.Stage) error { return fmt.Errorf("%s: %w: %s", s.Name, errRead, s.Reason) }
