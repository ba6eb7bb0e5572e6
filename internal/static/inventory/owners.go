package inventory

import (
	"path"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/pkg"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
)

// owned are the files that belong to a package: those that it lists, or that its place
// tells. A path that ends in a slash is of a directory and all below it.
func owned(p *pkg.Package, places []detonaut.Location) (paths []string) {
	if o, ok := p.Metadata.(pkg.FileOwner); ok {
		paths = o.OwnedFiles()
		if python, ok := p.Metadata.(pkg.PythonPackage); ok { // they are relative
			for i, f := range paths {
				paths[i] = path.Join(python.SitePackagesRootPath, f)
			}
			for _, module := range python.TopLevelPackages {
				paths = append(paths, path.Join(python.SitePackagesRootPath, module)+"/", path.Join(python.SitePackagesRootPath, module+".py"))
			}
		}
	}
	for _, l := range places {
		if !l.Primary {
			continue
		}
		switch dir := path.Dir(l.Path); p.Type {
		case pkg.NpmPkg:
			paths = append(paths, dir+"/")
		case pkg.GemPkg: // DIR/specifications/NAME-VERSION.gemspec, and DIR/gems/NAME-VERSION/
			name := strings.TrimSuffix(path.Base(l.Path), ".gemspec")
			paths = append(paths, path.Join(strings.TrimSuffix(dir, "/default"), "..", "gems", name)+"/")
		case pkg.PhpComposerPkg: // vendor/composer/installed.json, and vendor/NAME/
			paths = append(paths, path.Join(dir, "..", p.Name)+"/")
		case pkg.GoModulePkg, pkg.JavaPkg, pkg.JenkinsPluginPkg, pkg.RustPkg, pkg.BinaryPkg, pkg.DotnetPkg, pkg.GraalVMNativeImagePkg:
			paths = append(paths, l.Path)
		}
	}
	return paths
}

// Owners tells to which packages a file of the image belongs, by their positions: those
// that list it, and those of the innermost directory of a package that it is in. The
// path is absolute and without links. The function may be used by one goroutine.
func (i *Inventory) Owners(index *image.Index) func(path string) []int {
	files, dirs := map[string][]int{}, map[string][]int{}
	real := map[string]string{} // where directories are
	for at, paths := range i.owned {
		for _, p := range paths {
			dir, ok := real[path.Dir(p)]
			if !ok {
				dir = index.Resolve(path.Dir(p))
				real[path.Dir(p)] = dir
			}
			if dir == "" {
				continue // it was removed
			}
			into, name := files, path.Base(p)
			if strings.HasSuffix(p, "/") {
				into = dirs
				name = "" // path.Dir has left it out
			}
			if full := path.Join(dir, name); !slices.Contains(into[full], at) {
				into[full] = append(into[full], at)
			}
		}
	}
	return func(p string) []int {
		found := slices.Clone(files[p])
		for dir := path.Dir(p); dir != "/" && dir != "."; dir = path.Dir(dir) {
			if inner := dirs[dir]; len(inner) > 0 {
				found = slices.Concat(found, inner)
				break
			}
		}
		slices.Sort(found)
		return slices.Compact(found)
	}
}
