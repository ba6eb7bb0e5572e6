package sentry

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"sync"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/overlay"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
	"gvisor.dev/gvisor/pkg/usermem"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/chamber/tape"
)

// chunkSize is how much of a content is read, and sent, at a time. Most files
// fit into one chunk and are read once.
const chunkSize = 256 << 10

// eventsOf is how many events may tell of the same content in the same way:
// lock files come and go by the thousand.
const eventsOf = 16

// payloads keeps what files and memory of the subject held. One content is
// kept at a time, so that its bytes are together on the stream, before their
// event. Programs that ran have a part of the room for themselves, so that a
// flood of other files does not keep one of them from being kept.
type payloads struct {
	out    *emitter
	wanted bool // somebody takes the bytes

	mu    sync.Mutex
	buf   []byte
	known map[[sha256.Size]byte]*keptContent
	code  room
	files room
}

// keptContent is what is known of a content.
type keptContent struct {
	sent   bool
	events map[tape.How]int
}

// room is what is left of a bound, in bytes and in contents.
type room struct {
	bytes int64
	count int
}

func newPayloads(out *emitter, wanted bool) *payloads {
	l := artifact.DefaultLimits()
	code := room{l.Payloads / 2, l.Files / 5}
	return &payloads{
		out: out, wanted: wanted, known: make(map[[sha256.Size]byte]*keptContent),
		code: code, files: room{l.Payloads - code.bytes, l.Files - code.count},
	}
}

// roomFor returns the room that content of that kind takes.
func (p *payloads) roomFor(how tape.How) *room {
	switch how {
	case tape.Executed, tape.Loaded, tape.Stdin, tape.Code:
		return &p.code
	default:
		return &p.files
	}
}

// keepFile keeps what f holds and reports it as ev, whose payload says how and
// where. It returns the hash; empty for what is not kept: empty files, and those
// that cannot be read or are too large to be hashed.
func (p *payloads) keepFile(ctx context.Context, f *vfs.FileDescription, ev *tape.Event) string {
	stat, err := f.Stat(ctx, vfs.StatOptions{Mask: linux.STATX_MODE | linux.STATX_SIZE})
	if err != nil || stat.Size == 0 {
		return ""
	}
	ev.Payload.Mode = uint32(stat.Mode) & 0o7777
	return p.keep(ev, func(b []byte, off int64) (int, error) {
		n, err := f.PRead(ctx, usermem.BytesIOSequence(b), off, vfs.ReadOptions{})
		return int(n), err
	})
}

// keepBytes keeps b, as keepFile does a file.
func (p *payloads) keepBytes(b []byte, ev *tape.Event) {
	p.keep(ev, func(to []byte, off int64) (int, error) {
		if off >= int64(len(b)) {
			return 0, io.EOF
		}
		return copy(to, b[off:]), nil
	})
}

// reader reads at an offset, like PRead. Nothing read is the end.
type reader func(b []byte, off int64) (int, error)

func (p *payloads) keep(ev *tape.Event, read reader) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	room := p.roomFor(ev.Payload.How)
	if room.count <= 0 {
		p.lose(room, "", 0) // and no time is spent on it
		return ""
	}
	if p.buf == nil {
		p.buf = make([]byte, chunkSize)
	}
	h := sha256.New()
	head, size, err := p.pass(h, read, nil)
	if err != nil {
		p.lose(room, content.Type(head), size)
		ev.Payload.Size = size
		p.out.emit(ev)
		return ""
	}
	if size == 0 {
		return ""
	}
	ev.Payload.Type = content.Type(head)
	sum := [sha256.Size]byte(h.Sum(nil))
	if p.wanted && !p.told(sum, ev.Payload.How) {
		if sum, size, err = p.send(room, read, sum, size); err != nil {
			p.lose(room, ev.Payload.Type, size)
		}
	}
	return p.report(ev, room, sum, size)
}

// told tells whether a content was sent, or could not be when it was last kept
// for that reason.
func (p *payloads) told(sum [sha256.Size]byte, how tape.How) bool {
	k := p.known[sum]
	return k != nil && (k.sent || k.events[how] > 0)
}

// lose notes that content is not kept. Data that is too large for that is no gap in
// what is known: databases and logs grow, and are not run. All else may have been
// what matters.
func (p *payloads) lose(room *room, kind string, size int64) {
	if room == &p.files && size > artifact.DefaultLimits().Payload && !content.Runs(kind) {
		p.out.hit("files")
	} else {
		p.out.hit("payloads")
	}
}

// send sends a content, if there is room for it. It returns the hash and size of
// what was sent: another thread may have written to it meanwhile.
func (p *payloads) send(room *room, read reader, sum [sha256.Size]byte, size int64) ([sha256.Size]byte, int64, error) {
	if size > artifact.DefaultLimits().Payload || size > room.bytes {
		return sum, size, artifact.ErrFull
	}
	if size <= int64(len(p.buf)) { // it is still there
		p.out.attach(p.buf[:size])
	} else {
		h := sha256.New()
		_, sent, err := p.pass(h, limited(read, size), p.out.attach)
		if err != nil && sent > 0 {
			p.out.detach()
		}
		if sent == 0 {
			err = cmp.Or(err, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return sum, size, err
		}
		sum, size = [sha256.Size]byte(h.Sum(nil)), sent
	}
	room.bytes -= size
	p.knownAs(sum).sent = true
	return sum, size, nil
}

// limited ends what grows while it is read.
func limited(read reader, size int64) reader {
	return func(b []byte, off int64) (int, error) {
		return read(b[:min(int64(len(b)), max(size-off, 0))], off)
	}
}

func (p *payloads) knownAs(sum [sha256.Size]byte) *keptContent {
	k := p.known[sum]
	if k == nil {
		k = &keptContent{events: make(map[tape.How]int, 1)}
		p.known[sum] = k
	}
	return k
}

// report tells of a content, unless enough was told of it.
func (p *payloads) report(ev *tape.Event, room *room, sum [sha256.Size]byte, size int64) string {
	k := p.knownAs(sum)
	if len(k.events) == 0 {
		room.count--
	}
	digest := hex.EncodeToString(sum[:])
	if k.events[ev.Payload.How]++; k.events[ev.Payload.How] > eventsOf {
		return digest
	}
	ev.Payload.SHA256, ev.Payload.Size, ev.Payload.Kept = digest, size, k.sent
	p.out.emit(ev)
	return digest
}

// errTooLong says that content is longer than is hashed.
var errTooLong = errors.New("too long")

// pass reads a content from its start, and gives every piece to h and to take,
// which may be nil. The head is the first bytes, valid until the next pass.
func (p *payloads) pass(h hash.Hash, read reader, take func([]byte)) (head []byte, size int64, err error) {
	for {
		to := p.buf
		if size < int64(len(to)) { // what fits stays whole
			to = to[size:]
		}
		n, err := read(to, size)
		if n > 0 {
			if missing := content.HeadSize - len(head); missing > 0 {
				head = append(head, to[:min(n, missing)]...)
			}
			size += int64(n)
			h.Write(to[:n])
			if take != nil {
				take(to[:n])
			}
		}
		switch {
		case errors.Is(err, io.EOF) || err == nil && n == 0:
			return head, size, nil
		case err != nil:
			return head, size, err
		case size > maxHash:
			return head, size, errTooLong
		}
	}
}

// written tells whether f holds what was written at run time, on a file system
// of memory: all others hold devices, and what the kernel says.
func written(f *vfs.FileDescription) bool {
	fs := f.Mount().Filesystem()
	return (inMemory(fs) || fs.FilesystemType().Name() == overlay.Name) && originOf(f) == tape.FromWritten
}
