package all

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/malware/facts"
	"github.com/detonaut/detonaut/internal/static/malware/likeness"
)

// maxWorth is how many files are worth knowing again.
const maxWorth = 500

// worth are the files in which something was found that may count, and the programs that no
// package has.
func worth(img Image, read *static.Reading) (files []static.File) {
	var unknown []static.File
	for f, err := range static.Files(img.Index, img.Files) {
		switch {
		case err != nil: // none can be
		case len(read.Within[f.SHA256]) > 0:
			files = append(files, f)
		case read.Owners != nil && isProgram(f.Type) && len(unknown) < maxWorth && !owned(f, read.Owners):
			unknown = append(unknown, f)
		}
		if len(files) == maxWorth {
			return files
		}
	}
	files = append(files, unknown...)
	return files[:min(len(files), maxWorth)]
}

func isProgram(kind string) bool {
	programs := []string{content.ELF, content.ELFLibrary, content.PE, content.MachO, content.Jar}
	return slices.Contains(programs, kind) || strings.HasPrefix(kind, content.Script+"-")
}

// owned tells whether a file belongs to a package, or is what a package runs when it is set
// up.
func owned(f static.File, owners func(string) []int) bool {
	return slices.ContainsFunc(f.Places, func(p static.Place) bool {
		return p.Hidden || strings.HasPrefix(p.Path, "/var/lib/dpkg/info/") || len(owners(p.Path)) > 0
	})
}

// Likeness returns the hashes of a file by which others are found that are like it. They
// are remembered.
func (r *Reader) Likeness(ctx context.Context, f static.File) (l detonaut.Likeness, err error) {
	if f.Size > likeness.MaxSize || !content.Runs(f.Type) {
		return l, nil
	}
	about := sha256.Sum256([]byte("likeness@" + likeness.Version + " " + f.SHA256))
	if r.Memory != nil {
		if note, err := r.Memory.Note(ctx, about); err == nil && note != nil && json.Unmarshal(note, &l) == nil {
			return l, nil
		}
	}
	in, err := f.Open()
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if l, err = likeness.Of(ctx, facts.File{SHA256: f.SHA256, Size: f.Size, Type: f.Type, ReaderAt: in}); err != nil || r.Memory == nil {
		return l, err
	}
	if note, err := json.Marshal(l); err == nil {
		_ = r.Memory.SetNote(ctx, about, note) // it is made again
	}
	return l, nil
}
