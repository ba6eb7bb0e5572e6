// Package hub is a registry that never was: thousands of repositories of every kind that a
// survey meets, with what is wrong with registries, and the list of what a survey of it
// must find.
//
// All of it follows from a seed. Images are made when they are asked for, of layers that
// they share, so that ten thousand of them are a few megabytes of memory. What is planted is
// known from the draw alone, never from an analysis: see [Hub.Repositories].
//
// How much is shared is as was found in Docker Hub by Zhao et al., "Large-Scale Analysis of
// the Docker Hub Dataset", IEEE CLUSTER 2019 (167 TB of images): of all files 3.2 % are left when
// each content is kept once, and most layers belong to one image only, while few are in very many. A
// third of the repositories have no image at all: JFrog, 2024, 4.6 of 15 million. Sizes are
// not as there: a few kilobytes an image.
package hub

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Options say what there is.
type Options struct {
	// Seed is what everything follows from.
	Seed uint64
	// Repositories is how many there are; every kind is there at least once, so not fewer
	// than a hundred.
	Repositories int
	// Real are images of roles that can be run; each stands in for so many of those of its
	// role that only have the looks.
	Real map[string]Real
}

// Real is an image that can be run.
type Real struct {
	Image v1.Image
	Count int
}

// Hub is a registry, and the list of what is in it. See [Hub.Registry] and [Hub.Listing].
type Hub struct {
	options Options
	repos   []Repository
	byName  map[string]int
	images  []design
	origins map[string]origin // by digest
	pool    *pool

	mu    sync.Mutex
	seen  map[string]int // how often each request was made
	log   []Asked
	rests []rest
	close chan struct{}
}

// Asked is a request.
type Asked struct {
	At   time.Time
	What string // method and path
}

// rest is a time in which nobody was to ask.
type rest struct{ from, to time.Time }

// origin is what something that has a digest is made of.
type origin struct {
	what  thing
	image int
	arch  string
	layer int // of the pool
}

type thing int

const (
	isManifest thing = iota
	isIndex
	isConfig
	isOwn    // the layer that an image has alone
	isPooled // a layer that images share
)

// New draws one. Whoever is done with it calls Close.
func New(o Options) (*Hub, error) {
	if o.Repositories < 100 {
		return nil, fmt.Errorf("draw repositories: %d are too few for every kind", o.Repositories)
	}
	h := &Hub{
		options: o, byName: map[string]int{}, origins: map[string]origin{},
		seen: map[string]int{}, close: make(chan struct{}),
	}
	random := rand.New(rand.NewPCG(o.Seed, 1))
	var err error
	if h.pool, err = newPool(random); err != nil {
		return nil, err
	}
	for i, l := range h.pool.layers {
		h.origins[l.digest] = origin{what: isPooled, layer: i}
	}
	h.draw(random)
	return h, h.plant()
}

// Close ends what answers slowly.
func (h *Hub) Close() { close(h.close) }

// Platform is that of the images that can be analysed.
var Platform = "linux/" + runtime.GOARCH

// Repositories are all of them, in the order in which the registry lists them: sorted by name.
func (h *Hub) Repositories() []Repository { return h.repos }
