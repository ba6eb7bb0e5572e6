package upkeep

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Format is that of the archive: see [Home.Export]. It grows by one when an older version
// could not read it.
const Format = 1

// Names in an archive.
const (
	headName     = "detonaut-store.json"
	endName      = "end.json"
	blobsDir     = "blobs/"
	reportsDir   = "reports/"
	repositories = "repositories/"
)

// head is the first file of an archive.
type head struct {
	Format int `json:"format"`
}

// Moved is how much is in an archive, or was taken from one.
type Moved struct {
	Reports      int `json:"reports"`
	Repositories int `json:"repositories"`
	Blobs        int `json:"blobs"`
	// There is how many of the reports and blobs were there already; of an import only.
	There int `json:"there,omitempty"`
	// Problems is how often somebody was told that something is wrong.
	Problems int `json:"problems,omitempty"`
}

// entry is a report in an archive.
type entry struct {
	Name   store.Name        `json:"name,omitzero"`
	Aim    string            `json:"aim,omitempty"`
	Blobs  map[string]string `json:"blobs,omitempty"`
	Stored time.Time         `json:"stored"`
	Report json.RawMessage   `json:"report"`
}

// Export writes all reports, in the order in which they were put, with their blobs and what
// is known of their repositories, as a tar that is compressed with zstd. A blob comes before
// the first report that names it, so that what was imported of an archive that was cut is
// whole. A blob that is missing or changed is told of, and the rest exported.
func (h Home) Export(ctx context.Context, w io.Writer) (m Moved, err error) {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)) // blobs are compressed as a rule
	if err != nil {
		return m, fmt.Errorf("export store: %w", err)
	}
	x := &exporter{Home: h, tar: tar.NewWriter(z), blobs: map[string]bool{}, repositories: map[string]bool{}}
	err = x.export(ctx)
	if err == nil {
		err = x.tar.Close()
	}
	if err = errors.Join(err, z.Close()); err != nil {
		return x.moved, fmt.Errorf("export store: %w", err)
	}
	return x.moved, nil
}

type exporter struct {
	Home
	tar   *tar.Writer
	moved Moved
	// These are in the archive.
	blobs, repositories map[string]bool
}

func (x *exporter) export(ctx context.Context) error {
	if err := x.json(headName, head{Format}); err != nil {
		return err
	}
	err := x.each(ctx, func(s store.Summary) error { return x.report(ctx, s) })
	if err != nil {
		return err
	}
	return x.json(endName, x.moved)
}

func (x *exporter) wrong(format string, args ...any) {
	x.moved.Problems++
	x.Tell(fmt.Sprintf(format, args...))
}

func (x *exporter) report(ctx context.Context, s store.Summary) error {
	e, err := x.Store.Get(ctx, s.Digest, s.Key)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, store.ErrNotFound): // it was dropped meanwhile
		return nil
	case err != nil:
		x.wrong("%s: not exported: %v", of(s.Digest, s.Key), err)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(e.Blobs)) {
		if sum := e.Blobs[name]; !x.blobs[sum] {
			x.blobs[sum] = true
			if err := x.blob(ctx, of(s.Digest, s.Key)+": "+name, sum); err != nil {
				return err
			}
		}
	}
	if err := x.repository(ctx, e.Name); err != nil {
		return err
	}
	b, err := json.Marshal(e.Report)
	if err != nil {
		return err
	}
	x.moved.Reports++
	return x.json(fmt.Sprintf("%s%08d.json", reportsDir, x.moved.Reports), entry{Name: e.Name, Aim: e.Aim, Blobs: e.Blobs, Stored: e.Stored, Report: b})
}

// blob adds one. A tar tells the size before the content: one that turns out to be wrong is
// filled up, and whoever imports it finds that it has another hash.
func (x *exporter) blob(ctx context.Context, what, sum string) error {
	r, size, err := x.Blobs.Open(ctx, sum)
	if errors.Is(err, store.ErrNotFound) {
		x.wrong("%s: not exported: %v", what, err)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it was only read
	if err := x.header(blobsDir+sum, size); err != nil {
		return err
	}
	n, err := io.Copy(x.tar, r)
	if errors.Is(err, detonaut.ErrCorrupt) {
		x.wrong("%s: %v", what, err)
		_, err = io.CopyN(x.tar, zeros{}, size-n)
	}
	x.moved.Blobs++
	return err
}

// zeros is a reader without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func (x *exporter) repository(ctx context.Context, n store.Name) error {
	id := n.Registry + "/" + n.Repository
	if n.Repository == "" || x.repositories[id] {
		return nil
	}
	x.repositories[id] = true
	r, err := x.Store.Repository(ctx, n.Registry, n.Repository)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if r.Updated.IsZero() && r.Pulls < 0 && r.Description == "" { // nobody but reports tells of it
		return nil
	}
	r.Tags = nil // the store knows
	x.moved.Repositories++
	return x.json(fmt.Sprintf("%s%08d.json", repositories, x.moved.Repositories), r)
}

func (x *exporter) json(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := x.header(name, int64(len(b))); err != nil {
		return err
	}
	_, err = x.tar.Write(b)
	return err
}

func (x *exporter) header(name string, size int64) error {
	return x.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, Format: cmp.Or(formatOf(size), tar.FormatUSTAR)})
}

// formatOf is what it takes for files of more than 8 GiB.
func formatOf(size int64) tar.Format {
	if size >= 8<<30 {
		return tar.FormatPAX
	}
	return tar.FormatUnknown
}
