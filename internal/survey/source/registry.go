package source

import (
	"context"

	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/store"
)

// registry lists the catalogue of a registry, which tells names alone. At is the last name before the page.
type registry struct {
	host  string
	size  int
	image image.Options
}

func (l *registry) leave(place) (place, bool) { return place{}, false }

func (l *registry) list(ctx context.Context, at place) (page, error) {
	names, next, err := image.Repositories(ctx, l.host, at.At, l.size, l.image)
	if err != nil {
		return page{}, err
	}
	p := page{next: place{At: next}, end: next == ""}
	collect(&p, l.host, names, func(name string) (string, func(*store.Candidate)) {
		return name, func(*store.Candidate) {}
	})
	return p, nil
}
