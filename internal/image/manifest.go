package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/regclient/regclient/types/platform"

	"github.com/detonaut/detonaut"
)

const (
	// maxManifest is how long registries must let a manifest be, in bytes.
	// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
	maxManifest = 4 << 20
	// maxIndexDepth and maxIndexReads bound how deep indexes nest, and how many
	// are read to find one platform.
	maxIndexDepth = 4
	maxIndexReads = 16
	// maxLayers bounds the layers of an image. Overlay file systems take 128 or
	// 500 of them, which is what limits real images.
	maxLayers = 1000

	dockerLayerZstd types.MediaType = "application/vnd.docker.image.rootfs.diff.tar.zstd"
)

var (
	indexTypes    = []types.MediaType{types.OCIImageIndex, types.DockerManifestList}
	manifestTypes = []types.MediaType{types.OCIManifestSchema1, types.DockerManifestSchema2}
	// What follows the first two was written by old registries and clients, and
	// Docker still runs those images: whether it is a config shows when it is
	// parsed. https://github.com/distribution/distribution/issues/1621
	configTypes = []types.MediaType{
		types.OCIConfigJSON, types.DockerConfigJSON,
		"application/octet-stream", "application/json", "text/html", "",
	}
	layerTypes = []types.MediaType{
		types.OCIUncompressedLayer, types.OCILayer, types.OCILayerZStd,
		types.DockerUncompressedLayer, types.DockerLayer, dockerLayerZstd,
	}
)

// document is a manifest or an index, verified against its digest.
type document struct {
	digest  v1.Hash
	raw     []byte
	isIndex bool
}

// readDocument reads and verifies the manifest or index d.
func readDocument(ctx context.Context, src source, d v1.Descriptor) (document, error) {
	if err := checkAlgorithm("manifest", d.Digest); err != nil {
		return document{}, err
	}
	raw, err := src.manifest(ctx, d)
	if err != nil {
		return document{}, err
	}
	h, n, err := v1.SHA256(bytes.NewReader(raw))
	switch {
	case err != nil:
		return document{}, err
	case h != d.Digest:
		return document{}, fmt.Errorf("manifest %s: has digest %s: %w", d.Digest, h, detonaut.ErrCorrupt)
	case d.Size > 0 && n != d.Size:
		return document{}, fmt.Errorf("manifest %s: %d bytes instead of %d: %w", h, n, d.Size, detonaut.ErrCorrupt)
	}
	if err := checkKeys(raw); err != nil {
		return document{}, fmt.Errorf("manifest %s: %w", h, err)
	}
	isIndex, err := documentKind(raw, d.MediaType)
	if err != nil {
		return document{}, fmt.Errorf("manifest %s: %w", h, err)
	}
	return document{digest: h, raw: raw, isIndex: isIndex}, nil
}

// documentKind tells an index from a manifest. The two must not be mistaken for
// each other: whoever reads the bytes as the other sees another image.
// https://github.com/opencontainers/image-spec/security/advisories/GHSA-77vh-xpmg-72qh
func documentKind(raw []byte, claimed types.MediaType) (isIndex bool, err error) {
	var b struct {
		SchemaVersion             int
		MediaType                 types.MediaType
		Config, Layers, Manifests json.RawMessage
		FSLayers                  json.RawMessage
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return false, fmt.Errorf("parse: %s: %w", clean(err), detonaut.ErrCorrupt)
	}
	if b.SchemaVersion == 1 || b.FSLayers != nil {
		return false, unsupported("manifest", types.DockerManifestSchema1)
	}
	kind := b.MediaType
	if kind == "" {
		kind = claimed
	}
	switch {
	case b.MediaType != "" && claimed != "" && b.MediaType != claimed:
		return false, fmt.Errorf("mediaType: %s, but it was announced as %s: %w",
			cleanString(string(b.MediaType)), cleanString(string(claimed)), detonaut.ErrCorrupt)
	case kind == "":
		isIndex = b.Manifests != nil
	case slices.Contains(indexTypes, kind):
		isIndex = true
	case !slices.Contains(manifestTypes, kind):
		return false, unsupported("manifest", kind)
	}
	if isIndex && (b.Layers != nil || b.Config != nil) || !isIndex && b.Manifests != nil {
		return false, fmt.Errorf("both a manifest and an index: %w", detonaut.ErrCorrupt)
	}
	return isIndex, nil
}

// checkAlgorithm refuses digests of other algorithms, which are rare: bytes that
// they name are not corrupt, but nothing here can tell.
func checkAlgorithm(what string, h v1.Hash) error {
	switch h.Algorithm {
	case "sha256":
		return nil
	case "":
		return fmt.Errorf("%s has no digest: %w", what, detonaut.ErrCorrupt)
	default:
		return fmt.Errorf("%s has a digest by %q, not sha256: %w", what, h.Algorithm, detonaut.ErrUnsupported)
	}
}

// foreignError is that of something of a media type that is not read.
type foreignError struct {
	what      string
	mediaType types.MediaType
}

func (e *foreignError) Error() string {
	return fmt.Sprintf("%s has media type %q: ", e.what, cleanString(string(e.mediaType))) + detonaut.ErrUnsupported.Error()
}

func (e *foreignError) Unwrap() error { return detonaut.ErrUnsupported }

func unsupported(what string, t types.MediaType) error { return &foreignError{what, t} }

// picker finds the image of one platform in an index.
type picker struct {
	src  source
	want platform.Platform
	// reads counts the indexes that were read.
	reads int
	// seen are the platforms that there are.
	seen []string
}

// pick returns the manifest of the wanted platform that d is, or leads to.
func (p *picker) pick(ctx context.Context, d v1.Descriptor, depth int) (document, error) {
	if depth > maxIndexDepth {
		return document{}, fmt.Errorf("index %s: %w", d.Digest, over("levels of indexes", maxIndexDepth))
	}
	if p.reads++; p.reads > maxIndexReads {
		return document{}, fmt.Errorf("index %s: %w", d.Digest, over("manifests to find one platform", maxIndexReads))
	}
	doc, err := readDocument(ctx, p.src, d)
	if err != nil || !doc.isIndex {
		return doc, err
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(doc.raw))
	if err != nil {
		return document{}, fmt.Errorf("index %s: parse: %s: %w", d.Digest, clean(err), detonaut.ErrCorrupt)
	}
	for _, next := range p.candidates(index.Manifests) {
		found, err := p.pick(ctx, next, depth+1)
		if !errors.Is(err, detonaut.ErrPlatform) {
			return found, err
		}
	}
	return document{}, fmt.Errorf("wanted %s, there is %s: %w", p.want, p.list(), detonaut.ErrPlatform)
}

// candidates are the entries of an index to look at, the best one first: the
// image that matches best, then indexes, then an only image that does not say
// its platform.
func (p *picker) candidates(entries []v1.Descriptor) (list []v1.Descriptor) {
	var best *v1.Descriptor
	var nested, silent []v1.Descriptor
	compare := platform.NewCompare(p.want)
	var bestPlatform platform.Platform
	for i, d := range entries {
		if isAttestation(d) {
			continue
		}
		isIndex := slices.Contains(indexTypes, d.MediaType)
		switch {
		case d.Platform == nil || d.Platform.OS == "":
			if isIndex {
				nested = append(nested, d)
			} else if slices.Contains(manifestTypes, d.MediaType) {
				silent = append(silent, d)
			}
		default:
			has := platform.Platform{OS: d.Platform.OS, Architecture: d.Platform.Architecture, Variant: d.Platform.Variant}
			if s := cleanString(has.String()); !slices.Contains(p.seen, s) {
				p.seen = append(p.seen, s)
			}
			if compare.Compatible(has) && (best == nil || compare.Better(has, bestPlatform)) {
				best, bestPlatform = &entries[i], has
			}
		}
	}
	if best != nil {
		list = append(list, *best)
	}
	list = append(list, nested...)
	if len(silent) == 1 {
		list = append(list, silent...)
	}
	return list
}

// list says which platforms there are.
func (p *picker) list() string {
	if len(p.seen) == 0 {
		return "none"
	}
	slices.Sort(p.seen)
	return cleanList(p.seen)
}

// parseManifest reads the manifest of an image and refuses what is no image
// that can be run.
func parseManifest(doc document, caps Caps) (*v1.Manifest, error) {
	m, err := v1.ParseManifest(bytes.NewReader(doc.raw))
	if err != nil {
		return nil, fmt.Errorf("manifest %s: parse: %s: %w", doc.digest, clean(err), detonaut.ErrCorrupt)
	}
	if !slices.Contains(configTypes, m.Config.MediaType) {
		return nil, unsupported("config", m.Config.MediaType)
	}
	if m.Config.Size <= 0 {
		return nil, fmt.Errorf("config of %d bytes: %w", m.Config.Size, detonaut.ErrCorrupt)
	}
	if m.Config.Size > maxConfig {
		return nil, fmt.Errorf("config: %w", over("bytes", maxConfig))
	}
	if err := checkAlgorithm("config", m.Config.Digest); err != nil {
		return nil, err
	}
	if len(m.Layers) == 0 {
		return nil, fmt.Errorf("manifest %s: layers: there are none: %w", doc.digest, detonaut.ErrCorrupt)
	}
	if len(m.Layers) > maxLayers {
		return nil, fmt.Errorf("manifest %s: layers: %w", doc.digest, over("layers", maxLayers))
	}
	var total int64
	for i, l := range m.Layers {
		what := fmt.Sprintf("layer %d", i+1)
		if !slices.Contains(layerTypes, l.MediaType) {
			if strings.Contains(string(l.MediaType), "encrypted") {
				what = "encrypted " + what
			}
			return nil, unsupported(what, l.MediaType)
		}
		if err := checkAlgorithm(what, l.Digest); err != nil {
			return nil, err
		}
		if l.Size <= 0 {
			return nil, fmt.Errorf("%s: size %d: %w", what, l.Size, detonaut.ErrCorrupt)
		}
		if l.Size > caps.CompressedBytes-total {
			return nil, fmt.Errorf("%s: %w", what, over("compressed bytes", caps.CompressedBytes))
		}
		total += l.Size
	}
	return m, nil
}
