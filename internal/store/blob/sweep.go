package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"time"

	gcblob "gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Each calls f for every blob, sorted by hash, until it fails. What is put or deleted
// meanwhile may or may not be among them.
func (b *Blobs) Each(ctx context.Context, f func(Info) error) error {
	return b.list(ctx, func(o *gcblob.ListObject) error {
		sum := path.Base(o.Key)
		if name, ok := key(sum); !ok || name != o.Key {
			return nil
		}
		return f(Info{SHA256: sum, Size: o.Size, Put: o.ModTime})
	})
}

// list goes through everything by the first two digits: what is in a directory is read anew
// for each page of a list.
func (b *Blobs) list(ctx context.Context, f func(*gcblob.ListObject) error) error {
	for i := range 256 {
		all := b.bucket.List(&gcblob.ListOptions{Prefix: fmt.Sprintf("%02x/", i)})
		for {
			o, err := all.Next(ctx)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Errorf("list blobs: %w", err)
			}
			if err := f(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// Delete removes a blob that was last put before a time, and tells whether it did. Whoever
// calls it knows that nothing names the blob; for what will do so soon, before is [Grace] ago
// or earlier.
func (b *Blobs) Delete(ctx context.Context, sum string, before time.Time) (bool, error) {
	name, ok := key(sum)
	if !ok {
		return false, nil
	}
	return b.remove(ctx, name, before)
}

func (b *Blobs) remove(ctx context.Context, name string, before time.Time) (bool, error) {
	a, err := b.bucket.Attributes(ctx, name)
	if err == nil && a.ModTime.Before(before) {
		if err = b.bucket.Delete(ctx, name); err == nil {
			return true, nil
		}
	}
	if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return false, fmt.Errorf("delete blob: %w", err)
	}
	return false, nil
}

// leftover is what a file is called before it has its name.
var leftover = regexp.MustCompile(`^[0-9a-f]{64}\..*\.tmp$`)

// Sweep removes what killed processes left before a time and nobody can find, and tells how
// much that was. Of parts of uploads to S3 a lifecycle rule of the bucket takes care.
func (b *Blobs) Sweep(ctx context.Context, before time.Time) (removed int, err error) {
	err = b.list(ctx, func(o *gcblob.ListObject) error {
		if !leftover.MatchString(path.Base(o.Key)) || !o.ModTime.Before(before) {
			return nil
		}
		done, err := b.remove(ctx, o.Key, before)
		if done {
			removed++
		}
		return err
	})
	return removed, err
}
