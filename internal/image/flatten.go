package image

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/detonaut/detonaut"
)

// blob is one layer still to be read.
type blob struct {
	detonaut.Layer
	// Open streams the blob as transferred, compressed. It is called once.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// flatten merges layers, base first, into an EROFS image on out and returns the
// index of its files. It opens the layers one after the other, and reads each
// to its end. What out holds after an error is of no use.
func flatten(ctx context.Context, layers []blob, caps Caps, out *os.File) (*Index, error) {
	return nil, errors.ErrUnsupported
}
