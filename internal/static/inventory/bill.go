package inventory

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging/pkgcataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source"

	"github.com/detonaut/detonaut"
)

// catalog lets every cataloger look at the image. The bill is never nil.
func (r *reading) catalog(img detonaut.Image) (bill *sbom.SBOM, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if bill == nil {
			bill = &sbom.SBOM{Artifacts: sbom.Artifacts{Packages: pkg.NewCollection()}}
		}
	}()
	// The end of the reading must not end syft: what was found until then would be
	// lost. Catalogers and readers see to it instead.
	ctx := context.WithoutCancel(r.ctx)
	view := archives{&resolver{reading: r, ctx: r.ctx, cataloger: "archive-cataloger", bound: r.limits.Program}}
	defer view.end()
	bill, err = syft.CreateSBOM(ctx, subject{view, img}, r.config())
	if err != nil {
		return nil, err
	}
	r.tellUnknowns(bill)
	return bill, nil
}

// config is that of syft's command for an image, with less of what is not asked for:
// files and their digests, and which package owns which file, apart from the
// files that show another package. One cataloger runs after the other, so that equal
// images have equal inventories.
func (r *reading) config() *syft.CreateSBOMConfig {
	c := defaults().WithTool("detonaut", "").WithoutFiles().WithoutCatalogers().WithParallelism(1)
	c.Relationships.PackageFileOwnership = false
	// Archives are read in memory, and never copied to disk.
	c.Archive = c.Archive.WithMaxDepth(r.limits.Depth).WithMaxMemoryBytes(r.limits.Archive).WithMaxDiskBytes(0)
	for _, one := range catalogers(c.Packages) {
		c.WithCatalogers(pkgcataloging.NewCatalogerReference(&guarded{Cataloger: one, reading: r}, []string{pkgcataloging.ImageTag}))
	}
	return c
}

// defaults are those of syft with our settings, in a copy of their own. To make them compiles hundreds of
// patterns, which takes longer than to read a small image.
func defaults() *syft.CreateSBOMConfig {
	c := once()
	return &c
}

var once = sync.OnceValue(func() syft.CreateSBOMConfig {
	c := syft.DefaultCreateSBOMConfig()
	c.Packages = settings()
	return *c
})

// tellUnknowns makes problems of what syft could not read inside of archives.
func (r *reading) tellUnknowns(bill *sbom.SBOM) {
	for at, reasons := range bill.Artifacts.Unknowns {
		for _, reason := range reasons {
			cataloger, text, _ := strings.Cut(reason, ": ")
			r.problems.add(cataloger, at.FullNestedPath()+": "+text)
		}
	}
}

// subject is the image as a source of syft. It implements source.Source.
type subject struct {
	view  archives
	image detonaut.Image
}

// ID implements artifact.Identifiable.
func (s subject) ID() artifact.ID { return artifact.ID(s.image.Digest) }

// Close implements io.Closer. The image stays its owner's.
func (s subject) Close() error { return nil }

// ExcludedPaths implements source.PathExcluder: these entries of archives are not
// unpacked.
func (s subject) ExcludedPaths() []string { return unread }

// FileResolver implements source.Source. There is one scope.
func (s subject) FileResolver(source.Scope) (file.Resolver, error) {
	return s.view, nil
}

// Describe implements source.Source.
func (s subject) Describe() source.Description {
	system, machine, _ := strings.Cut(s.image.Platform, "/")
	machine, variant, _ := strings.Cut(machine, "/")
	m := source.ImageMetadata{
		UserInput: string(s.image.Ref), ManifestDigest: string(s.image.Digest), Size: s.image.Size,
		OS: system, Architecture: machine, Variant: variant, Labels: s.image.Config.Labels,
	}
	for _, l := range s.image.Layers {
		m.Layers = append(m.Layers, source.LayerMetadata{MediaType: l.MediaType, Digest: string(l.Digest), Size: l.Size})
	}
	return source.Description{ID: string(s.image.Digest), Name: string(s.image.Ref), Metadata: m}
}
