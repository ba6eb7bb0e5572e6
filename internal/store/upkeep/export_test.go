package upkeep

import (
	"context"
	"io"
)

// ImportTar is Import of what is not compressed.
func (h Home) ImportTar(ctx context.Context, r io.Reader) (Moved, error) {
	i := &importer{Home: h}
	err := i.read(ctx, r)
	return i.moved, err
}
