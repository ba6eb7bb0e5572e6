// Package look decides which images of a repository a survey analyses, and why not the others,
// before a byte of a layer is pulled.
package look

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/source"
)

const (
	// maxTags is how many tags of a repository are looked at, maxListed how many are listed to choose from.
	maxTags   = 200
	maxListed = 10_000
	// maxNewest is how many the sources tell of at once that know the newest.
	maxNewest = 100
	latest    = "latest"
	// standard is the platform that is wanted when none is named.
	standard = "linux/amd64"
)

// Options say how repositories are looked at.
type Options struct {
	// Image says how registries are spoken to.
	Image image.Options
	// Newest returns the newest tags of a repository, of a source that knows times, and whether these are
	// all: see [source.Newest]. Nil is none.
	Newest func(ctx context.Context, registry, repository string, n int) (tags []source.Tag, whole bool, err error)
}

// Repository looks what is under the tags of a repository that are chosen, or that it wants. Every item
// is ready or has a reason, in the order of tags and then of platforms; a repository with a reason has none.
//
// The newest tags are the last that were pushed, if the source tells; else "latest" is, and then what is
// last in the order of versions. No more than 200 are looked at: an item without a tag stands for all others.
//
// The error is ours, of the network, or [*detonaut.Busy]: all is to be done again.
func Repository(ctx context.Context, c store.Candidate, choice store.Choice, o Options) (items []store.Item, reason store.Reason, err error) {
	l := &looker{c: c, choice: choice, o: o, looked: map[detonaut.Digest][]store.Item{}}
	if len(l.choice.Platforms) == 0 {
		l.choice.Platforms = []string{standard}
	}
	tags, more, err := l.tags(ctx)
	if err == nil {
		items, err = l.all(ctx, tags)
	}
	if l.choice.Tags == 0 && len(c.Wanted) == 0 && len(items) == 1 && err == nil && slices.Contains(missing, items[0].Reason) {
		// There is no "latest", or nobody says so: then it is the newest.
		if tags = l.known; len(tags) == 0 {
			tags, _, err = l.listed(ctx)
		}
		if err == nil {
			items, err = l.all(ctx, tags[:min(1, len(tags))])
		}
	}
	if err == nil && len(items) == 0 {
		return nil, store.ReasonImageless, nil
	}
	if reason := Reason(err); reason != "" {
		return nil, reason, nil // of the whole repository
	}
	if err != nil {
		return nil, "", fmt.Errorf("look at %s/%s: %w", c.Registry, c.Name, err)
	}
	if more {
		items = append(items, l.skipped(source.Tag{}, store.ReasonMany))
	}
	return items, "", nil
}

// missing are the reasons of a tag that may not be there.
var missing = []store.Reason{store.ReasonGone, store.ReasonRefused}

// Ref is what is pulled for an item: its digest, whatever its tag has become since. That it is gone by
// then is [detonaut.ErrNotFound], whose [Reason] is [store.ReasonGone].
func Ref(i store.Item) detonaut.Ref {
	return detonaut.Ref(i.Name.Registry + "/" + i.Name.Repository + "@" + string(i.Digest))
}

// Reason says in a few words why something cannot be looked at or pulled, if it will be so another time, too;
// empty if it may not be.
func Reason(err error) store.Reason {
	if busy, ok := errors.AsType[*detonaut.Busy](err); ok && busy != nil {
		return ""
	}
	for _, r := range []struct {
		err    error
		reason store.Reason
	}{
		{detonaut.ErrNotFound, store.ReasonGone},
		{detonaut.ErrUnauthorized, store.ReasonRefused},
		{detonaut.ErrPlatform, store.ReasonPlatform},
		{detonaut.ErrUnsupported, store.ReasonFormat},
		{detonaut.ErrCorrupt, store.ReasonBroken},
		{detonaut.ErrUsage, store.ReasonBroken},
		{detonaut.ErrLimit, store.ReasonLarge},
	} {
		if errors.Is(err, r.err) {
			return r.reason
		}
	}
	return ""
}

// looker is one Repository.
type looker struct {
	c      store.Candidate
	choice store.Choice
	o      Options
	// looked are the items of digests that tags are told to have: many tags are one image.
	looked map[detonaut.Digest][]store.Item
	// known are the newest tags, the newest first, if the source knows.
	known []source.Tag
}

// all looks what is under some tags.
func (l *looker) all(ctx context.Context, tags []source.Tag) (items []store.Item, err error) {
	for _, tag := range tags {
		found, err := l.tag(ctx, tag)
		if err != nil {
			return nil, err
		}
		items = append(items, found...)
	}
	return items, nil
}

func (l *looker) ref(suffix string) detonaut.Ref {
	return detonaut.Ref(l.c.Registry + "/" + l.c.Name + suffix)
}

// tag looks what is under a tag, or under a digest in its place.
func (l *looker) tag(ctx context.Context, tag source.Tag) ([]store.Item, error) {
	if known, ok := l.looked[tag.Digest]; ok && tag.Digest != "" {
		return renamed(known, tag), nil
	}
	if len(tag.Images) > 0 {
		return l.told(tag), nil
	}
	ref := l.ref(":" + tag.Name)
	if tag.Name == "" {
		ref = l.ref("@" + string(tag.Digest))
	}
	seen, err := image.Look(ctx, ref, l.choose, l.o.Image)
	if err != nil {
		reason := Reason(err)
		if reason == "" {
			return nil, err
		}
		if reason == store.ReasonGone && tag.Name != "" && len(l.c.Wanted) > 0 {
			reason = store.ReasonTag
		}
		return []store.Item{l.skipped(tag, reason)}, nil
	}
	items := l.items(tag, seen)
	if tag.Digest != "" {
		l.looked[tag.Digest] = items
	}
	return items, nil
}

// told says what comes of a tag whose source tells what is under it: the registry is not asked.
func (l *looker) told(tag source.Tag) []store.Item {
	most := cmp.Or(l.o.Image.Caps.CompressedBytes, image.DefaultCaps().CompressedBytes)
	var seen []image.Seen
	for _, i := range tag.Images {
		s := image.Seen{Digest: i.Digest, Platform: i.Platform, Content: image.ContentImage, Size: i.Size}
		seen = append(seen, s)
	}
	chosen := l.choose(seen)
	for i := range seen {
		if seen[i].Read = slices.Contains(chosen, seen[i]); seen[i].Read && seen[i].Size > most {
			seen[i].Err = detonaut.ErrLimit
		}
	}
	return l.items(tag, seen)
}

// renamed are items as they are under another tag.
func renamed(items []store.Item, tag source.Tag) []store.Item {
	items = slices.Clone(items)
	for i := range items {
		items[i].Name.Tag, items[i].Pushed = tag.Name, tag.Pushed
	}
	return items
}

func (l *looker) item(tag source.Tag) store.Item {
	return store.Item{Name: store.Name{Registry: l.c.Registry, Repository: l.c.Name, Tag: tag.Name}, Pushed: tag.Pushed}
}

func (l *looker) skipped(tag source.Tag, why store.Reason) store.Item {
	i := l.item(tag)
	i.State, i.Reason = store.ItemSkipped, why
	return i
}

// choose picks what is wanted of an index, before it is read: for each platform the best that there is, or
// that of the first platform of which there is one. An only image that does not say its platform may be it.
func (l *looker) choose(there []image.Seen) (chosen []image.Seen) {
	var platforms []string
	var silent []image.Seen
	for i, s := range there {
		if s.Content != image.ContentImage || s.Err != nil {
			platforms = append(platforms, "")
			continue
		}
		if platforms = append(platforms, s.Platform); s.Platform == "" {
			silent = append(silent, there[i])
		}
	}
	for _, want := range l.choice.Platforms {
		i := image.BestPlatform(want, platforms)
		if i < 0 {
			continue
		}
		if chosen = append(chosen, there[i]); !l.choice.All {
			return chosen
		}
		platforms[i] = "" // it is for one of them
	}
	if len(chosen) == 0 && len(silent) == 1 {
		return silent
	}
	return chosen
}

// items says what comes of what is under a tag.
func (l *looker) items(tag source.Tag, seen []image.Seen) (items []store.Item) {
	for _, s := range seen {
		if !s.Read && (len(seen) > 1 || s.Err == nil) {
			continue // it was not chosen
		}
		items = append(items, l.judge(tag, s))
	}
	if len(items) > 0 {
		return items
	}
	// Nothing was chosen: it is said once, of all of it.
	i := l.skipped(tag, store.ReasonArtifact)
	for _, s := range seen {
		if s.Content == image.ContentImage && s.Err == nil {
			i.Reason = store.ReasonPlatform
		}
	}
	if len(seen) == 0 {
		i.Reason = store.ReasonBroken // an index of nothing
	}
	return []store.Item{i}
}

// judge says what comes of a manifest that was read.
func (l *looker) judge(tag source.Tag, s image.Seen) store.Item {
	i := l.item(tag)
	i.Digest, i.Platform, i.Size = s.Digest, s.Platform, s.Size
	switch {
	case s.Content != image.ContentImage:
		i.Reason = store.ReasonArtifact
	case s.Err != nil:
		if i.Reason = Reason(s.Err); i.Reason == "" {
			i.Reason = store.ReasonBroken
		}
	case !slices.ContainsFunc(l.choice.Platforms, func(want string) bool { return image.BestPlatform(want, []string{s.Platform}) == 0 }):
		i.Reason = store.ReasonPlatform
	}
	i.State = store.ItemReady
	if i.Reason != "" {
		i.State = store.ItemSkipped
	}
	return i
}

// tags are those to look at, the newest first, and whether there are more that would be.
func (l *looker) tags(ctx context.Context) (tags []source.Tag, more bool, err error) {
	if len(l.c.Wanted) > 0 {
		for _, w := range l.c.Wanted {
			if strings.HasPrefix(w, "sha256:") {
				tags = append(tags, source.Tag{Digest: detonaut.Digest(w)})
			} else {
				tags = append(tags, source.Tag{Name: w})
			}
		}
		return tags[:min(len(tags), maxTags)], len(tags) > maxTags, nil
	}
	known, whole, err := l.newest(ctx)
	if err != nil {
		return nil, false, err
	}
	l.known = known
	n := l.choice.Tags
	i := slices.IndexFunc(known, func(t source.Tag) bool { return t.Name == latest })
	switch {
	case n == 0 && i >= 0:
		return known[i : i+1], false, nil
	case n == 0 && !whole:
		return []source.Tag{{Name: latest}}, false, nil // if there is one
	case n == 0 && whole:
		return known[:min(1, len(known))], false, nil
	case n > 0 && (whole || len(known) >= n):
		return known[:min(n, len(known))], false, nil
	case n < 0 && whole:
		return known, false, nil
	}
	tags, more, err = l.listed(ctx)
	switch {
	case n > 0 && n <= maxTags:
		more = false // no more than these were wanted
	case n <= 0 || n > len(tags):
		n = len(tags)
	}
	n = min(n, len(tags))
	return tags[:min(n, maxTags)], more || n > maxTags, err
}

// newest are the last tags that were pushed, and whether these are all. Where nobody knows there are none.
func (l *looker) newest(ctx context.Context) ([]source.Tag, bool, error) {
	if l.o.Newest == nil {
		return nil, false, nil
	}
	tags, whole, err := l.o.Newest(ctx, l.c.Registry, l.c.Name, maxNewest)
	if _, busy := errors.AsType[*detonaut.Busy](err); busy || ctx.Err() != nil {
		return nil, false, err
	}
	if err != nil {
		return nil, false, nil //nolint:nilerr // whatever it was: the registry knows its tags, too
	}
	return tags, whole, nil
}

// listed are the tags that the registry lists, the newest first by their order, each as it is known.
func (l *looker) listed(ctx context.Context) (tags []source.Tag, more bool, err error) {
	names, cut, err := image.Tags(ctx, string(l.ref("")), maxListed, l.o.Image)
	if err != nil {
		return nil, false, err
	}
	slices.SortFunc(names, func(a, b string) int { return Compare(b, a) })
	byName := map[string]source.Tag{}
	for _, t := range l.known {
		byName[t.Name] = t
	}
	for _, n := range names {
		t, ok := byName[n]
		if !ok {
			t = source.Tag{Name: n}
		}
		tags = append(tags, t)
	}
	return tags, cut != "", nil
}
