package inventory

import (
	"path"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/file"

	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/internal/image"
)

// archives is the view of the image that the search inside of archives has. It shows
// those that may hold Java, by name: others are opened for nothing.
type archives struct{ *resolver }

// javaArchives are the names of what may hold classes, and other archives that do.
var javaArchives = []string{
	".jar", ".war", ".ear", ".par", ".sar", ".nar", ".jpi", ".hpi", ".kar", ".far", ".lpkg", ".rar", ".zap", ".zip",
}

// unread are the entries of an archive that say nothing of packages. They are not even
// unpacked.
var unread = []string{
	"**/*.{class,html,htm,js,css,png,gif,jpg,svg,ttf,woff,woff2,java,kt,scala,xsd,dtd,so,dll,dylib,jnilib,exe}",
}

// isZip tells whether a file begins as a zip does.
func isZip(k image.Kind) bool { return k == content.Zip || k == content.Jar }

func maybeJava(p string) bool {
	return slices.Contains(javaArchives, strings.ToLower(path.Ext(p)))
}

// FilesByMIMEType implements file.PathResolver. It is the first that the search asks
// for, and so the time for all archives together begins with it.
func (a archives) FilesByMIMEType(...string) ([]file.Location, error) {
	a.begin()
	found := []file.Location{}
	for i := range a.index.Entries {
		e := &a.index.Entries[i]
		if isZip(e.Kind) && maybeJava(e.Path) && a.finds(e.Path) {
			found = append(found, a.location(int32(i), "/"+e.Path)) //nolint:gosec // bounded by image.Caps
		}
	}
	return found, nil
}

// FilesByGlob implements file.PathResolver.
func (a archives) FilesByGlob(patterns ...string) ([]file.Location, error) {
	return a.resolver.FilesByGlob(slices.DeleteFunc(slices.Clone(patterns), ofOtherArchives)...)
}

// ofOtherArchives tells whether a pattern asks for all files of a type that never
// holds Java.
func ofOtherArchives(pattern string) bool {
	kind, ok := strings.CutPrefix(pattern, "**/*")
	return ok && path.Ext(kind) == kind && !maybeJava(kind)
}
