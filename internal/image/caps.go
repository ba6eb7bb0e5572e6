package image

import (
	"fmt"

	"github.com/detonaut/detonaut"
)

// Caps bound what an image may cost. A zero field takes its default; see
// [DefaultCaps]. A cap that is reached is [detonaut.ErrLimit], with the cap and
// the layer in the message, but for those of hidden files.
type Caps struct {
	// CompressedBytes bounds the blobs of all layers together, as transferred.
	CompressedBytes int64
	// UncompressedBytes bounds the tars of all layers together, and separately
	// the sizes of all files in them: holes of sparse files count.
	UncompressedBytes int64
	// MetadataBytes bounds the names, link targets and extended attributes of
	// all entries together, which are held in memory. Each attribute counts 128
	// bytes more, for its place.
	MetadataBytes int64
	// Entries bounds the tar entries and implied directories of all layers.
	Entries int
	// HiddenFiles and HiddenBytes bound the files that [Index.Hidden] lists, and
	// their content. Unlike all others they refuse nothing: [Index.Unlisted] counts
	// the rest.
	HiddenFiles int
	HiddenBytes int64
	// Devices bounds the device nodes among them.
	Devices int
	// PathLength bounds one path, in bytes.
	PathLength int
	// SymlinkDepth bounds the symbolic links that are followed to find the
	// directory of one entry.
	SymlinkDepth int
	// Ratio bounds the uncompressed size of one layer as a multiple of its
	// compressed size. It counts only once a layer has unpacked to 256 MiB:
	// small layers full of zeros are common and harmless.
	Ratio int
}

// ratioFrom is the uncompressed size of a layer below which Caps.Ratio is not
// checked.
const ratioFrom = 256 << 20

// ratioLead is how far a layer may be ahead of its ratio, in uncompressed bytes:
// it may begin with gigabytes of zeros, and have the rest later.
const ratioLead = 4 << 30

// DefaultCaps leaves room above what public registries commonly serve, images of
// machine learning included, and bounds memory, which is up to 1 KiB per entry.
// Paths and symbolic links are bounded as Linux does (PATH_MAX, MAXSYMLINKS).
func DefaultCaps() Caps {
	return Caps{
		CompressedBytes:   16 << 30,
		UncompressedBytes: 48 << 30,
		MetadataBytes:     256 << 20,
		Entries:           1_000_000,
		HiddenFiles:       250_000,
		HiddenBytes:       16 << 30,
		Devices:           10_000,
		PathLength:        4095,
		SymlinkDepth:      40,
		Ratio:             250,
	}
}

// withDefaults returns c with its zero fields filled in.
func (c Caps) withDefaults() Caps {
	d := DefaultCaps()
	fill(&c.CompressedBytes, d.CompressedBytes)
	fill(&c.UncompressedBytes, d.UncompressedBytes)
	fill(&c.MetadataBytes, d.MetadataBytes)
	fill(&c.Entries, d.Entries)
	fill(&c.HiddenFiles, d.HiddenFiles)
	fill(&c.HiddenBytes, d.HiddenBytes)
	fill(&c.Devices, d.Devices)
	fill(&c.PathLength, d.PathLength)
	fill(&c.SymlinkDepth, d.SymlinkDepth)
	fill(&c.Ratio, d.Ratio)
	return c
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// over is the error of a reached cap.
func over[N int | int32 | int64](cap string, limit N) error {
	return fmt.Errorf("more than %d %s: %w", limit, cap, detonaut.ErrLimit)
}
