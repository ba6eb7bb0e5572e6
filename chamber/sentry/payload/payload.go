// Package payload decides which contents of files and memory are kept of a run,
// and sends them: a content comes once, however often it is met, and all have to
// find room.
//
// Whoever comes by a content calls it, before the content is gone, on the goroutine
// of the task that has it or of the request that ends the run. The store knows
// nothing of gVisor: it reads through a [Reader], and sends through the emitter of
// package wire.
package payload

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"sync"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// MaxHash is the most bytes of a content that are hashed.
const MaxHash = 256 << 20

// pieceSize is how much of a content is read, and sent, at a time. Most files
// fit into one piece and are read once.
const pieceSize = wire.MaxPiece

// eventsOf is how many events may tell of the same content in the same way:
// lock files come and go by the thousand.
const eventsOf = 16

// Store keeps what files and memory of the subject held. One content is
// kept at a time, so that its bytes are together on the stream, before their
// event. Programs that ran have a part of the room for themselves, so that a
// flood of other files does not keep one of them from being kept. Its methods may
// be called from any goroutine.
type Store struct {
	out    *wire.Emitter
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

// NewStore returns the store of a run, whose room is that of
// [artifact.DefaultLimits]. Unless the bytes are wanted, contents are told of only.
func NewStore(out *wire.Emitter, wanted bool) *Store {
	l := artifact.DefaultLimits()
	code := room{l.Payloads / 2, l.Files / 5}
	return &Store{
		out: out, wanted: wanted, known: make(map[[sha256.Size]byte]*keptContent),
		code: code, files: room{l.Payloads - code.bytes, l.Files - code.count},
	}
}

// roomFor returns the room that content of that kind takes.
func (s *Store) roomFor(how tape.How) *room {
	switch how {
	case tape.Executed, tape.Loaded, tape.Stdin, tape.Code:
		return &s.code
	default:
		return &s.files
	}
}

// KeepBytes keeps b, as Keep does what a reader reads.
func (s *Store) KeepBytes(ev *tape.Event, b []byte) {
	s.Keep(ev, func(to []byte, off int64) (int, error) {
		if off >= int64(len(b)) {
			return 0, io.EOF
		}
		return copy(to, b[off:]), nil
	})
}

// Keep keeps a content and reports it as ev, which it owns from here on and whose
// payload says how and where. It returns the hash, in hex; none for what is empty,
// cannot be read or is too large to be hashed, and when there is no room left.
func (s *Store) Keep(ev *tape.Event, read Reader) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := s.roomFor(ev.Payload.How)
	if room.count <= 0 {
		s.lose(room, "", 0) // and no time is spent on it
		return ""
	}
	if s.buf == nil {
		s.buf = make([]byte, pieceSize)
	}
	h := sha256.New()
	head, size, err := s.pass(h, read, nil)
	if err != nil {
		s.lose(room, content.Type(head), size)
		ev.Payload.Size = size
		s.out.Emit(ev)
		return ""
	}
	if size == 0 {
		return ""
	}
	ev.Payload.Type = content.Type(head)
	sum := [sha256.Size]byte(h.Sum(nil))
	if s.wanted && !s.told(sum, ev.Payload.How) {
		if sum, size, err = s.send(room, read, sum, size); err != nil {
			s.lose(room, ev.Payload.Type, size)
		}
	}
	return s.report(ev, room, sum, size)
}

// told tells whether a content was sent, or could not be when it was last kept
// for that reason.
func (s *Store) told(sum [sha256.Size]byte, how tape.How) bool {
	k := s.known[sum]
	return k != nil && (k.sent || k.events[how] > 0)
}

// lose notes that content is not kept. Data that is too large for that is no gap in
// what is known: databases and logs grow, and are not run. All else may have been
// what matters.
func (s *Store) lose(room *room, kind string, size int64) {
	if room == &s.files && size > artifact.DefaultLimits().Payload && !content.Runs(kind) {
		s.out.Hit("files")
	} else {
		s.out.Hit("payloads")
	}
}

// send sends a content, if there is room for it. It returns the hash and size of
// what was sent: another thread may have written to it meanwhile.
func (s *Store) send(room *room, read Reader, sum [sha256.Size]byte, size int64) ([sha256.Size]byte, int64, error) {
	if size > artifact.DefaultLimits().Payload || size > room.bytes {
		return sum, size, artifact.ErrFull
	}
	if size <= int64(len(s.buf)) { // it is still there
		s.out.Attach(s.buf[:size])
	} else {
		h := sha256.New()
		_, sent, err := s.pass(h, limited(read, size), s.out.Attach)
		if err != nil && sent > 0 {
			s.out.Detach()
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
	s.knownAs(sum).sent = true
	return sum, size, nil
}

// limited ends what grows while it is read.
func limited(read Reader, size int64) Reader {
	return func(b []byte, off int64) (int, error) {
		return read(b[:min(int64(len(b)), max(size-off, 0))], off)
	}
}

func (s *Store) knownAs(sum [sha256.Size]byte) *keptContent {
	k := s.known[sum]
	if k == nil {
		k = &keptContent{events: make(map[tape.How]int, 1)}
		s.known[sum] = k
	}
	return k
}

// report tells of a content, unless enough was told of it.
func (s *Store) report(ev *tape.Event, room *room, sum [sha256.Size]byte, size int64) string {
	k := s.knownAs(sum)
	if len(k.events) == 0 {
		room.count--
	}
	digest := hex.EncodeToString(sum[:])
	if k.events[ev.Payload.How]++; k.events[ev.Payload.How] > eventsOf {
		return digest
	}
	ev.Payload.SHA256, ev.Payload.Size, ev.Payload.Kept = digest, size, k.sent
	s.out.Emit(ev)
	return digest
}

// errTooLong says that content is longer than is hashed.
var errTooLong = errors.New("too long")

// pass reads a content from its start, and gives every piece to h and to take,
// which may be nil. The head is the first bytes, valid until the next pass.
func (s *Store) pass(h hash.Hash, read Reader, take func([]byte)) (head []byte, size int64, err error) {
	for {
		to := s.buf
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
		case size > MaxHash:
			return head, size, errTooLong
		}
	}
}
