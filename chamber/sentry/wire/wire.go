// Package wire is the socket between a sandbox and whoever reads its events,
// with both of its ends: the [Emitter] inside gVisor's sentry, and the [Stream]
// of the process that made the sandbox. One format, one package.
//
// Towards the reader go the lines of a tape. A content that belongs to one comes
// before it, in pieces. Towards the sandbox go requests of one byte, each of which
// a run.end answers. Nothing is dropped: who writes waits until there is room, and
// a sentry whose reader has gone exits.
//
// Package sentry and the rooms that see something call the Emitter, on whatever
// goroutine of the sentry that is; the runner has the Stream on one goroutine of
// its own, and believes nothing that comes from it. There is no gVisor in here, so
// that what the reader does with hostile bytes can be tested without a sandbox.
package wire

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/tape"
)

// MaxPiece is how many bytes of a content are sent at a time, at most.
const MaxPiece = 256 << 10

// What stands before a piece of a content: a mark, with which no event begins,
// and the length of the piece, most significant byte first. A length of 0 takes
// back the pieces before it.
const (
	attachMark byte = 0
	attachHead      = 1 + 4
)

// Request is what the reader of a sandbox's events asks of it, in one byte. The
// sandbox answers each, in their order, with a run.end that has its counters.
type Request byte

// Requests.
const (
	// Finish has it hold the subject for good, tell what that leaves behind, and
	// send what it still holds back.
	Finish Request = 1 + iota
	// Look has it tell whether anything can still happen before the run is over:
	// if not, the answer has a Reason and a Detail.
	Look
	// Travel has it make ready to move the clocks on: the answer has the Reason
	// [Settled] or [Still] if no task runs.
	Travel
	// Move is the word that all is at rest, after one of those: it does what Look does, and
	// moves the clocks on if all that is going to happen is that time passes. The
	// answer then has one more of Jumps.
	Move
)

// Reasons in an answer that asks whether all is at rest, as far as the sandbox cannot see
// it: its own threads and the network, or, where there was no packet since the last
// jump, its own threads. They are on no tape.
const (
	Settled tape.Reason = "settled"
	Still   tape.Reason = "still"
)

// Open makes a socket and returns its ends: the stream, and the file that is for
// the sandbox. Both are the caller's to close. There is no path on disk that a
// third process could open.
func Open() (*Stream, *os.File, error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make event socket: %w", err)
	}
	// A deeper buffer saves wake-ups; the default of the machine is enough.
	_ = unix.SetsockoptInt(p[1], unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
	return newStream(os.NewFile(uintptr(p[0]), "events")), os.NewFile(uintptr(p[1]), "events in the sentry"), nil
}

// Monotonic reads the clock of the events that Next returns, which all
// processes of the machine share, in nanoseconds.
func Monotonic() int64 {
	var ts unix.Timespec
	// It cannot fail with a valid clock.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}
