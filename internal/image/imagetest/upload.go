package imagetest

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Upload pushes an image to a registry that is none of ours, under ref, over HTTP if it is on
// loopback.
func Upload(ref string, img v1.Image) error {
	r, err := name.ParseReference(ref)
	if err == nil {
		err = remote.Write(r, img)
	}
	if err != nil {
		return fmt.Errorf("upload %s: %w", ref, err)
	}
	return nil
}

// UploadIndex pushes an index and everything below it as [Upload] does.
func UploadIndex(ref string, index v1.ImageIndex) error {
	r, err := name.ParseReference(ref)
	if err == nil {
		err = remote.WriteIndex(r, index)
	}
	if err != nil {
		return fmt.Errorf("upload %s: %w", ref, err)
	}
	return nil
}
