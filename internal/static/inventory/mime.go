package inventory

import (
	"bytes"
	"io/fs"
	"strings"

	stereoscope "github.com/anchore/stereoscope/pkg/file"

	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/internal/image"
)

// headSize is how much of a file is enough to tell its type.
const headSize = 3072

// mayRun tells whether a file of that kind can be a program for some machine, as syft
// sees it: a class of Java begins as programs of several machines do.
func mayRun(k image.Kind) bool {
	switch k {
	case content.PE, content.DOS, content.MachO, content.Java:
		return true
	}
	family, _, _ := strings.Cut(string(k), "-")
	return family == content.ELF
}

// mimeTypes are the types of the programs that searches find, by position. The index tells
// which files may be programs, so that the others are never opened.
func (r *reading) mimeTypes() map[int32]string {
	r.typed.Do(func() {
		r.types = map[int32]string{}
		head := make([]byte, headSize)
		for i := range r.index.Entries {
			e := &r.index.Entries[i]
			if !mayRun(e.Kind) || !r.finds(e.Path) {
				continue
			}
			n, err := r.head(e, head)
			if err != nil {
				r.problems.add("mime-type", "/"+e.Path+": "+err.Error())
				continue
			}
			r.types[int32(i)] = stereoscope.MIMEType(bytes.NewReader(head[:n])) //nolint:gosec // bounded by image.Caps
		}
	})
	return r.types
}

func (r *reading) head(e *image.Entry, b []byte) (int, error) {
	f, err := r.open(e)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := f.Read(b)
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// info is what the index says of a file.
type info struct{ entry *image.Entry }

func (i info) metadata() stereoscope.Metadata {
	e := i.entry
	mode := fs.FileMode(e.Mode & 0o777)
	kind := stereoscope.TypeRegular
	switch e.Kind {
	case image.KindDir:
		mode, kind = mode|fs.ModeDir, stereoscope.TypeDirectory
	case image.KindSymlink:
		mode, kind = mode|fs.ModeSymlink, stereoscope.TypeSymLink
	case image.KindChar:
		mode, kind = mode|fs.ModeDevice|fs.ModeCharDevice, stereoscope.TypeCharacterDevice
	case image.KindBlock:
		mode, kind = mode|fs.ModeDevice, stereoscope.TypeBlockDevice
	case image.KindFIFO:
		mode, kind = mode|fs.ModeNamedPipe, stereoscope.TypeFIFO
	}
	return stereoscope.Metadata{
		FileInfo: stereoscope.ManualInfo{NameValue: base(e.Path), SizeValue: e.Size, ModeValue: mode, ModTimeValue: e.ModTime},
		Path:     "/" + e.Path, LinkDestination: e.LinkTarget, UserID: int(e.UID), GroupID: int(e.GID), Type: kind,
	}
}
