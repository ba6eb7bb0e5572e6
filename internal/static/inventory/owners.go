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
		if l.Primary {
			paths = append(paths, around(p, l.Path)...)
		}
	}
	return paths
}

// themselves are the types of packages that are the files in which they are found.
var themselves = []pkg.Type{
	pkg.GoModulePkg, pkg.JavaPkg, pkg.JenkinsPluginPkg, pkg.RustPkg, pkg.BinaryPkg, pkg.DotnetPkg, pkg.GraalVMNativeImagePkg,
}

// around are the files of a package that is found at a place.
func around(p *pkg.Package, place string) []string {
	dir := path.Dir(place)
	switch {
	case p.Type == pkg.NpmPkg:
		return []string{dir + "/"}
	case p.Type == pkg.GemPkg: // DIR/specifications/NAME-VERSION.gemspec, and DIR/gems/NAME-VERSION/
		name := strings.TrimSuffix(path.Base(place), ".gemspec")
		return []string{path.Join(strings.TrimSuffix(dir, "/default"), "..", "gems", name) + "/"}
	case p.Type == pkg.PhpComposerPkg: // vendor/composer/installed.json, and vendor/NAME/
		return []string{path.Join(dir, "..", p.Name) + "/"}
	case slices.Contains(themselves, p.Type):
		return []string{place}
	}
	return nil
}

// Owners tells to which packages a file of the image belongs, by their positions: those
// that list it, and those of the innermost directory of a package that it is in. The
// path is absolute. The function may be used by one goroutine.
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
				into, name = dirs, "" // path.Dir has left it
			}
			if full := path.Join(dir, name); !slices.Contains(into[full], at) {
				into[full] = append(into[full], at)
			}
		}
	}
	return func(p string) []int {
		if to := index.Resolve(p); to != "" {
			p = to
		}
		found := slices.Concat(files[p], files[pythonSource(p)])
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

// pythonSource is the source of what Python compiled when it was installed, which no
// package lists: DIR/NAME.py of DIR/__pycache__/NAME.cpython-311.pyc (PEP 3147).
func pythonSource(p string) string {
	dir, name := path.Split(p)
	if parent, ok := strings.CutSuffix(dir, "/__pycache__/"); ok {
		module, _, _ := strings.Cut(name, ".")
		return parent + "/" + module + ".py"
	}
	return ""
}
