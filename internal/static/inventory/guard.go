package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
)

// nothingInside is what syft says of an archive that it could read.
const nothingInside = "no package identified in archive"

// guarded is a cataloger that takes nobody down: its panics and errors are problems,
// and its time and the number of its packages are bounded. It implements
// pkg.Cataloger.
type guarded struct {
	pkg.Cataloger
	*reading
}

// Catalog implements pkg.Cataloger. The view that it is given is of the image, or of
// the contents of an archive. The context carries what syft passes to its own; it ends
// with that of the reading.
func (g *guarded) Catalog(ctx context.Context, view file.Resolver) ([]pkg.Package, []artifact.Relationship, error) {
	name := g.Name()
	_, whole := view.(archives)
	if !whole && name != inArchives {
		return nil, nil, nil
	}
	if g.ctx.Err() != nil {
		g.problems.add(name, "not looked for, because the time was over")
		return nil, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, g.limits.Kind)
	defer cancel()
	defer context.AfterFunc(g.ctx, cancel)()
	if whole {
		r := &resolver{reading: g.reading, ctx: ctx, cataloger: name, bound: g.limits.File}
		if slices.Contains(ofDatabases, name) {
			r.bound = g.limits.Database
		}
		view = r
	}
	found, related, err := g.safely(ctx, view)
	if ctx.Err() != nil {
		g.problems.add(name, "not looked for everywhere, because its time was over")
	}
	for _, one := range separate(err) {
		if text := one.Error(); !strings.HasSuffix(text, nothingInside) {
			g.problems.add(name, text)
		}
	}
	if g.known != nil {
		found = slices.DeleteFunc(found, func(p pkg.Package) bool { return g.known[identity{string(p.Type), p.Name, p.Version}] })
		related = nil // relations may be of those that are gone
	}
	named := 0
	for i := range found {
		if found[i].Name != "" {
			named++
		}
	}
	count := g.count(name)
	if room := g.limits.Packages - *count; named > room {
		g.problems.add(name, fmt.Sprintf("%d packages left out, because there were more than %d", named-room, g.limits.Packages))
		// Syft drops those without a name, after this.
		found = slices.DeleteFunc(found, func(p pkg.Package) bool { return p.Name == "" })[:room]
		related, named = nil, room // as above
	}
	*count += named
	return found, related, nil
}

func (g *guarded) safely(ctx context.Context, view file.Resolver) (found []pkg.Package, related []artifact.Relationship, err error) {
	defer func() {
		if p := recover(); p != nil {
			found, related, err = nil, nil, fmt.Errorf("panic: %v", p)
		}
	}()
	return g.Cataloger.Catalog(ctx, view)
}

// separate takes joined errors apart.
func separate(err error) []error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, separate(one)...)
	}
	return all
}
