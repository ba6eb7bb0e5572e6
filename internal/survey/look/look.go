// Package look decides which images of a repository a survey analyses, and why not the others,
// before a byte of a layer is pulled.
package look

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/source"
)

const (
	// maxTags is how many tags of a repository are looked at, maxListed how many are listed to choose from.
	maxTags   = 200
	maxListed = 10_000
	latest    = "latest"
	// standard is the platform that is wanted when none is named.
	standard = "linux/amd64"
)

// Options say how repositories are looked at.
type Options struct {
	// Image says how registries are spoken to.
	Image image.Options
	// Newest returns the newest tags of a repository, of a source that knows times: see
	// [source.Newest]. Nil is none.
	Newest func(ctx context.Context, registry, repository string, n int) ([]source.Tag, error)
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
	if err == nil && len(tags) == 0 {
		return nil, store.ReasonImageless, nil
	}
	for _, tag := range tags {
		var found []store.Item
		if found, err = l.tag(ctx, tag); err != nil {
			break
		}
		items = append(items, found...)
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
}

func (l *looker) ref(suffix string) detonaut.Ref {
	return detonaut.Ref(l.c.Registry + "/" + l.c.Name + suffix)
}

// tag looks what is under a tag, or under a digest in its place.
func (l *looker) tag(ctx context.Context, tag source.Tag) ([]store.Item, error) {
	if known, ok := l.looked[tag.Digest]; ok && tag.Digest != "" {
		return renamed(known, tag), nil
	}
	ref, missing := l.ref(":"+tag.Name), store.ReasonTag
	if tag.Name == "" {
		ref, missing = l.ref("@"+string(tag.Digest)), store.ReasonGone
	}
	seen, err := image.Look(ctx, ref, l.choose, l.o.Image)
	if err != nil {
		reason := Reason(err)
		switch reason {
		case "":
			return nil, err
		case store.ReasonGone:
			reason = missing
		}
		return []store.Item{l.skipped(tag, reason)}, nil
	}
	items := l.items(tag, seen)
	if tag.Digest != "" {
		l.looked[tag.Digest] = items
	}
	return items, nil
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
	if i.Pushed.IsZero() {
		i.Pushed = time.Time{}
	}
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
	n := l.choice.Tags
	switch {
	case n == 0:
		return l.latest(ctx)
	case n < 0:
		return l.all(ctx)
	}
	tags, err = l.newest(ctx, min(n, maxTags))
	return tags, n > maxTags && len(tags) >= maxTags, err
}

// latest is that tag, or the newest where there is none.
func (l *looker) latest(ctx context.Context) ([]source.Tag, bool, error) {
	_, err := image.Look(ctx, l.ref(":"+latest), func([]image.Seen) []image.Seen { return nil }, l.o.Image)
	if r := Reason(err); err == nil || r != "" && r != store.ReasonGone && r != store.ReasonRefused {
		return []source.Tag{{Name: latest}}, false, nil
	} else if r == "" {
		return nil, false, err
	}
	tags, err := l.newest(ctx, 1)
	return tags, false, err
}

// newest are the last tags that were pushed, or those that are last by their order.
func (l *looker) newest(ctx context.Context, n int) ([]source.Tag, error) {
	if l.o.Newest != nil {
		tags, err := l.o.Newest(ctx, l.c.Registry, l.c.Name, n)
		var busy *detonaut.Busy
		switch {
		case err == nil && (len(tags) >= n || len(tags) < 100):
			return tags, nil
		case errors.As(err, &busy) || ctx.Err() != nil:
			return nil, err
		}
		// Whatever it was: the registry knows its tags, too.
	}
	tags, _, err := l.listed(ctx)
	return tags[:min(n, len(tags))], err
}

// all are all tags, as far as they are looked at.
func (l *looker) all(ctx context.Context) ([]source.Tag, bool, error) {
	tags, more, err := l.listed(ctx)
	if len(tags) > maxTags {
		tags, more = tags[:maxTags], true
	}
	return tags, more, err
}

// listed are the tags that the registry lists, the newest first by their order.
func (l *looker) listed(ctx context.Context) (tags []source.Tag, more bool, err error) {
	names, cut, err := image.Tags(ctx, string(l.ref("")), maxListed, l.o.Image)
	if err != nil {
		return nil, false, err
	}
	slices.SortFunc(names, func(a, b string) int { return Compare(b, a) })
	for _, n := range names {
		tags = append(tags, source.Tag{Name: n})
	}
	return tags, cut != "", nil
}
