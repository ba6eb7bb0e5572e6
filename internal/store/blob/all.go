package blob

import (
	"context"
	"fmt"
	"io/fs"
)

// PutAll keeps the files of a file system, but for those of the names in but, and returns the
// SHA-256 of each by its name. After an error some of them may be kept.
func (b *Blobs) PutAll(ctx context.Context, fsys fs.FS, but ...string) (sums map[string]string, err error) {
	left := make(map[string]bool, len(but))
	for _, name := range but {
		left[name] = true
	}
	sums = map[string]string{}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || left[name] {
			return err
		}
		f, err := fsys.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		sums[name], _, err = b.Put(ctx, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keep artifacts: %w", err)
	}
	return sums, nil
}
