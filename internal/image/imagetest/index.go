package imagetest

import (
	"maps"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// Index makes an index of images for tests: each as [Image] makes it, by the platforms that the index
// says, in their order. It fails tb instead of returning an error.
func Index(tb testing.TB, texts map[string]string) v1.ImageIndex {
	tb.Helper()
	var index v1.ImageIndex = empty.Index
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		p, err := v1.ParsePlatform(name)
		if err != nil {
			tb.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: Image(tb, texts[name]), Descriptor: v1.Descriptor{Platform: p}})
	}
	return index
}
