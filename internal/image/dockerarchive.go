package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/detonaut/detonaut"
)

// dockerArchive is what "docker save" writes, old and new: a manifest.json that
// names a config and layers in the same tar. It has no image manifest that
// could be digested, so one is made here, always the same for the same archive:
// a layer that is not compressed has its diffID for a digest.
// https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md
type dockerArchive struct {
	*tarFiles
	top   v1.Descriptor
	raw   []byte
	names map[v1.Hash]string
}

// savedIndex is the file that lists the images of an archive.
const savedIndex = "manifest.json"

func newDockerArchive(t *tarFiles) (*dockerArchive, error) {
	d := &dockerArchive{tarFiles: t, names: map[v1.Hash]string{}}
	saved, err := d.saved()
	if err != nil {
		return nil, err
	}
	config, err := readFile(t, saved.Config, maxConfig)
	if err != nil {
		return nil, inArchive("config", saved.Config, err)
	}
	c, err := v1.ParseConfigFile(bytes.NewReader(config))
	if err != nil {
		return nil, fmt.Errorf("parse config: %s: %w", clean(err), detonaut.ErrCorrupt)
	}
	if len(saved.Layers) != len(c.RootFS.DiffIDs) {
		return nil, fmt.Errorf("%s lists %d layers, the config %d diff_ids: %w",
			savedIndex, len(saved.Layers), len(c.RootFS.DiffIDs), detonaut.ErrCorrupt)
	}
	h, n, err := v1.SHA256(bytes.NewReader(config))
	if err != nil {
		return nil, err
	}
	d.names[h] = saved.Config
	m := v1.Manifest{
		SchemaVersion: 2, MediaType: types.DockerManifestSchema2,
		Config: v1.Descriptor{MediaType: types.DockerConfigJSON, Digest: h, Size: n},
	}
	for i, name := range saved.Layers {
		l, err := d.describe(name, c.RootFS.DiffIDs[i])
		if err != nil {
			return nil, inArchive(fmt.Sprintf("layer %d", i+1), name, err)
		}
		d.names[l.Digest] = name
		m.Layers = append(m.Layers, l)
	}
	if d.raw, err = json.Marshal(m); err != nil {
		return nil, err
	}
	h, n, err = v1.SHA256(bytes.NewReader(d.raw))
	d.top = v1.Descriptor{MediaType: m.MediaType, Digest: h, Size: n}
	return d, err
}

// saved reads manifest.json, which must name one image.
func (d *dockerArchive) saved() (tarball.Descriptor, error) {
	raw, err := readFile(d, savedIndex, maxManifest)
	if err != nil {
		return tarball.Descriptor{}, inArchive("list of images", savedIndex, err)
	}
	if err := checkKeys(raw); err != nil {
		return tarball.Descriptor{}, fmt.Errorf("parse %s: %w", savedIndex, err)
	}
	var list tarball.Manifest
	if err := json.Unmarshal(raw, &list); err != nil {
		return tarball.Descriptor{}, fmt.Errorf("parse %s: %s: %w", savedIndex, clean(err), detonaut.ErrCorrupt)
	}
	var tags []string
	for _, e := range list {
		tags = append(tags, e.RepoTags...)
	}
	if len(list) == 0 {
		return tarball.Descriptor{}, fmt.Errorf("%s lists no image: %w", savedIndex, detonaut.ErrNotFound)
	}
	if slices.ContainsFunc(list, func(e tarball.Descriptor) bool { return e.Config != list[0].Config }) {
		return tarball.Descriptor{}, fmt.Errorf("archive of %d images, tagged %s: save one alone: %w",
			len(list), cleanList(tags), detonaut.ErrUsage)
	}
	return list[0], nil
}

// describe makes the descriptor of a layer.
func (d *dockerArchive) describe(name string, diffID v1.Hash) (v1.Descriptor, error) {
	r, size, err := d.open(name)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer r.Close()
	l := v1.Descriptor{MediaType: types.DockerUncompressedLayer, Digest: diffID, Size: size}
	head := make([]byte, len(zstdMagic))
	if _, err := io.ReadFull(r, head); err != nil {
		return l, nil // too short to be compressed
	}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		l.MediaType = types.DockerLayer
	case bytes.HasPrefix(head, zstdMagic):
		l.MediaType = dockerLayerZstd
	default:
		return l, nil
	}
	if dir, base := path.Split(archiveName(name)); dir == "blobs/sha256/" && hexRE.MatchString(base) {
		l.Digest = v1.Hash{Algorithm: "sha256", Hex: base}
		return l, nil
	}
	l.Digest, _, err = v1.SHA256(io.MultiReader(bytes.NewReader(head), r))
	return l, err
}

func (d *dockerArchive) head(context.Context) (v1.Descriptor, error) { return d.top, nil }

func (d *dockerArchive) manifest(_ context.Context, want v1.Descriptor) ([]byte, error) {
	if want.Digest != d.top.Digest {
		return nil, fmt.Errorf("manifest %s: %w", want.Digest, detonaut.ErrNotFound)
	}
	return d.raw, nil
}

func (d *dockerArchive) blob(_ context.Context, want v1.Descriptor) (io.ReadCloser, error) {
	r, _, err := d.open(d.names[want.Digest])
	return r, err
}

// inArchive says which part of an archive could not be read.
func inArchive(what, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("not in the archive: %w", detonaut.ErrCorrupt)
	}
	return fmt.Errorf("%s %s: %w", what, cleanString(name), err)
}

// sniffArchive says what is in a tar. One that is both, as new Dockers write
// it, is read as Docker's.
func sniffArchive(t *tarFiles) (scheme, error) {
	switch {
	case t.has(savedIndex):
		return fromDockerArchive, nil
	case t.has(layoutIndex):
		return fromOCIArchive, nil
	}
	return "", fmt.Errorf("archive has neither %s (docker save) nor %s (OCI layout): %w", savedIndex, layoutIndex, detonaut.ErrUnsupported)
}
