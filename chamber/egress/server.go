package egress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Server answers the inner process of one run. It belongs in the outer one.
type Server struct {
	policy *Policy
	budget *budget
	world  world
	times  lifetimes
}

// NewServer returns a server for one run on the real internet.
func NewServer(p *Policy) *Server {
	return newServer(p, &internet{resolver: net.Resolver{PreferGo: true}})
}

func newServer(p *Policy, w world) *Server {
	return &Server{policy: p, budget: newBudget(p.bounds), world: w, times: defaultLifetimes()}
}

// Serve answers on sock, which it closes, until ctx ends or every copy of the
// other end is closed; both are no error. What is asked against the protocol
// is one, and an inner process that takes no answers is another: it is broken,
// or no longer ours. When Serve returns, every connection is closed and every
// goroutine has ended. It is called once.
func (s *Server) Serve(ctx context.Context, sock *os.File) error {
	control, err := unixConn(sock)
	if err != nil {
		return err
	}
	defer closeConn(control)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(ctx, func() { _ = control.SetDeadline(past) }) // fails on a closed socket, which waits for nothing
	defer stop()
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel(nil)

	in := &inner{control: control, patience: s.times.notice, broken: cancel}
	slots := make(chan struct{}, maxRequests)
	buf := make([]byte, maxMessage+1)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return in.failure()
		}
		// Read takes no descriptors: the kernel closes those that came along.
		n, err := control.Read(buf)
		switch {
		case ctx.Err() != nil:
			return in.failure()
		case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET): // reset if there were answers left to read
			return nil
		case err != nil:
			return fmt.Errorf("read request: %w", err)
		}
		q, err := parseRequest(buf[:n])
		if err != nil {
			return err
		}
		tasks.Go(func() {
			r := s.answer(ctx, in, q)
			<-slots
			if r != nil {
				r.run(ctx)
			}
		})
	}
}

// answer returns the connection that came of q, to be run, or nil.
func (s *Server) answer(ctx context.Context, in *inner, q request) *relay {
	if q.Op == opDial {
		return s.answerDial(ctx, in, q)
	}
	r := reply{ID: q.ID}
	addrs, err := s.resolve(ctx, q.Host)
	r.Addrs = addrs
	r.setError(err)
	in.tell(ctx, r, noFile)
	return nil
}

func (s *Server) answerDial(ctx context.Context, in *inner, q request) *relay {
	r, err := s.newRelay(ctx, q)
	if err != nil {
		answer := reply{ID: q.ID}
		answer.setError(err)
		in.tell(ctx, answer, noFile)
		return nil
	}
	r.announce = func(err error) {
		end := reply{ID: q.ID, End: true}
		end.setError(err)
		in.tell(ctx, end, noFile)
	}
	in.tell(ctx, reply{ID: q.ID, Outcome: done, Remote: r.addr}, r.handOut)
	_ = unix.Close(r.handOut) // the inner process has a copy
	return r
}

// newRelay connects as q asks and makes the pair whose end is handed out.
func (s *Server) newRelay(ctx context.Context, q request) (*relay, error) {
	remote, addr, err := s.dial(ctx, q.Host, q.Port)
	if err != nil {
		return nil, err
	}
	r := &relay{remote: remote, addr: addr, budget: s.budget, times: s.times}
	fds, err := socketpair(unix.SOCK_STREAM)
	if err == nil {
		r.handOut = fds[1]
		r.local, err = unixConn(os.NewFile(uintptr(fds[0]), "relay"))
	}
	if err != nil {
		if r.handOut != 0 {
			_ = unix.Close(r.handOut)
		}
		closeConn(remote)
		s.budget.end(addr.Addr())
		return nil, err
	}
	return r, nil
}

// resolve returns the addresses of a name that may be connected to. One that
// has only others exists, and is refused.
func (s *Server) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if err := s.policy.AllowsName(host); err != nil {
		return nil, err
	}
	name, err := parseName(host)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if err := s.budget.lookup(time.Now()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.times.lookup)
	defer cancel()
	all, err := s.world.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, a := range all {
		if len(addrs) < maxAddrs && s.policy.reachable(a) == nil {
			addrs = append(addrs, a.Unmap())
		}
	}
	if len(addrs) == 0 {
		// Which of them it is would show the operator's network.
		return nil, fmt.Errorf("%w: the name has no address that may be reached", ErrRefused)
	}
	return addrs, nil
}

// dial connects to the first address of host that answers. The caller gives
// the connection back to the budget.
func (s *Server) dial(ctx context.Context, host string, port uint16) (*net.TCPConn, netip.AddrPort, error) {
	if err := s.policy.allowsPort(port); err != nil {
		return nil, netip.AddrPort{}, err
	}
	var name string
	addr, err := netip.ParseAddr(host)
	addrs := []netip.Addr{addr.Unmap()}
	if err != nil {
		name = host
		if addrs, err = s.resolve(ctx, host); err != nil {
			return nil, netip.AddrPort{}, err
		}
	}
	for _, a := range addrs[:min(len(addrs), maxAttempts)] {
		to := netip.AddrPortFrom(a, port)
		var c *net.TCPConn
		if c, err = s.connect(ctx, name, to); err == nil {
			return c, to, nil
		}
		if errors.Is(err, ErrRefused) || ctx.Err() != nil {
			break
		}
	}
	return nil, netip.AddrPort{}, err
}

// connect takes one connection out of the budget, and back if it fails.
func (s *Server) connect(ctx context.Context, name string, to netip.AddrPort) (*net.TCPConn, error) {
	check := func(a netip.AddrPort) error { return s.policy.Allows(name, a.Addr(), a.Port()) }
	if err := check(to); err != nil {
		return nil, err
	}
	if err := s.budget.begin(to.Addr(), time.Now()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.times.dial)
	defer cancel()
	c, err := s.world.connect(ctx, to, check)
	if err == nil {
		return c, nil
	}
	s.budget.end(to.Addr())
	var errno syscall.Errno
	switch {
	case errors.Is(err, ErrRefused):
		return nil, err
	case errors.As(err, &errno): // without our own address
		return nil, fmt.Errorf("connect to %s: %w", to, errno)
	default:
		return nil, fmt.Errorf("connect to %s: no answer in time", to)
	}
}

// noFile is for a message that no descriptor goes with.
const noFile = -1

// inner is the other process, as far as it can be told anything.
type inner struct {
	control  *net.UnixConn
	patience time.Duration
	broken   context.CancelCauseFunc

	mu  sync.Mutex
	err error // the first failure
}

// tell sends one message, with a copy of the descriptor fd unless that is
// noFile. If it fails, nothing more can be said: the service ends.
func (in *inner) tell(ctx context.Context, r reply, fd int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err != nil {
		return
	}
	_ = in.control.SetWriteDeadline(time.Now().Add(in.patience))
	if ctx.Err() != nil {
		return // else the end of ctx interrupts what follows
	}
	err := in.send(r, fd)
	if errors.Is(err, unix.EPIPE) {
		return // it is gone, as the next read tells
	}
	if err != nil && ctx.Err() == nil {
		in.err = fmt.Errorf("answer: %w", err)
		in.broken(in.err)
	}
}

func (in *inner) send(r reply, fd int) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var rights []byte
	if fd != noFile {
		rights = unix.UnixRights(fd)
	}
	_, _, err = in.control.WriteMsgUnix(b, rights, nil)
	return err
}

// failure is why the inner process was given up, if it was.
func (in *inner) failure() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.err
}
