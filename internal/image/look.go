package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/regclient/regclient/types/platform"

	"github.com/detonaut/detonaut"
)

// Seen is what a registry has under a ref for one platform, as far as its manifests tell. Its
// strings are the registry's, bounded and cleaned.
type Seen struct {
	Digest detonaut.Digest // of the manifest
	// Platform is that which the index names, or the config if there is none; empty if nobody does.
	Platform string
	// Type is the artifact type, or the media type of the config, of what was read; of an entry of an
	// index, what that says.
	Type    string
	Content Content
	// Read tells whether its manifest was read; Err is why it could not be, or is none of an image
	// that can be pulled: one of the errors of [Pull].
	Read bool
	Err  error
	// Size is that of all layers as transferred, in bytes. Created is when it claims to be built, if its
	// config was read, which only one is whose platform nobody else tells.
	Size    int64
	Created time.Time
}

// same tells whether two entries are one.
func (s Seen) same(other Seen) bool { return s.Digest == other.Digest && s.Platform == other.Platform }

const (
	// maxSeen bounds the entries of an index that are told of, maxLooks how many manifests are read.
	maxSeen  = 500
	maxLooks = 16
	// lookBudget bounds the requests of one Look: those for manifests and configs, for tokens, and some
	// that are sent again.
	lookBudget = 200
)

// Look looks what is under a ref without pulling a layer: first it asks for the digest alone, which Docker
// Hub does not count as a pull. With an index choose is called with what that says of each platform,
// and returns those whose manifests are to be read; nil chooses all. More than 16 are an
// error. The errors are those of [Pull].
func Look(ctx context.Context, ref detonaut.Ref, choose func([]Seen) []Seen, o Options) ([]Seen, error) {
	var seen []Seen
	err := ask(ctx, ref, o, lookBudget, func(ctx context.Context, src *registry) (err error) {
		seen, err = (&looker{src: src, choose: choose, caps: o.Caps.withDefaults()}).look(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", cleanString(string(ref)), err)
	}
	return seen, nil
}

// ask has do ask the registry of a ref, with so many requests at most.
func ask(ctx context.Context, typed detonaut.Ref, o Options, budget int32, do func(context.Context, *registry) error) error {
	ref, err := parseRef(typed)
	if err != nil {
		return err
	}
	if ref.scheme != fromRegistry {
		return errLocal
	}
	fill(&o.Silence, silence)
	fill(&o.backOff, backOff)
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	src := newRegistry(ctx, giveUp, ref.remote, o)
	src.wire.budget = budget
	err = do(ctx, src)
	return errors.Join(err, src.Close())
}

// looker is one Look.
type looker struct {
	src    source
	choose func([]Seen) []Seen
	caps   Caps
	reads  int
}

func (l *looker) look(ctx context.Context) ([]Seen, error) {
	top, err := l.src.head(ctx)
	if err != nil {
		return nil, err
	}
	d := detonaut.Digest(top.Digest.String())
	doc, err := l.read(ctx, top)
	if s, ok := isForeign(err); ok { // no manifest that anybody runs
		return []Seen{{Digest: d, Type: s, Content: ContentOther, Read: true}}, nil
	}
	if err != nil {
		return nil, err
	}
	if !doc.isIndex {
		s, err := l.manifest(ctx, doc, Seen{Digest: d})
		return []Seen{s}, err
	}
	seen, err := l.index(ctx, doc, 0)
	if err != nil {
		return nil, err
	}
	chosen := seen
	if l.choose != nil {
		chosen = l.choose(slices.Clone(seen))
	}
	if len(chosen) > maxLooks {
		return nil, over("manifests to look at", maxLooks)
	}
	for i := range seen {
		if !slices.ContainsFunc(chosen, seen[i].same) || seen[i].Err != nil {
			continue
		}
		if seen[i], err = l.entry(ctx, seen[i]); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

// read reads a document, if there may be one more.
func (l *looker) read(ctx context.Context, d v1.Descriptor) (document, error) {
	if l.reads++; l.reads > maxLooks+maxIndexReads {
		return document{}, over("manifests to look at", maxLooks+maxIndexReads)
	}
	return readDocument(ctx, l.src, d)
}

// index lists the entries of an index, and of those in it.
func (l *looker) index(ctx context.Context, doc document, depth int) (seen []Seen, err error) {
	if depth > maxIndexDepth {
		return nil, fmt.Errorf("index %s: %w", doc.digest, over("levels of indexes", maxIndexDepth))
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(doc.raw))
	if err != nil {
		return nil, fmt.Errorf("index %s: parse: %s: %w", doc.digest, clean(err), detonaut.ErrCorrupt)
	}
	for _, d := range index.Manifests {
		below := []Seen{ofDescriptor(d)}
		if slices.Contains(indexTypes, d.MediaType) && !isAttestation(d) {
			inner, err := l.read(ctx, d)
			if err == nil && inner.isIndex {
				below, err = l.index(ctx, inner, depth+1)
			}
			if err != nil && !isLasting(err) {
				return nil, err
			}
			if err != nil {
				below[0].Err = err
			}
		}
		for _, s := range below {
			if !slices.ContainsFunc(seen, s.same) {
				seen = append(seen, s)
			}
		}
		if len(seen) > maxSeen {
			return nil, fmt.Errorf("index %s: %w", doc.digest, over("manifests in an index", maxSeen))
		}
	}
	return seen, nil
}

// ofDescriptor is what an index says of an entry.
func ofDescriptor(d v1.Descriptor) Seen {
	s := Seen{Digest: detonaut.Digest(d.Digest.String()), Type: cleanString(d.ArtifactType), Content: contentOf(d.ArtifactType, "", nil)}
	if isAttestation(d) {
		s.Content = ContentAttestation
		return s
	}
	if d.Platform != nil {
		s.Platform = platformName(d.Platform.OS, d.Platform.Architecture, d.Platform.Variant)
		if d.Platform.Architecture == "wasm" {
			s.Content = ContentWasm
		}
	}
	if d.ArtifactType == "" && !slices.Contains(manifestTypes, d.MediaType) && !slices.Contains(indexTypes, d.MediaType) {
		s.Type, s.Content = cleanString(string(d.MediaType)), ContentOther
	}
	s.Err = checkAlgorithm("manifest", d.Digest)
	return s
}

// entry reads the manifest of an entry of an index.
func (l *looker) entry(ctx context.Context, s Seen) (Seen, error) {
	h, err := v1.NewHash(string(s.Digest))
	if err != nil {
		s.Err = fmt.Errorf("digest: %s: %w", clean(err), detonaut.ErrCorrupt)
		return s, nil
	}
	doc, err := l.read(ctx, v1.Descriptor{Digest: h})
	if t, ok := isForeign(err); ok {
		s.Type, s.Content, s.Read = t, ContentOther, true
		return s, nil
	}
	if err == nil && doc.isIndex {
		err = fmt.Errorf("manifest %s: an index in the place of a manifest: %w", h, detonaut.ErrCorrupt)
	}
	if err != nil {
		if isLasting(err) {
			s.Err, err = err, nil
		}
		return s, err
	}
	return l.manifest(ctx, doc, s)
}

// manifest says what is under a manifest that was read.
func (l *looker) manifest(ctx context.Context, doc document, s Seen) (Seen, error) {
	s.Read = true
	m, err := v1.ParseManifest(bytes.NewReader(doc.raw))
	if err != nil {
		s.Err = fmt.Errorf("manifest %s: parse: %s: %w", doc.digest, clean(err), detonaut.ErrCorrupt)
		if s.Content == "" {
			s.Content = ContentImage // as far as anybody can tell
		}
		return s, nil
	}
	s.Type = cleanString(string(m.Config.MediaType))
	if m.ArtifactType != "" {
		s.Type = cleanString(m.ArtifactType)
	}
	if c := contentOf(m.ArtifactType, m.Config.MediaType, m.Layers); c != ContentImage || s.Content == "" {
		s.Content = c
	}
	if s.Content != ContentImage {
		return s, nil
	}
	if m, s.Err = parseManifest(doc, l.caps); s.Err != nil {
		return s, nil //nolint:nilerr // it is that of what was seen
	}
	for _, layer := range m.Layers {
		s.Size += layer.Size
	}
	if s.Platform != "" {
		return s, nil
	}
	config, err := readConfig(ctx, l.src, m)
	switch {
	case err == nil:
		s.Platform, s.Created = config.Platform, config.Created
	case isLasting(err):
		s.Err, err = err, nil
	}
	return s, err
}

// isLasting tells whether an error is about what a registry has, and will be so another time.
func isLasting(err error) bool {
	for _, e := range []error{
		detonaut.ErrNotFound, detonaut.ErrUnauthorized, detonaut.ErrPlatform, detonaut.ErrUnsupported,
		detonaut.ErrCorrupt, detonaut.ErrLimit, detonaut.ErrUsage,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// isForeign tells whether an error is that of a manifest of a media type that is not read,
// and which.
func isForeign(err error) (mediaType string, ok bool) {
	f, ok := errors.AsType[*foreignError](err)
	if !ok || f.what != "manifest" || f.mediaType == types.DockerManifestSchema1 {
		return "", false
	}
	return cleanString(string(f.mediaType)), true
}

// platformName writes a platform; empty is one that makes no sense.
func platformName(system, architecture, variant string) string {
	s := system + "/" + architecture
	if variant != "" {
		s += "/" + variant
	}
	if !platformRE.MatchString(s) {
		return ""
	}
	return s
}

// BestPlatform is the index of that of some platforms which is the best for one that is wanted, as
// [Pull] chooses; -1 if none will do.
func BestPlatform(want string, there []string) int {
	wanted, err := parsePlatform(want)
	if err != nil {
		return -1
	}
	best, compare := -1, platform.NewCompare(wanted)
	var found platform.Platform
	for i, s := range there {
		p, err := platform.Parse(s)
		if s != "" && err == nil && compare.Compatible(p) && (best < 0 || compare.Better(p, found)) {
			best, found = i, p
		}
	}
	return best
}
