package image

import (
	"context"
	"time"

	"github.com/detonaut/detonaut"
)

// Content is what is under a manifest.
type Content string

// Contents.
const (
	ContentImage       Content = "image"
	ContentChart       Content = "helm chart"
	ContentSignature   Content = "signature"
	ContentAttestation Content = "attestation"
	ContentSBOM        Content = "sbom"
	ContentWasm        Content = "wasm"
	ContentOther       Content = "artifact"
)

// Seen is what a registry has under a ref for one platform, as far as its manifests tell. Its
// strings are the registry's, bounded and cleaned.
type Seen struct {
	Digest   detonaut.Digest // of the manifest
	Platform string          // empty if it is not told, as of most that is no image
	// Size is that of all layers as transferred, Created when it claims to be built, Type the media type
	// of its config, or its artifact type. They are known of what was read.
	Size    int64
	Created time.Time
	Type    string
	Content Content
	// Read tells whether its manifest was read. Err is why it could not be.
	Read bool
	Err  error
}

// Look looks what is under a ref without pulling a layer. With an index choose is called with what
// that says, and returns those whose manifests and configs are to be read; nil chooses all. No
// more than 16 are read. The errors are those of [Pull].
func Look(ctx context.Context, ref detonaut.Ref, choose func([]Seen) []Seen, o Options) ([]Seen, error) {
	return nil, detonaut.ErrUnsupported
}

// Tags lists the tags of a repository ("registry/repository"), in the order of the registry. They
// are not all if cut is not empty, which then says why. The errors are those of [Pull].
func Tags(ctx context.Context, repository string, most int, o Options) (tags []string, cut string, err error) {
	return nil, "", detonaut.ErrUnsupported
}

// Repositories lists those of a registry, at most n after last, and what last is for the next; it is
// empty at the end. The errors are those of [Pull].
func Repositories(ctx context.Context, host, last string, n int, o Options) (names []string, next string, err error) {
	return nil, "", detonaut.ErrUnsupported
}
