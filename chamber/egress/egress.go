// Package egress is the only way out of a live run: what may be reached, and
// the boundary between two processes at which that is enforced.
//
// The inner process parses the subject's bytes in an empty network namespace.
// It can open no connection and look up no name; it can only ask, with a
// Client, over one socket. The outer process answers with a Server: it decides
// by a Policy, looks up and dials by itself, and hands back one end of a pair
// of sockets. It carries the bytes between that pair and the real connection,
// so bounds hold whatever became of the inner process. In a run that is not
// live there is neither server nor socket.
//
//	outer, inner, err := egress.Pair()  // inner goes to the inner process
//	err = egress.NewServer(policy).Serve(ctx, outer)
package egress

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrRefused is wrapped by errors that are a decision of the policy or a bound
// of it. Their text says which, and nothing of this machine's networks.
var ErrRefused = errors.New("refused")

// ErrBound is wrapped by those of them that are a bound on the whole run: it has
// had all that it may have, or wants too much at once.
var ErrBound = fmt.Errorf("%w: a bound of the run", ErrRefused)

// boundError says which bound it is.
type boundError string

func bounded(format string, args ...any) error { return boundError(fmt.Sprintf(format, args...)) }

func (e boundError) Error() string { return ErrRefused.Error() + ": " + string(e) }
func (e boundError) Unwrap() error { return ErrBound }

// ErrNotFound is wrapped by errors that say that a name does not exist.
var ErrNotFound = errors.New("no such name")

// Bounds on one run, besides those of the plan.
const (
	maxOpen        = 64  // connections at a time
	maxOpenPerAddr = 16  // the same, to one address
	maxAttempts    = 4   // addresses of one name that are tried
	maxAddrs       = 16  // addresses that one name has
	maxRequests    = 128 // requests being answered; more wait in the socket
)

// lifetimes bound waiting. They are shorter in tests.
type lifetimes struct {
	lookup time.Duration // for the answer to one name
	dial   time.Duration // to connect to one address
	idle   time.Duration // without a byte in either direction
	total  time.Duration // of one connection
	notice time.Duration // for the inner process to take an answer
}

func defaultLifetimes() lifetimes {
	return lifetimes{lookup: 5 * time.Second, dial: 5 * time.Second, idle: 2 * time.Minute, total: 15 * time.Minute, notice: 10 * time.Second}
}

// Pair returns the two ends of the socket between the processes: outer for
// Server.Serve, inner to be inherited and given to NewClient. The caller closes
// its copy of inner once the inner process has been started: the server ends
// when the last copy is closed.
func Pair() (outer, inner *os.File, err error) {
	fds, err := socketpair(unix.SOCK_SEQPACKET) // keeps requests apart, and tells when the other end is gone
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "egress"), os.NewFile(uintptr(fds[1]), "egress"), nil
}

func socketpair(kind int) (fds [2]int, err error) {
	fds, err = unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fds, fmt.Errorf("make a pair of sockets: %w", err)
	}
	return fds, nil
}

// unixConn makes a connection of f, which it closes in any case.
func unixConn(f *os.File) (*net.UnixConn, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("use a socket: %w", err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, fmt.Errorf("use a socket: it is %s, not unix", c.LocalAddr().Network())
	}
	return u, nil
}

// closeConn closes a connection whose bytes are all written or given up.
func closeConn(c net.Conn) { c.Close() }
