package all

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/config"
	"github.com/detonaut/detonaut/internal/static/inventory"
	"github.com/detonaut/detonaut/internal/static/malicious"
	"github.com/detonaut/detonaut/internal/static/malware"
	"github.com/detonaut/detonaut/internal/static/memory"
	"github.com/detonaut/detonaut/internal/static/secret"
	"github.com/detonaut/detonaut/internal/static/suppress"
	"github.com/detonaut/detonaut/internal/static/vuln"
)

// Reader reads images without running them: what they are made of and what that is
// known for, how they are configured, and every file. It is used by several goroutines
// at once.
type Reader struct {
	// Analyzers are given the files, Secrets beside them, which looks at the config as
	// well.
	Analyzers []static.Analyzer
	Secrets   secret.Analyzer
	// Malware has the tools that are looked for among packages; a source without Load
	// looks for none.
	Malware malware.Source
	// Memory knows what was found in earlier images and their files; nil knows nothing.
	Memory *memory.Memory
	// Database has known vulnerabilities. Without one they are not looked for, and
	// NoDatabase is the stage that says why, and what to do.
	Database   *vuln.Database
	NoDatabase detonaut.Stage
	// Malicious are lists of malicious packages.
	Malicious []malicious.List
	// Suppressed are vulnerabilities and weaknesses that do not count; nil for none.
	// Warn is told what is odd about these, in words that may have strings of the image.
	Suppressed *suppress.Rules
	Warn       func(string)
	// Hidden lists packages of lower layers, too, that upper ones removed.
	Hidden bool
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
	versions := append(static.Versions(r.analyzers()), inventory.Version, "config@"+config.Version, malicious.Version(r.Malicious...))
	if r.Database != nil {
		versions = append(versions, vuln.Version)
	}
	if v := r.Suppressed.Version(); v != "" {
		versions = append(versions, v)
	}
	slices.Sort(versions)
	return versions
}

func (r *Reader) analyzers() []static.Analyzer { return append(slices.Clone(r.Analyzers), r.Secrets) }

// Read reads an image, and tells of each stage as it begins, one at a time. The
// packages are listed while the files are read. An error is a failure of ours, and in
// the stages, too; the rest of the reading holds all the same.
func (r *Reader) Read(ctx context.Context, img Image, tell func(stage string)) (static.Reading, error) {
	tell(detonaut.StageInventory)
	packages := &packages{Reader: r, input: inventory.Input{Image: img.Image, Index: img.Index, Files: img.Files}}
	if r.Hidden {
		packages.input.Hidden = img.Files
	}
	var meanwhile sync.WaitGroup
	meanwhile.Go(func() { packages.read(ctx) })
	settings := config.Check(&config.Subject{Image: img.Image, Index: img.Index, FS: img.Files, Now: r.now()})
	said, serr := r.Secrets.Config(ctx, img.Image)
	files, err := static.Run(ctx, static.Files(img.Index, img.Files), r.analyzers(), r.options())
	meanwhile.Wait()

	read := static.Reading{Stages: []detonaut.Stage{packages.stage}}
	err = errors.Join(err, failure(packages.stage))
	if packages.stage.State != detonaut.Failed {
		list := packages.list.Inventory
		read.Inventory, read.Owners = &list, packages.list.Owners(img.Index)
	}
	known, looked := malicious.Check(malicious.Subject{Inventory: read.Inventory, Index: img.Index}, r.Malicious...)
	tools, terr := packages.tools(ctx)
	if terr != nil {
		looked = ended(detonaut.StagePackages, terr)
	}
	tell(detonaut.StageVulnerabilities)
	matched := r.match(ctx, &read, packages)
	read.Stages = append(read.Stages, looked, matched, ended(detonaut.StageConfig, serr))
	for _, s := range files.Stages {
		s.Name = detonaut.StageImage + s.Name
		read.Stages = append(read.Stages, lacking(s, img.Index.Unlisted.Files))
	}
	read.Within, read.Open = files.Within, func(path string) (static.File, bool) { return static.At(img.Index, img.Files, path) }
	read.Worth = worth(img, &read)
	read.Findings = static.Join(settings, said, tools, files.Findings, known)
	r.suppress(img.Image, &read)
	return read, errors.Join(err, serr, failure(looked), failure(matched))
}

// suppress sets aside what somebody decided not to count.
func (r *Reader) suppress(img detonaut.Image, read *static.Reading) {
	var warnings []string
	if read.Database != nil {
		read.Vulnerabilities, read.Suppressed, warnings = r.Suppressed.Apply(img, read.Inventory, read.Vulnerabilities, r.now())
	}
	warnings = append(warnings, r.Suppressed.ApplyFindings(img, read.Findings, r.now())...)
	for _, w := range warnings {
		if r.Warn != nil {
			r.Warn(w)
		}
	}
}

// lacking is a stage that was not given some hidden files, because there are too many.
func lacking(s detonaut.Stage, files int) detonaut.Stage {
	if files == 0 || s.State == detonaut.Failed {
		return s
	}
	s.State = detonaut.Partial
	s.Reason = strings.TrimPrefix(s.Reason+fmt.Sprintf("; files of lower layers not read, because there were too many: %d", files), "; ")
	return s
}

// ended is a stage that is complete, unless there is an error.
func ended(name string, err error) detonaut.Stage {
	if err != nil {
		return detonaut.Stage{Name: name, State: detonaut.Failed, Reason: err.Error()}
	}
	return detonaut.Stage{Name: name, State: detonaut.Complete}
}

// match looks up the vulnerabilities of the packages that were listed.
func (r *Reader) match(ctx context.Context, read *static.Reading, p *packages) detonaut.Stage {
	switch {
	case r.Database == nil:
		return r.NoDatabase
	case read.Inventory == nil:
		return detonaut.Stage{Name: detonaut.StageVulnerabilities, State: detonaut.Skipped, Reason: "there is no list of packages"}
	}
	info := r.Database.Info()
	read.Database = &info
	var stage detonaut.Stage
	read.Vulnerabilities, stage = p.match(ctx)
	return stage
}

func (r *Reader) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

var errRead = errors.New("reading failed")

// failure is the error of a stage that failed.
func failure(s detonaut.Stage) error {
	if s.State != detonaut.Failed {
		return nil
	}
	return fmt.Errorf("%s: %w: %s", s.Name, errRead, s.Reason)
}
