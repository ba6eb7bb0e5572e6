// Package look decides which images of a repository a survey analyses, and why not the others,
// before a byte of a layer is pulled.
package look

import (
	"context"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/source"
)

// Options say how repositories are looked at.
type Options struct {
	// Image says how registries are spoken to.
	Image image.Options
	// Newest returns the newest tags of a repository, of a source that knows times: see
	// [source.Newest]. Nil is none.
	Newest func(ctx context.Context, registry, repository string, n int) ([]source.Tag, error)
}

// Repository looks what is under the tags of a repository that were chosen. Every item is
// ready or has a reason; with a reason of its own the repository has none.
//
// The error is ours, of the network, or [*detonaut.Busy]: all is to be done again.
func Repository(ctx context.Context, c store.Candidate, choice store.Choice, o Options) (items []store.Item, reason store.Reason, err error) {
	return nil, "", detonaut.ErrUnsupported
}

// Ref is what is pulled for an item: its digest, whatever its tag has become since.
func Ref(i store.Item) detonaut.Ref {
	return detonaut.Ref(i.Name.Registry + "/" + i.Name.Repository + "@" + string(i.Digest))
}

// Reason is why an error of looking or pulling will be the same another time; empty if it may not be.
func Reason(err error) store.Reason { return "" }
