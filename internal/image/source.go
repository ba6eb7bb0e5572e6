package image

import (
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
)

// source is where the bytes of one reference come from. Nothing that it returns
// is verified yet.
type source interface {
	// head says what the reference names at this moment. Only its Digest is
	// always there, and pins the image; Size and MediaType may be zero.
	head(ctx context.Context) (v1.Descriptor, error)
	// manifest reads a manifest or index: at most maxManifest bytes of it.
	manifest(ctx context.Context, d v1.Descriptor) ([]byte, error)
	// blob streams a config or a layer.
	blob(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error)
	// Close frees what the source holds. Every stream must be closed before.
	Close() error
}

// open finds the source of r.
func (p *puller) open(ctx context.Context, r reference) (source, error) {
	switch r.scheme {
	case fromRegistry:
		return newRegistry(ctx, p.giveUp, r.remote, p.options), nil
	case fromOCIDir:
		return openLayoutDir(r.path, r.tag)
	case fromDaemon:
		return p.openDaemon(ctx, r.path)
	case fromStdin:
		if p.options.Stdin == nil {
			return nil, fmt.Errorf("read standard input: there is none: %w", detonaut.ErrUsage)
		}
		return p.openStream(ctx, p.options.Stdin, r.scheme)
	default:
		return p.openArchive(ctx, r.path, r.scheme)
	}
}

// limited reads all of r, of which at most limit bytes are allowed.
func limited(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, over("bytes", limit)
	}
	return data, nil
}
