package image

import (
	"fmt"
	"io"
	"io/fs"

	"github.com/erofs/go-erofs"
)

// OpenFS reads a flattened image. Symbolic links are resolved inside it. It may
// be used from several goroutines; r must stay open, and stays the caller's.
func OpenFS(r io.ReaderAt) (fs.FS, error) {
	fsys, err := erofs.Open(r)
	if err != nil {
		return nil, fmt.Errorf("open erofs image: %w", err)
	}
	return fsys, nil
}
