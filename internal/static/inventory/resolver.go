package inventory

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	stereoscope "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft/file"

	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/inventory/names"
)

// reading is a Read in progress: of the final view, or of one that it hides.
type reading struct {
	ctx      context.Context //nolint:containedctx // resolvers have no other way to see it
	limits   Limits
	index    *image.Index
	names    *names.Names
	open     func(*image.Entry) (fs.File, error)
	left     *atomic.Int64
	counts   map[string]*int // of packages, by cataloger
	problems problems
	mu       sync.Mutex
	refs     map[int32]*stereoscope.Reference
	typed    sync.Once
	types    map[int32]string
	// only are the files that searches find, by path; nil is all. What is asked for by
	// its place is always there.
	only map[string]bool
	few  *names.Names // of only
	// known are the packages that need not be found again.
	known map[identity]bool
}

func newReading(ctx context.Context, in Input, l Limits) *reading {
	r := &reading{
		ctx: ctx, limits: l, index: in.Index, names: names.New(in.Index), left: new(atomic.Int64),
		open: func(e *image.Entry) (fs.File, error) { return in.Files.Open(e.Path) },
		refs: map[int32]*stereoscope.Reference{}, counts: map[string]*int{},
	}
	if o, ok := in.Files.(static.Opener); ok {
		r.open = o.OpenEntry // without a look-up
	}
	r.left.Store(l.Total)
	return r
}

// finds tells whether a search may find what is at a path.
func (r *reading) finds(p string) bool { return r.only == nil || r.only[p] }

// search finds files by a pattern: all of them, or, if it asks for files wherever they
// are, what searches find.
func (r *reading) search(pattern string) []names.Hit {
	if r.only == nil || !isSearch(pattern) {
		return r.names.Match(pattern)
	}
	return r.few.Match(pattern)
}

// count is how many packages a cataloger has found.
func (r *reading) count(cataloger string) *int {
	if r.counts[cataloger] == nil {
		r.counts[cataloger] = new(int)
	}
	return r.counts[cataloger]
}

// resolver answers a cataloger from the index. It implements file.Resolver.
type resolver struct {
	*reading
	ctx       context.Context //nolint:containedctx // that of the cataloger
	cataloger string
	bound     int64 // for files that are neither programs nor archives
	cancel    context.CancelFunc
}

// begin bounds the time of whoever reads from now on. Whoever begins ends it, too.
func (r *resolver) begin() { r.ctx, r.cancel = context.WithTimeout(r.reading.ctx, r.limits.Kind) }

func (r *resolver) end() {
	if r.cancel != nil {
		r.cancel()
	}
}

var _ file.Resolver = (*resolver)(nil)

func base(p string) string { return path.Base("/" + p) }

// coordinates are where a file is: syft names it by them.
func (r *reading) coordinates(entry int32) file.Coordinates {
	e := &r.index.Entries[entry]
	layer := ""
	if e.Layer < len(r.index.Layers) {
		layer = string(r.index.Layers[e.Layer])
	}
	return file.NewCoordinates("/"+strings.TrimPrefix(e.Path, "."), layer)
}

// location names a file by the path by which it was found. Syft takes two locations
// of one file for one only if their references are the same.
func (r *reading) location(entry int32, by string) file.Location {
	at := r.coordinates(entry)
	r.mu.Lock()
	defer r.mu.Unlock()
	ref := r.refs[entry]
	if ref == nil {
		ref = stereoscope.NewFileReference(stereoscope.Path(at.RealPath))
		r.refs[entry] = ref
	}
	l := file.NewLocationFromDirectory(at.RealPath, at.FileSystemID, *ref)
	l.AccessPath = by
	return l
}

// resolve finds what a path leads to, links followed inside the image.
func (r *reading) resolve(p string) (int32, bool) {
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	if p == "" {
		p = "."
	}
	if i, ok := r.names.Find(p); ok && r.index.Entries[i].Kind != image.KindSymlink {
		return i, true
	}
	real := r.index.Resolve(p)
	if real == "" {
		return 0, false
	}
	return r.names.Find(strings.TrimPrefix(real, "/"))
}

// HasPath implements file.PathResolver. A link that leads nowhere is there.
func (r *resolver) HasPath(p string) bool {
	if _, ok := r.resolve(p); ok {
		return true
	}
	p = path.Clean("/" + p)
	dir, ok := r.resolve(path.Dir(p))
	if !ok {
		return false
	}
	_, ok = r.names.Find(path.Join(r.index.Entries[dir].Path, path.Base(p)))
	return ok
}

// FilesByPath implements file.PathResolver.
func (r *resolver) FilesByPath(paths ...string) ([]file.Location, error) {
	found := []file.Location{}
	seen := map[int32]bool{}
	for _, p := range paths {
		if isLicence(p) {
			continue
		}
		if i, ok := r.resolve(p); ok && names.IsContent(r.index.Entries[i].Kind) && !seen[i] {
			seen[i] = true
			found = append(found, r.location(i, path.Clean("/"+p)))
		}
	}
	return found, nil
}

// isLicence tells whether a file is of no use but for the licence of a package, which
// nobody asks for.
func isLicence(p string) bool {
	return strings.HasPrefix(p, "/usr/share/doc/") && strings.HasSuffix(p, "/copyright")
}

// isSearch tells whether a pattern asks for files wherever they are. Others ask for
// what is beside a file that was found.
func isSearch(pattern string) bool { return strings.HasPrefix(pattern, "**") }

// isListing tells whether a pattern asks for everything in one directory. Catalogers do
// so beside each package, to find the text of its licence.
func isListing(pattern string) bool {
	return strings.HasPrefix(pattern, "/") && strings.HasSuffix(pattern, "/*")
}

// FilesByGlob implements file.PathResolver. After the end of its time it finds nothing:
// that is a problem of who asks.
func (r *resolver) FilesByGlob(patterns ...string) ([]file.Location, error) {
	found := []file.Location{}
	seen := map[int32]bool{}
	for _, pattern := range patterns {
		if isListing(pattern) || r.ctx.Err() != nil {
			continue
		}
		if names.Literal(pattern) == len(pattern) {
			if i, ok := r.resolve(pattern); ok && names.IsContent(r.index.Entries[i].Kind) && !seen[i] {
				seen[i] = true
				found = append(found, r.location(i, path.Clean("/"+pattern)))
			}
			continue
		}
		for _, h := range r.search(pattern) {
			if !seen[h.Entry] {
				seen[h.Entry] = true
				found = append(found, r.location(h.Entry, h.By))
			}
		}
	}
	return found, nil
}

// FilesByMIMEType implements file.PathResolver. It knows those of programs only, which
// are all that catalogers ask for.
func (r *resolver) FilesByMIMEType(types ...string) ([]file.Location, error) {
	var at []int32
	for i, t := range r.mimeTypes() {
		if slices.Contains(types, t) {
			at = append(at, i)
		}
	}
	slices.Sort(at)
	found := []file.Location{}
	for _, i := range at {
		found = append(found, r.location(i, "/"+r.index.Entries[i].Path))
	}
	return found, nil
}

// RelativeFileByPath implements file.PathResolver. There is one view, the final one.
func (r *resolver) RelativeFileByPath(_ file.Location, p string) *file.Location {
	found, err := r.FilesByPath(p)
	if err != nil || len(found) == 0 {
		return nil
	}
	return &found[0]
}

// AllLocations implements file.LocationResolver. Its goroutine ends with ctx, or with
// the whole reading.
func (r *resolver) AllLocations(ctx context.Context) <-chan file.Location {
	out := make(chan file.Location)
	go func() {
		defer close(out)
		for i := range r.index.Entries {
			if e := &r.index.Entries[i]; e.Path == "." || !r.finds(e.Path) {
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-r.ctx.Done():
				return
			case out <- file.NewLocationFromCoordinates(r.coordinates(int32(i))): //nolint:gosec // bounded by image.Caps
			}
		}
	}()
	return out
}

// FileMetadataByLocation implements file.MetadataResolver.
func (r *resolver) FileMetadataByLocation(l file.Location) (file.Metadata, error) {
	i, ok := r.names.Find(strings.TrimPrefix(l.RealPath, "/"))
	if !ok {
		return file.Metadata{}, fmt.Errorf("read metadata: %q: %w", l.RealPath, fs.ErrNotExist)
	}
	m := info{&r.index.Entries[i]}.metadata()
	if mayRun(r.index.Entries[i].Kind) {
		m.MIMEType = r.mimeTypes()[i]
	}
	return m, nil
}

// FileContentsByLocation implements file.ContentResolver.
func (r *resolver) FileContentsByLocation(l file.Location) (io.ReadCloser, error) {
	i, ok := r.resolve(l.RealPath)
	if !ok {
		return nil, fmt.Errorf("open file: %q: %w", l.RealPath, fs.ErrNotExist)
	}
	e := &r.index.Entries[i]
	if !names.IsContent(e.Kind) {
		return nil, fmt.Errorf("open file: %q: %w", l.RealPath, fs.ErrInvalid)
	}
	if r.ctx.Err() != nil {
		r.problems.add(r.cataloger, "/"+e.Path+": not read, because its time was over")
		return nil, fmt.Errorf("open file: %q: %w", l.RealPath, r.ctx.Err())
	}
	f, err := r.open(e)
	if err != nil {
		return nil, err
	}
	s, ok := f.(seekable)
	if !ok {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("open file: %q: %w", l.RealPath, errNotSeekable)
	}
	c := &bounded{file: s, ctx: r.ctx, path: "/" + e.Path, bound: r.bound, left: r.left}
	c.problem = func(text string) { r.problems.add(r.cataloger, text) }
	if mayRun(e.Kind) || isZip(e.Kind) {
		c.bound, c.left = r.limits.Program, nil
	}
	return c, nil
}
