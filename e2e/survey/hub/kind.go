package hub

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kind is what there is to a repository.
type Kind string

// Kinds of repositories.
const (
	Plain     Kind = "plain"     // an image
	Several   Kind = "several"   // an image for several platforms
	Mirror    Kind = "mirror"    // the image of another one
	Empty     Kind = "empty"     // no tags
	Foreign   Kind = "foreign"   // images for other platforms only
	Chart     Kind = "chart"     // of Helm
	Signature Kind = "signature" // of cosign
	Gone      Kind = "gone"      // a tag without a manifest
	Refused   Kind = "refused"   // access to it is refused
	Nonsense  Kind = "nonsense"  // a manifest that is none
	Wrong     Kind = "wrong"     // a layer that has not the digest that it should have
	Bomb      Kind = "bomb"      // a layer that unpacks to a thousand times its size
	Crowd     Kind = "crowd"     // a layer with more files than an image may have
	Tricks    Kind = "tricks"    // a layer with paths that lead out of it
	Busy      Kind = "busy"      // who asks first is asked to come back later
	Shaky     Kind = "shaky"     // the server fails once for each
	Cut       Kind = "cut"       // layers are cut off once for each
	Moved     Kind = "moved"     // the tag is another image's after the first look
	Dropped   Kind = "dropped"   // ... and the first image is gone
	Endless   Kind = "endless"   // a layer that begins and never ends
	Mute      Kind = "mute"      // manifests are never answered
	Loop      Kind = "loop"      // the list of its tags never ends
	Many      Kind = "many"      // a very large number of tags
)

// share is of ten thousand repositories; those without one are plain.
type share struct {
	kind Kind
	of   int
}

// There are more copies than in the real one, so that many repositories need not be many
// analyses: each digest is analysed once.
var shares = []share{
	{Empty, 3000},
	{Several, 700},
	{Mirror, 2700},
	{Foreign, 500},
	{Chart, 250},
	{Signature, 150},
	{Gone, 200},
	{Refused, 150},
	{Nonsense, 100},
	{Wrong, 40},
	{Bomb, 10},
	{Crowd, 10},
	{Tricks, 40},
	{Busy, 10},
	{Shaky, 100},
	{Cut, 60},
	{Moved, 30},
	{Dropped, 20},
	{Endless, 1},
	{Mute, 1},
	{Loop, 3},
	{Many, 2},
}

// Class is who publishes.
type Class string

// Classes.
const (
	Official  Class = "official"
	Verified  Class = "verified"
	Community Class = "community"
)

// Repository is one of them.
type Repository struct {
	Name         string // "namespace/name"
	Kind         Kind
	Class        Class
	Description  string
	Pulls, Stars int64
	Updated      time.Time
	// Tag is that under which there is something: "latest", or the newest where there is none.
	Tag  string
	tags []string // all but it, older
	// image and then are the numbers of what is under the tag, at first and after it moved; -1
	// for nothing.
	image, then int
}

// today is when everything was made: nothing depends on the clock.
var today = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// draw draws repositories and images.
func (h *Hub) draw(random *rand.Rand) {
	n := h.options.Repositories
	kinds := make([]Kind, 0, n)
	for _, s := range shares {
		for range max(n*s.of/10_000, 1) {
			kinds = append(kinds, s.kind)
		}
	}
	for len(kinds) < n {
		kinds = append(kinds, Plain)
	}
	random.Shuffle(n, func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	for i, kind := range kinds {
		h.repos = append(h.repos, h.repository(random, i, kind))
	}
	slices.SortFunc(h.repos, func(a, b Repository) int { return strings.Compare(a.Name, b.Name) })
	var could []int // be mirrored
	for i := range h.repos {
		r := &h.repos[i]
		h.byName[r.Name] = i
		if r.Kind == Plain || r.Kind == Several {
			could = append(could, r.image)
		}
	}
	for i := range h.repos {
		if r := &h.repos[i]; r.Kind == Mirror {
			// Of some there are many copies.
			r.image = could[int(float64(len(could))*random.Float64()*random.Float64())]
		}
	}
}

func (h *Hub) repository(random *rand.Rand, i int, kind Kind) Repository {
	r := Repository{Kind: kind, image: -1, then: -1, Tag: "latest"}
	name := fmt.Sprintf("%s-%05d", words[random.IntN(len(words))], i)
	switch n := random.IntN(100); {
	case n < 2:
		r.Class, r.Name = Official, "library/"+name
	case n < 10:
		r.Class, r.Name = Verified, publishers[random.IntN(len(publishers))]+"/"+name
	default:
		r.Class, r.Name = Community, fmt.Sprintf("user%d/%s", random.IntN(400), name)
	}
	// Most are hardly ever pulled, and few very often.
	r.Pulls = int64(1/(random.Float64()+1e-9)) * int64(1+random.IntN(20))
	if r.Class != Community {
		r.Pulls *= 10_000
	}
	r.Stars = r.Pulls / 1000
	r.Updated = today.AddDate(0, 0, -random.IntN(2500)).Add(time.Duration(random.IntN(86_400)) * time.Second)
	r.Description = "A repository of " + name + ", which never was."
	if kind == Empty {
		r.Tag = ""
		return r
	}
	if random.IntN(10) == 0 || kind == Loop || kind == Many { // of these the list is asked for
		r.Tag = "2.0"
	}
	for v := range random.IntN(4) {
		r.tags = append(r.tags, fmt.Sprintf("1.%d", v))
	}
	r.image = h.design(random, kind)
	if kind == Moved {
		r.then = h.design(random, Plain)
	}
	return r
}

var publishers = []string{"acme", "bigcorp", "datafirm", "netware", "opsworks"}

var words = []string{
	"api", "app", "backend", "blog", "bot", "builder", "cache", "chat", "client", "cron", "dashboard", "data", "db", "demo", "django", "env", "etl",
	"exporter", "flask", "front", "gateway", "go", "hello", "jenkins", "job", "lab", "lamp", "learn", "mail", "metrics", "ml", "nginx", "node",
	"notes", "php", "portal", "proxy", "python", "queue", "react", "redis", "runner", "server", "shop", "site", "spark", "test", "tool", "web", "worker",
}
