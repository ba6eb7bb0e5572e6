package rulepack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/detonaut/detonaut"
)

// slack is how many bytes the heads of a tar may have beside what is in it, of each file
// and at its end.
const slack = 8 << 10

// maxPadding is how many bytes may be behind the end of a tar, which is a part of a block.
const maxPadding = 64 << 10

// Read reads an archive. What is wrong with it is [detonaut.ErrCorrupt],
// [detonaut.ErrUnsupported] or [detonaut.ErrLimit], or [ErrUntrusted]. Nothing is read
// behind a signature that is not trusted.
func Read(from io.Reader, trust Trust) (*Pack, error) {
	packed := &io.LimitedReader{R: from, N: MaxArchive + 1}
	z, err := gzip.NewReader(packed)
	if err != nil {
		return nil, spoilt(fmt.Errorf("it is no tar.gz: %w", err))
	}
	plain := &io.LimitedReader{R: z, N: maxManifest + slack}
	a := &archive{tar.NewReader(plain), packed, plain}
	p, next, err := a.begin(trust)
	if err != nil {
		return nil, err
	}
	// From here on somebody who is trusted says how much there is.
	plain.N += MaxTotal + slack*int64(len(p.Files)+1)
	for i, f := range p.Files {
		if i > 0 || next == nil {
			if next, err = a.next(); err != nil {
				return nil, err
			}
		}
		if err := a.take(p, f, next); err != nil {
			return nil, err
		}
	}
	return p, a.end()
}

// archive is an archive that is read.
type archive struct {
	*tar.Reader
	packed, plain *io.LimitedReader
}

// next is the head of the next file; nil at the end.
func (a *archive) next() (*tar.Header, error) {
	h, err := a.Next()
	switch {
	case errors.Is(err, io.EOF) && a.plain.N > 0:
		return nil, nil //nolint:nilnil // there is none
	case err != nil:
		return nil, a.spoilt(err)
	case h.Typeflag != tar.TypeReg:
		return nil, fmt.Errorf("%w: %.200q in it is no file", detonaut.ErrCorrupt, h.Name)
	}
	return h, nil
}

// begin reads pack.json and pack.sig, and returns the head of what follows if it has been
// read.
func (a *archive) begin(trust Trust) (*Pack, *tar.Header, error) {
	h, err := a.next()
	if err != nil {
		return nil, nil, err
	}
	if h == nil || !isNamed(h, manifestName) {
		return nil, nil, fmt.Errorf("%w: it does not begin with %s (detonaut rules pack makes a pack)", detonaut.ErrCorrupt, manifestName)
	}
	manifest, err := a.content(h, maxManifest)
	if err != nil {
		return nil, nil, err
	}
	if h, err = a.next(); err != nil {
		return nil, nil, err
	}
	var signature []byte
	if h != nil && isNamed(h, signatureName) {
		if signature, err = a.content(h, maxKey); err != nil {
			return nil, nil, err
		}
		h = nil
	}
	p, err := open(manifest, signature, trust)
	return p, h, err
}

// isNamed tells whether a file has a name, or that with the ./ in front that tar writes of
// a folder.
func isNamed(h *tar.Header, name string) bool { return strings.TrimPrefix(h.Name, "./") == name }

// take takes the file that is next in the archive for the one that is next in the list.
func (a *archive) take(p *Pack, f File, h *tar.Header) error {
	switch {
	case h == nil:
		return fmt.Errorf("%w: %s is not in it", detonaut.ErrCorrupt, f.Path)
	case !isNamed(h, f.Path):
		return fmt.Errorf("%w: it has %.200q where pack.json has %s", detonaut.ErrCorrupt, h.Name, f.Path)
	case h.Size != f.Size:
		return fmt.Errorf("%w: %s is not what pack.json says it is", detonaut.ErrCorrupt, f.Path)
	}
	b, err := a.content(h, MaxFile)
	if err != nil {
		return err
	}
	return p.put(f, b)
}

// content reads a file.
func (a *archive) content(h *tar.Header, most int64) ([]byte, error) {
	if h.Size > most {
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d", detonaut.ErrLimit, path.Base(h.Name), h.Size, most)
	}
	var b bytes.Buffer // which grows with what comes, not with what is announced
	if _, err := io.Copy(&b, a); err != nil {
		return nil, a.spoilt(err)
	}
	return b.Bytes(), nil
}

// end sees to it that nothing is behind the last file, and that the archive is whole.
func (a *archive) end() error {
	h, err := a.next()
	if err != nil {
		return err
	}
	if h != nil {
		return fmt.Errorf("%w: it has %.200q, which pack.json does not list", detonaut.ErrCorrupt, h.Name)
	}
	a.plain.N = maxPadding + 1
	if _, err := io.Copy(io.Discard, a.plain); err != nil {
		return a.spoilt(err)
	}
	if a.plain.N <= 0 {
		return a.spoilt(io.ErrUnexpectedEOF)
	}
	return nil
}

func (a *archive) spoilt(err error) error {
	if a.packed.N <= 0 {
		return fmt.Errorf("%w: it has more than %d bytes", detonaut.ErrLimit, MaxArchive)
	}
	if a.plain.N <= 0 {
		return fmt.Errorf("%w: it unpacks to more than a pack may have", detonaut.ErrLimit)
	}
	return spoilt(err)
}

// spoilt blames what was read.
func spoilt(err error) error { return fmt.Errorf("%w: %w", detonaut.ErrCorrupt, err) }

// Write writes an archive. The same pack makes the same bytes.
func (p *Pack) Write(to io.Writer) error {
	z := gzip.NewWriter(to)
	w := tar.NewWriter(z)
	put := func(name string, b []byte) error {
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(b)), ModTime: p.Created, Format: tar.FormatPAX})
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	}
	err := put(manifestName, p.manifest)
	if p.signature != nil {
		err = errors.Join(err, put(signatureName, p.signature))
	}
	for _, f := range p.Files {
		err = errors.Join(err, put(f.Path, p.Tree.files[f.Path]))
	}
	if err := errors.Join(err, w.Close(), z.Close()); err != nil {
		return fmt.Errorf("write pack: %w", err)
	}
	return nil
}
