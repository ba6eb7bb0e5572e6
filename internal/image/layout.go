package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/detonaut/detonaut"
)

// files are the files of a layout or archive, by slash-separated name.
type files interface {
	// open opens a regular file and says how long it is. A file that is not
	// there is fs.ErrNotExist.
	open(name string) (io.ReadCloser, int64, error)
	Close() error
}

// layout is an OCI image layout, in a directory or in a tar.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
type layout struct {
	files
	tag string
	// top is the index around the entries of index.json, if those are one image
	// for several platforms.
	top []byte
}

const (
	// refName is the annotation with which index.json tags an image.
	refName = "org.opencontainers.image.ref.name"
	// layoutIndex is the name of the file that lists a layout's images.
	layoutIndex = "index.json"
)

func openLayoutDir(dir, tag string) (source, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open directory %q: %w", dir, detonaut.ErrNotFound)
	} else if err != nil {
		return nil, err
	}
	return &layout{files: dirFiles{root}, tag: tag}, nil
}

// dirFiles are files in a directory, which no name and no link leaves.
type dirFiles struct{ root *os.Root }

func (d dirFiles) open(name string) (io.ReadCloser, int64, error) {
	// Otherwise to open a FIFO would wait for its writer.
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file: %w", name, detonaut.ErrCorrupt)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, fi.Size(), nil
}

func (d dirFiles) Close() error { return d.root.Close() }

// head finds the wanted image in index.json.
func (l *layout) head(context.Context) (v1.Descriptor, error) {
	raw, err := readFile(l, layoutIndex, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return v1.Descriptor{}, fmt.Errorf("no %s: not an OCI image layout: %w", layoutIndex, detonaut.ErrNotFound)
	} else if err != nil {
		return v1.Descriptor{}, err
	}
	if err := checkKeys(raw); err != nil {
		return v1.Descriptor{}, fmt.Errorf("parse %s: %w", layoutIndex, err)
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("parse %s: %s: %w", layoutIndex, clean(err), detonaut.ErrCorrupt)
	}
	var found []v1.Descriptor
	var tags []string
	for _, d := range index.Manifests {
		t := d.Annotations[refName]
		if isAttestation(d) || l.tag != "" && t != l.tag {
			continue
		}
		if !slices.ContainsFunc(found, func(f v1.Descriptor) bool { return f.Digest == d.Digest }) {
			found = append(found, d)
		}
		if t != "" && !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && l.tag != "":
		return v1.Descriptor{}, fmt.Errorf("tag %q of %s: %w", l.tag, layoutIndex, detonaut.ErrNotFound)
	case len(found) == 0:
		return v1.Descriptor{}, fmt.Errorf("%s lists no image: %w", layoutIndex, detonaut.ErrNotFound)
	case len(tags) > 1 || len(tags) == 1 && l.tag == "":
		return v1.Descriptor{}, fmt.Errorf("%s lists %d images, tagged %s: name one of them: %w",
			layoutIndex, len(found), cleanList(tags), detonaut.ErrUsage)
	}
	// The builds of one image for several platforms, without an index around
	// them: this is that index.
	l.top, err = json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: found})
	if err != nil {
		return v1.Descriptor{}, err
	}
	h, n, err := v1.SHA256(bytes.NewReader(l.top))
	return v1.Descriptor{Digest: h, Size: n, MediaType: types.OCIImageIndex}, err
}

func (l *layout) manifest(_ context.Context, d v1.Descriptor) ([]byte, error) {
	if l.top != nil {
		if h, _, err := v1.SHA256(bytes.NewReader(l.top)); err == nil && h == d.Digest {
			return l.top, nil
		}
	}
	raw, err := readFile(l, blobPath(d.Digest), maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("manifest %s is not in the layout: %w", d.Digest, detonaut.ErrNotFound)
	}
	return raw, err
}

func (l *layout) blob(_ context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	r, _, err := l.open(blobPath(d.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s is not in the layout: %w", d.Digest, detonaut.ErrNotFound)
	}
	return r, err
}

func blobPath(h v1.Hash) string { return path.Join("blobs", h.Algorithm, h.Hex) }

// readFile reads a whole file of at most limit bytes.
func readFile(f files, name string, limit int64) (_ []byte, err error) {
	r, size, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if size > limit {
		return nil, fmt.Errorf("%s: %w", name, over("bytes", limit))
	}
	data, err := limited(r, limit)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// isAttestation reports whether an entry of an index describes a build rather
// than being an image: BuildKit puts them beside the images.
func isAttestation(d v1.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" ||
		d.Platform != nil && d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown"
}

// cleanList joins strings of the subject, not too many of them.
func cleanList(list []string) string {
	const most = 20
	var out []string
	for i, s := range list {
		if i == most {
			out = append(out, fmt.Sprintf("and %d more", len(list)-most))
			break
		}
		out = append(out, cleanString(s))
	}
	return strings.Join(out, ", ")
}
