package static

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/content"
)

var hashPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Folder returns the contents that are kept in a folder under their hashes, as
// scan --keep does, sorted by hash, without places. Other names are left out. A content
// that is not what its name says is [detonaut.ErrCorrupt], and so is more than
// a run can have kept.
func Folder(dir fs.FS) ([]File, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("read payloads: %w", err)
	}
	limits := artifact.DefaultLimits()
	var all []File
	for _, e := range entries {
		if !e.Type().IsRegular() || !hashPattern.MatchString(e.Name()) {
			continue
		}
		if len(all) == limits.Files {
			return nil, fmt.Errorf("read payloads: %w: more than %d", detonaut.ErrCorrupt, limits.Files)
		}
		f, err := kept(dir, e.Name(), limits.Payload)
		if err != nil {
			return nil, fmt.Errorf("read payload: %w", err)
		}
		all = append(all, f)
	}
	return all, nil
}

// kept makes sure that a content is what its name says.
func kept(dir fs.FS, name string, limit int64) (File, error) {
	in, err := dir.Open(name)
	if err != nil {
		return File{}, err
	}
	defer in.Close()
	head := make([]byte, content.HeadSize)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return File{}, err
	}
	sum := sha256.New()
	_, _ = sum.Write(head[:n]) // a hash takes everything
	rest, err := io.Copy(sum, io.LimitReader(in, limit))
	if err != nil {
		return File{}, err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != name {
		return File{}, fmt.Errorf("%w: %s has the content of %s", detonaut.ErrCorrupt, name, got)
	}
	return File{
		SHA256: name, Size: int64(n) + rest, Type: content.Type(head[:n]),
		Open: func() (Content, error) {
			f, err := dir.Open(name)
			if err != nil {
				return nil, err
			}
			if c, ok := f.(Content); ok {
				return c, nil
			}
			f.Close()
			return nil, fmt.Errorf("read payload: %w: not at any offset", errors.ErrUnsupported)
		},
	}, nil
}
