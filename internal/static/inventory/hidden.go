package inventory

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	stereoscope "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/static/inventory/names"
)

// identity is what makes two packages the same, wherever they are.
type identity struct{ kind, name, version string }

func identify(p *detonaut.Package) identity { return identity{p.Type, p.Name, p.Version} }

// hidden lists the packages that are in hidden files only, sorted. Layer by layer, it
// looks at the image as it was then, for what that layer brought and a later one took
// away: each hidden file is read once, with what was beside it.
func (r *reading) hidden(in Input, final *Inventory, bill *sbom.SBOM) []detonaut.Package {
	known := make(map[identity]bool, len(final.Packages))
	for i := range final.Packages {
		known[identify(&final.Packages[i])] = true
	}
	owners := fileOwners(bill)
	if left := in.Index.Unlisted; left.Files > 0 {
		r.problems.add("hidden-files", fmt.Sprintf("%d files of %d bytes not looked at, because there are too many", left.Files, left.Bytes))
	}
	var left atomic.Int64
	left.Store(r.limits.Total)
	counts := map[string]*int{}
	found := map[identity]*detonaut.Package{}
	for layer := range max(len(in.Index.Layers)-1, 0) {
		only := broughtBy(in.Index, layer)
		if len(only) == 0 {
			continue
		}
		if r.ctx.Err() != nil {
			r.problems.add("hidden-files", "not all looked at, because the time was over")
			break
		}
		view := in.Index.At(layer)
		all := names.New(view)
		below := &reading{
			ctx: r.ctx, limits: r.limits, index: view, names: all, open: in.Hidden.OpenEntry, left: &left, counts: counts,
			refs: map[int32]*stereoscope.Reference{}, only: only, few: all.Only(only), known: known,
		}
		bill, err := below.catalog(in.Image)
		if err != nil {
			r.problems.add("hidden-files", fmt.Sprintf("layer %d: %v", layer+1, err))
		}
		r.problems.addAll(&below.problems, fmt.Sprintf("layer %d: ", layer+1))
		for _, p := range convert(bill).Packages {
			if !slices.ContainsFunc(p.Locations, below.shows) || disowned(&p, owners) {
				continue
			}
			if have := found[identify(&p)]; have != nil {
				have.Locations = append(have.Locations, p.Locations...)
				continue
			}
			p.Hidden = true
			found[identify(&p)] = &p
		}
	}
	var list []detonaut.Package
	for _, p := range found {
		slices.SortFunc(p.Locations, compareLocations)
		p.Locations = slices.Compact(p.Locations)
		list = append(list, *p)
	}
	slices.SortFunc(list, compare)
	return list
}

// shows tells whether a place is one that searches find.
func (r *reading) shows(l detonaut.Location) bool { return r.finds(strings.TrimPrefix(l.Path, "/")) }

// ofDistributions are the packages that own files, as syft has it.
var ofDistributions = []pkg.Type{pkg.AlpmPkg, pkg.ApkPkg, pkg.DebPkg, pkg.NixPkg, pkg.PortagePkg, pkg.RpmPkg}

// fileOwners are the names of the packages of the distribution by their files. It is
// for files that are gone, so links on the way to them are not followed.
func fileOwners(bill *sbom.SBOM) map[string]string {
	owners := map[string]string{}
	for p := range bill.Artifacts.Packages.Enumerate() {
		o, ok := p.Metadata.(pkg.FileOwner)
		if !ok || !slices.Contains(ofDistributions, p.Type) {
			continue
		}
		for _, f := range o.OwnedFiles() {
			if have := owners[f]; have == "" || p.Name < have {
				owners[f] = p.Name
			}
		}
	}
	return owners
}

// disowned tells whether what was found is a program of a package that is listed, and
// names the owner of what is not. Syft does the same where both are in one view.
func disowned(p *detonaut.Package, owners map[string]string) bool {
	for _, l := range p.Locations {
		owner := owners[l.Path]
		if owner == "" {
			owner = owners[strings.TrimPrefix(l.Path, "/usr")] // in a merged /usr
		}
		if owner == "" || l.Within != "" {
			continue
		}
		if p.Type == string(pkg.BinaryPkg) {
			return true
		}
		if p.Owner == "" {
			p.Owner = owner
		}
	}
	return false
}

// broughtBy are the paths of the hidden files that were there since a layer, and when
// it had been applied.
func broughtBy(x *image.Index, layer int) map[string]bool {
	only := map[string]bool{}
	for i := range x.Hidden {
		if h := &x.Hidden[i]; h.Since == layer && h.Gone > layer && h.Size > 0 {
			only[h.Path] = true
		}
	}
	return only
}
