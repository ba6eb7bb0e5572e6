package difference

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
	"gvisor.dev/gvisor/pkg/usermem"

	"github.com/detonaut/detonaut/chamber/sentry/payload"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// maxChanges is how many changes are told of.
const maxChanges = 20_000

// errLate says that there is no time to read the rest.
var errLate = errors.New("too late")

// start is what lay in a file system before the subject ran, by its path from
// there: what belongs to the sandbox, and what was put there by its setup.
type start map[startKey]string

type startKey struct {
	fs *vfs.Filesystem
	in string
}

// look is one look at the file systems, which tells what they differ in from the
// image.
type look struct {
	*walker
	out      *wire.Emitter
	payloads *payload.Store
	start    start
	told     int // changes
	buf      []byte
}

// note takes down the state of a file system before the subject runs.
func (l *look) note(t *volume) error {
	return l.walk(t, func(e *entry) error {
		if !e.gone {
			l.start[startKey{t.fs, e.in}] = l.state(e)
		}
		return nil
	})
}

// state tells one state of an entry from another.
func (l *look) state(e *entry) string {
	return fmt.Sprint(e.stat.Mode, e.stat.UID, e.stat.GID, l.content(e.at, &e.stat))
}

// content tells one content of a file or a symlink from another.
func (l *look) content(at *vfs.PathOperation, stat *linux.Statx) string {
	switch typeOf(stat) {
	case linux.S_IFREG:
		return l.digest(at)
	case linux.S_IFLNK:
		return l.readLink(at)
	default:
		return ""
	}
}

// digest hashes a file; empty if that cannot be done in time.
func (l *look) digest(at *vfs.PathOperation) string {
	f, err := l.open(at)
	if err != nil {
		return ""
	}
	defer f.DecRef(l.ctx)
	if l.buf == nil {
		l.buf = make([]byte, 64<<10) // one for all: most files are small
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(h, io.NewSectionReader(l.reader(f), 0, payload.MaxHash), l.buf); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// reader reads f until it is too late.
func (l *look) reader(f *vfs.FileDescription) payload.Reader {
	return func(b []byte, off int64) (int, error) {
		if l.late() {
			return 0, errLate
		}
		n, err := f.PRead(l.ctx, usermem.BytesIOSequence(b), off, vfs.ReadOptions{})
		return int(n), err
	}
}

// tell reports the changes of one file system.
func (l *look) tell(t *volume) error {
	return l.walk(t, func(e *entry) error {
		kind, c := l.compare(e)
		if kind == "" || !e.gone && l.ours(t, e, c) {
			return nil
		}
		if l.told++; l.told > maxChanges {
			return errBound
		}
		ev := &tape.Event{Kind: kind, Change: c}
		c.Path, c.Target = wire.Text(ev, e.path), wire.Text(ev, c.Target)
		c.Attrs, _ = wire.List(ev, c.Attrs)
		if c.Type == "file" && kind != tape.ChangeRemove {
			c.SHA256 = l.keep(e, c)
		}
		l.out.Emit(ev)
		return nil
	})
}

// ours tells whether an entry is as it was before the subject ran.
func (l *look) ours(t *volume, e *entry, c *tape.Change) bool {
	was, ok := l.start[startKey{t.fs, e.in}]
	return ok && c.Capabilities == "" && len(c.Attrs) == 0 && was == l.state(e)
}

// compare returns how an entry differs from the image; no kind if it does not.
// The hash is left out.
func (l *look) compare(e *entry) (tape.Kind, *tape.Change) {
	if e.gone {
		return tape.ChangeRemove, &tape.Change{Type: typeName(&e.image)}
	}
	c := &tape.Change{
		Type: typeName(&e.stat), Mode: uint32(e.stat.Mode) & 0o7777, UID: e.stat.UID, GID: e.stat.GID,
	}
	holds := false
	switch typeOf(&e.stat) {
	case linux.S_IFREG:
		holds, c.Size = true, int64(e.stat.Size)
	case linux.S_IFLNK:
		holds, c.Target = true, l.readLink(e.at)
	}
	var capability string
	capability, c.Attrs = l.attrs(e.at)
	c.Capabilities = hex.EncodeToString([]byte(capability))
	if e.below == nil {
		c.Content = holds
		return tape.ChangeAdd, c
	}
	c.Was = uint32(e.image.Mode) & 0o7777
	c.Content = holds && !l.same(e)
	if !c.Content && e.stat.Mode == e.image.Mode && e.stat.UID == e.image.UID && e.stat.GID == e.image.GID && capability == "" && len(c.Attrs) == 0 {
		return "", nil // copied to be written, and not written
	}
	return tape.ChangeModify, c
}

// same tells whether a file or a symlink holds what the image has there. What
// there is no time to read may differ.
func (l *look) same(e *entry) bool {
	switch {
	case typeOf(&e.stat) != typeOf(&e.image) || e.stat.Size != e.image.Size:
		return false
	case typeOf(&e.stat) == linux.S_IFLNK:
		return l.readLink(e.at) == l.readLink(e.below)
	}
	a, err := l.open(e.at)
	if err != nil {
		return false
	}
	defer a.DecRef(l.ctx)
	b, err := l.open(e.below)
	if err != nil {
		return false
	}
	defer b.DecRef(l.ctx)
	return equal(l.reader(a), l.reader(b), int64(e.stat.Size))
}

// equal tells whether the first size bytes of two contents can be read and are
// the same.
func equal(a, b payload.Reader, size int64) bool {
	var x, y [64 << 10]byte
	for off := int64(0); off < size; {
		n := min(int64(len(x)), size-off)
		if readFull(a, x[:n], off) != nil || readFull(b, y[:n], off) != nil || !bytes.Equal(x[:n], y[:n]) {
			return false
		}
		off += n
	}
	return true
}

func readFull(r payload.Reader, b []byte, off int64) error {
	_, err := io.ReadFull(io.NewSectionReader(r, off, int64(len(b))), b)
	return err
}

// emptyHash is the hash of nothing.
var emptyHash = hex.EncodeToString(sha256.New().Sum(nil))

// keep keeps what a file was left with and returns its hash. The image itself
// has what was not changed.
func (l *look) keep(e *entry, c *tape.Change) string {
	switch {
	case c.Size == 0:
		return emptyHash
	case !c.Content:
		return l.digest(e.at)
	}
	return l.keepAs(&tape.Event{Kind: tape.PayloadKeep}, tape.Left, e)
}

// keepAs keeps what a file holds, reports it as ev and returns its hash, if that
// can be done in time.
func (l *look) keepAs(ev *tape.Event, how tape.How, e *entry) string {
	f, err := l.open(e.at)
	if err != nil {
		return ""
	}
	defer f.DecRef(l.ctx)
	ev.Payload = &tape.Payload{How: how, Path: wire.Text(ev, e.path), Mode: uint32(e.stat.Mode) & 0o7777}
	return l.payloads.Keep(ev, l.reader(f))
}

// typeName returns the tape's name of a file's type.
func typeName(s *linux.Statx) string {
	switch typeOf(s) {
	case linux.S_IFREG:
		return "file"
	case linux.S_IFDIR:
		return "dir"
	case linux.S_IFLNK:
		return "symlink"
	case linux.S_IFIFO:
		return "fifo"
	case linux.S_IFSOCK:
		return "socket"
	case linux.S_IFCHR:
		return "char"
	default:
		return "block"
	}
}
