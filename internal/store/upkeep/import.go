package upkeep

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/store"
)

// Bounds of what is read of an archive, in bytes.
const (
	maxJSON   = 64 << 20  // of a report, or a repository
	maxWindow = 128 << 20 // that decompression may need
	maxNamed  = 20_000    // blobs of one report
)

// Import takes what [Home.Export] wrote. What is there already is left as it is, so that an
// import may be done again, or gone on with after one that was interrupted; of two reports of
// the same digest and fingerprint the later analysis stays. What in an archive is not what it
// says is told of, and left out. An archive that is cut is [detonaut.ErrCorrupt] in the end.
func (h Home) Import(ctx context.Context, r io.Reader) (Moved, error) {
	z, err := zstd.NewReader(source{r}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return Moved{}, fmt.Errorf("import store: %w", err)
	}
	defer z.Close()
	i := &importer{Home: h}
	err = i.read(ctx, z)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return i.moved, fmt.Errorf("import store: %w", err)
	}
	return i.moved, nil
}

type importer struct {
	Home
	moved Moved
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", detonaut.ErrCorrupt, fmt.Sprintf(format, args...))
}

// read reads the tar.
func (i *importer) read(ctx context.Context, r io.Reader) error {
	in := tar.NewReader(r)
	for n := 0; ; n++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		f, err := in.Next()
		if errors.Is(err, io.EOF) {
			return corrupt("the archive has no end: it was cut")
		}
		if err != nil {
			return unreadable(err)
		}
		if f.Typeflag != tar.TypeReg || sparse(f) || (n == 0) != (f.Name == headName) {
			return corrupt("this is no archive of a store: %.100q", f.Name)
		}
		switch {
		case n == 0:
			err = i.head(in)
		case f.Name == endName:
			return nil
		case strings.HasPrefix(f.Name, blobsDir):
			err = i.blob(ctx, strings.TrimPrefix(f.Name, blobsDir), in)
		case strings.HasPrefix(f.Name, reportsDir):
			err = i.report(ctx, f.Name, in)
		case strings.HasPrefix(f.Name, repositories):
			err = i.repository(ctx, f.Name, in)
		default:
			err = corrupt("the archive has an unknown file: %.100q", f.Name)
		}
		if err != nil {
			return err
		}
	}
}

// sparse tells whether a file would be longer than what the archive has of it.
func sparse(f *tar.Header) bool {
	for key := range f.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// source is where an archive comes from: what goes wrong there is not the archive's fault.
type source struct{ r io.Reader }

var errSource = errors.New("read archive")

func (s source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errSource, err)
	}
	return n, err
}

// unreadable is an error of an archive that is none, or was cut.
func unreadable(err error) error {
	if errors.Is(err, errSource) {
		return err
	}
	return fmt.Errorf("%w: %w", detonaut.ErrCorrupt, err)
}

// watched remembers what went wrong with a reader, which others would wrap.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

func (i *importer) wrong(format string, args ...any) {
	i.moved.Problems++
	i.Tell(fmt.Sprintf(format, args...))
}

func (i *importer) head(r io.Reader) error {
	var h head
	if err := decode(r, &h); err != nil {
		return err
	}
	if h.Format != Format {
		return fmt.Errorf("%w: the archive has the format %d, and this version reads %d", detonaut.ErrUnsupported, h.Format, Format)
	}
	return nil
}

// decode reads JSON of a bounded size. Fields that are unknown are left out.
func decode(r io.Reader, v any) error {
	b, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	if err != nil {
		return unreadable(err)
	}
	if len(b) > maxJSON {
		return corrupt("more than %d bytes in one file", maxJSON)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return unreadable(err)
	}
	return nil
}

var sumPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (i *importer) blob(ctx context.Context, sum string, r io.Reader) error {
	if !sumPattern.MatchString(sum) {
		return corrupt("the archive has a blob that is called %.100q", sum)
	}
	has, err := i.Blobs.Has(ctx, sum)
	if err != nil {
		return err
	}
	if has {
		i.moved.There++
		return nil
	}
	content := &watched{r: r}
	got, _, err := i.Blobs.Put(ctx, content)
	switch {
	case content.err != nil:
		return unreadable(content.err)
	case err != nil:
		return err
	case got != sum: // nothing names it, so that it goes with the garbage
		i.wrong("blob %s: left out: it is not what its name says", sum)
		return nil
	}
	i.moved.Blobs++
	return nil
}

// blobName is what an artifact of a run may be called.
var blobName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,100}(/[0-9a-f]{64})?$`)

func (i *importer) report(ctx context.Context, name string, r io.Reader) error {
	var in entry
	if err := decode(r, &in); err != nil {
		return err
	}
	rep, err := report.Read(bytes.NewReader(in.Report), maxJSON)
	if err != nil {
		i.wrong("%s: left out: %v", name, err)
		return nil
	}
	e := store.Entry{Report: rep, Key: store.Key(rep.Fingerprint), Name: in.Name, Aim: in.Aim, Blobs: map[string]string{}}
	what := of(rep.Image.Digest, e.Key)
	if len(in.Blobs) > maxNamed {
		i.wrong("%s: left out: it names %d blobs", what, len(in.Blobs))
		return nil
	}
	for _, blob := range slices.Sorted(maps.Keys(in.Blobs)) {
		sum := in.Blobs[blob]
		if !blobName.MatchString(blob) || !sumPattern.MatchString(sum) {
			i.wrong("%s: it names a blob %.100q, which is left out", what, blob)
			continue
		}
		has, err := i.Blobs.Has(ctx, sum)
		if err != nil {
			return err
		}
		if !has {
			i.wrong("%s: %s is left out: the archive does not have it", what, blob)
			continue
		}
		e.Blobs[blob] = sum
	}
	return i.put(ctx, what, e)
}

// put keeps a report, unless it is there, or a later one.
func (i *importer) put(ctx context.Context, what string, e store.Entry) error {
	old, err := i.Store.Get(ctx, e.Report.Image.Digest, e.Key)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return err
	case !e.Report.Started.After(old.Report.Started) && len(e.Blobs) <= len(old.Blobs):
		i.moved.There++
		return nil
	}
	_, err = i.Store.Put(ctx, e)
	if errors.Is(err, store.ErrInvalid) {
		i.wrong("%s: left out: %v", what, err)
		return nil
	}
	if err == nil {
		i.moved.Reports++
	}
	return err
}

func (i *importer) repository(ctx context.Context, name string, r io.Reader) error {
	var repo store.Repository
	if err := decode(r, &repo); err != nil {
		return err
	}
	switch old, err := i.Store.Repository(ctx, repo.Registry, repo.Name); {
	case errors.Is(err, store.ErrNotFound):
	case errors.Is(err, store.ErrInvalid):
	case err != nil:
		return err
	case old.Updated.After(repo.Updated), same(*old, repo):
		return nil
	}
	repo.Tags = nil
	err := i.Store.PutRepository(ctx, repo)
	if errors.Is(err, store.ErrInvalid) {
		i.wrong("%s: left out: %v", name, err)
		return nil
	}
	if err == nil {
		i.moved.Repositories++
	}
	return err
}

// same tells whether a registry says the same, whatever tags were analysed.
func same(a, b store.Repository) bool {
	return a.Description == b.Description && a.Pulls == b.Pulls && a.Stars == b.Stars && a.Official == b.Official &&
		a.Verified == b.Verified && a.Updated.Equal(b.Updated)
}
