package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// relay carries bytes between the real connection and the pair of which the
// inner process has the other end.
type relay struct {
	local   *net.UnixConn
	remote  *net.TCPConn
	addr    netip.AddrPort
	handOut int // the other end of local, until it has been handed out
	budget  *budget
	times   lifetimes
	// announce tells the inner process how its bytes end, before they do; nil
	// is an ordinary end.
	announce func(error)

	lastByte atomic.Int64 // in Unix nanoseconds, in either direction
	cause    atomic.Pointer[error]
	cutOnce  sync.Once
}

// bufferSize is what each direction holds at most; what comes in beyond the
// budget of bytes is no more than that.
const bufferSize = 16 << 10

// run returns when both directions have ended. It closes both connections and
// gives the connection back to the budget.
func (r *relay) run(ctx context.Context) {
	defer r.budget.end(r.addr.Addr())
	defer closeConn(r.remote)
	defer closeConn(r.local)
	stop := context.AfterFunc(ctx, func() { r.cut(fmt.Errorf("%w: the run is over", ErrRefused)) })
	defer stop()
	late := time.AfterFunc(r.times.total, func() {
		r.cut(fmt.Errorf("%w: the connection was open for %v", ErrRefused, r.times.total))
	})
	defer late.Stop()
	r.lastByte.Store(time.Now().UnixNano())

	var up sync.WaitGroup
	up.Go(func() {
		if err := r.pass(r.remote, r.local); err != nil {
			r.cut(err)
		} else if err := r.remote.CloseWrite(); err != nil {
			r.cut(reason(err))
		}
	})
	if err := r.pass(r.local, r.remote); err != nil {
		r.cut(err)
	}
	r.announce(r.cutCause())
	_ = r.local.CloseWrite() // fails if the inner process has closed already
	up.Wait()
}

// cut ends both directions, for the first cause that is given.
func (r *relay) cut(cause error) {
	r.cutOnce.Do(func() {
		r.cause.Store(&cause)
		// A deadline on a closed connection fails, and nothing waits on it.
		_ = r.remote.SetDeadline(past)
		_ = r.local.SetDeadline(past)
	})
}

func (r *relay) cutCause() error {
	if cause := r.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

// pass carries bytes until src ends, which is no error.
func (r *relay) pass(dst, src net.Conn) error {
	buf := make([]byte, bufferSize)
	for {
		n, err := r.read(src, buf)
		if n > 0 {
			granted := r.budget.take(n)
			if err := r.write(dst, buf[:granted]); err != nil {
				return err
			}
			if granted < n {
				return errBytes
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// read waits until the connection as a whole was idle for too long.
func (r *relay) read(src net.Conn, buf []byte) (int, error) {
	for {
		last := time.Unix(0, r.lastByte.Load())
		n, err := r.within(src.SetReadDeadline, last, func() (int, error) { return src.Read(buf) })
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, reason(err)
		}
		if cause := r.cutCause(); cause != nil {
			return n, cause
		}
		if r.lastByte.Load() != last.UnixNano() {
			continue // there were bytes the other way
		}
		return n, fmt.Errorf("%w: no byte for %v", ErrRefused, r.times.idle)
	}
}

func (r *relay) write(dst net.Conn, b []byte) error {
	_, err := r.within(dst.SetWriteDeadline, time.Now(), func() (int, error) { return dst.Write(b) })
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: nobody took a byte for %v", ErrRefused, r.times.idle)
	}
	return reason(err)
}

// within does io with a deadline of the idle time after from. The deadline is
// set before one looks whether the relay is cut, and cut in the other order, so
// the one that a cut sets is not lost.
func (r *relay) within(setDeadline func(time.Time) error, from time.Time, io func() (int, error)) (int, error) {
	if err := setDeadline(from.Add(r.times.idle)); err != nil {
		return 0, err
	}
	if cause := r.cutCause(); cause != nil {
		return 0, cause
	}
	n, err := io()
	if n > 0 {
		r.lastByte.Store(time.Now().UnixNano())
	}
	return n, err
}

// reason leaves of an error of the network what the inner process may know:
// not our own address.
func reason(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
