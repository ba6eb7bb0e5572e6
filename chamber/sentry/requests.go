package sentry

import "golang.org/x/sys/unix"

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
	// Travel does the same, and moves the clocks on if all that is going to happen
	// is that time passes: the answer then has one more of Jumps.
	Travel
)

// serve answers requests. It ends with the sentry.
func (tr *tracer) serve() {
	var b [16]byte
	for {
		n, err := unix.Read(tr.out.fd.FD(), b[:])
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
		case err != nil || n == 0:
			tr.out.giveUp()
		}
		for _, r := range b[:max(n, 0)] {
			tr.do(Request(r))
		}
	}
}

func (tr *tracer) do(r Request) {
	switch r {
	case Finish:
		tr.finish()
		tr.out.flush()
	case Look:
		tr.out.answer(tr.look())
	case Travel:
		tr.travel()
	}
}
