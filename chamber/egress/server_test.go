package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/plan"
)

func TestDial(t *testing.T) {
	c := serve(t, staged(t, plan.DefaultEgress(), echo)).client(t)
	conn := dial(t, c)
	said := strings.Repeat("all of it, in both directions. ", 40_000) // more than any buffer on the way
	var sender sync.WaitGroup
	sender.Go(func() {
		io.WriteString(conn, said)
		conn.(interface{ CloseWrite() error }).CloseWrite()
	})
	heard, err := io.ReadAll(conn)
	sender.Wait()
	if err != nil || string(heard) != said {
		t.Errorf("heard %d bytes and %v, want the %d that were said", len(heard), err, len(said))
	}
}

func TestDialRefuses(t *testing.T) {
	c := serve(t, staged(t, plan.DefaultEgress(), echo)).client(t)
	for _, tc := range []struct {
		host string
		port uint16
		want string
	}{
		{"10.0.0.1", 80, "refused: the address is private"},
		{"::ffff:10.0.0.1", 80, "refused: the address is private"},
		{"127.0.0.1", 80, "refused: the address is loopback"},
		{"fe80::1%lo", 80, "refused: the address belongs to an interface"},
		{"1.1.1.1", 25, "refused: port 25 is for mail"},
		{"1.1.1.1", 81, "refused: port 81 is not on the list of what is allowed"},
		{"inside.example", 80, "refused: the name has no address that may be reached"},
		{"printer", 80, "refused: the name is not one of the internet"},
		{"", 80, "refused: an empty name, or a long one"},
		{strings.Repeat("a", 1000), 80, "refused: a long name"},
	} {
		conn, _, err := c.Dial(t.Context(), tc.host, tc.port)
		if conn != nil || !errors.Is(err, ErrRefused) || !strings.HasSuffix(err.Error(), ": "+tc.want) {
			t.Errorf("%q port %d: got %v, want %q", tc.host, tc.port, err, tc.want)
		}
	}
	_, _, err := c.Dial(t.Context(), "gone.example", 80)
	if err == nil || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("nobody listens: got %v", err)
	}
	_, _, err = c.Dial(t.Context(), "nobody.example", 80)
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("no such name: got %v", err)
	}
}

func TestResolve(t *testing.T) {
	c := serve(t, staged(t, plan.DefaultEgress(), echo)).client(t)
	addrs, err := c.Resolve(t.Context(), "Host.Example.")
	if diff := cmp.Diff([]netip.Addr{hostAddr}, addrs, cmpopts.EquateComparable(netip.Addr{})); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for name, want := range map[string]error{"nobody.example": ErrNotFound, "inside.example": ErrRefused, "printer": ErrRefused, "1.1.1.1": ErrRefused} {
		if _, err := c.Resolve(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

// The real internet, on a machine without one: a loopback server is there, and
// not reached.
func TestInternetIsChecked(t *testing.T) {
	var met atomic.Int32
	at := listen(t, func(*net.TCPConn) { met.Add(1) })
	s := NewServer(policy(t, "*"))
	s.policy.ports = []uint16{at.Port()}
	c := serve(t, s).client(t)
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0"} {
		if _, _, err := c.Dial(t.Context(), host, at.Port()); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: got %v", host, err)
		}
	}
	// The check of the socket's own address is the last one, and enough.
	_, err := (&internet{}).connect(t.Context(), at, func(to netip.AddrPort) error {
		return s.policy.Allows("host.example", to.Addr(), to.Port())
	})
	if !errors.Is(err, ErrRefused) {
		t.Errorf("the socket's address: got %v", err)
	}
	if met.Load() != 0 {
		t.Errorf("the server met %d connections", met.Load())
	}
}

// rebinding is a world whose name moves inside after the first lookup.
type rebinding struct {
	Stage
	looked atomic.Int32
}

func (w *rebinding) lookup(context.Context, string) ([]netip.Addr, error) {
	if w.looked.Add(1) == 1 {
		return []netip.Addr{hostAddr}, nil
	}
	return []netip.Addr{innerAddr}, nil
}

func TestRebinding(t *testing.T) {
	s := staged(t, plan.DefaultEgress(), echo)
	s.world = &rebinding{Stage: s.world.(Stage)}
	c := serve(t, s).client(t)
	dial(t, c)
	if _, _, err := c.Dial(t.Context(), "host.example", 80); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestBytesRunOut(t *testing.T) {
	e := plan.DefaultEgress()
	e.Bytes = 100_000
	t.Run("received", func(t *testing.T) {
		c := serve(t, staged(t, e, func(c *net.TCPConn) { c.Write(make([]byte, 200_000)); io.Copy(io.Discard, c) })).client(t)
		n, err := io.Copy(io.Discard, dial(t, c))
		if n != e.Bytes || verdict(t, err) != "the run has sent and received all of its bytes" {
			t.Errorf("got %d bytes and %v", n, err)
		}
		if _, _, err := c.Dial(t.Context(), "host.example", 80); !errors.Is(err, ErrBound) {
			t.Errorf("another connection: got %v", err)
		}
	})
	t.Run("sent", func(t *testing.T) {
		got := make(chan int64, 1)
		c := serve(t, staged(t, e, func(c *net.TCPConn) { n, _ := io.Copy(io.Discard, c); got <- n })).client(t)
		conn := dial(t, c)
		var sender sync.WaitGroup
		sender.Go(func() { conn.Write(make([]byte, 1<<20)) })
		_, err := conn.Read(make([]byte, 1))
		sender.Wait()
		if n := <-got; n != e.Bytes || verdict(t, err) != "the run has sent and received all of its bytes" {
			t.Errorf("the server got %d bytes, the client %v", n, err)
		}
	})
}

func TestTimeRunsOut(t *testing.T) {
	for _, tc := range []struct {
		name  string
		times func(*lifetimes)
		serve func(*net.TCPConn)
		want  string
	}{
		{"idle", func(l *lifetimes) { l.idle = 20 * time.Millisecond }, func(c *net.TCPConn) { io.Copy(io.Discard, c) }, "no byte for 20ms"},
		{"total", func(l *lifetimes) { l.total = 20 * time.Millisecond }, func(c *net.TCPConn) {
			for {
				if _, err := c.Write(make([]byte, 100)); err != nil {
					return
				}
			}
		}, "the connection was open for 20ms"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := plan.DefaultEgress()
			e.Bytes = 1 << 40
			s := staged(t, e, tc.serve)
			tc.times(&s.times)
			_, err := io.Copy(io.Discard, dial(t, serve(t, s).client(t)))
			if got := verdict(t, err); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// lull is a connection on which nothing comes in time, and then the end; other
// is done meanwhile.
type lull struct {
	net.Conn
	other func()
	reads int
}

func (c *lull) SetReadDeadline(time.Time) error { return nil }

func (c *lull) Read([]byte) (int, error) {
	if c.reads++; c.reads == 1 {
		c.other()
		return 0, os.ErrDeadlineExceeded
	}
	return 0, io.EOF
}

func TestOneDirectionIsQuiet(t *testing.T) {
	r := &relay{times: defaultLifetimes()}
	_, err := r.read(&lull{other: func() { r.lastByte.Add(1) }}, nil)
	if !errors.Is(err, io.EOF) {
		t.Errorf("with bytes the other way: got %v", err)
	}
	_, err = r.read(&lull{other: func() {}}, nil)
	if got := verdict(t, err); got != "no byte for 2m0s" {
		t.Errorf("with none: got %q", got)
	}
}

func TestReset(t *testing.T) {
	c := serve(t, staged(t, plan.DefaultEgress(), func(c *net.TCPConn) { c.SetLinger(0); c.Read(make([]byte, 1)) })).client(t)
	conn := dial(t, c)
	io.WriteString(conn, "x")
	_, err := conn.Read(make([]byte, 1))
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "reset") {
		t.Errorf("got %v", err)
	}
}

func TestConnectionsAreGivenBack(t *testing.T) {
	e := plan.DefaultEgress()
	e.Rate = 1000
	s := staged(t, e, echo)
	v := serve(t, s)
	client := v.client(t)
	for range 3 * maxOpenPerAddr {
		c := dial(t, client).(*conn)
		c.Close()
		<-c.ended
	}
	v.cancel()
	<-v.done
	if s.budget.open != 0 || len(s.budget.perAddr) != 0 || s.budget.connections != e.Connections-3*maxOpenPerAddr {
		t.Errorf("open %d, to %v, left %d", s.budget.open, s.budget.perAddr, s.budget.connections)
	}
}

func TestInnerProcessIsGone(t *testing.T) {
	closed := make(chan struct{})
	v := serve(t, staged(t, plan.DefaultEgress(), func(c *net.TCPConn) { io.Copy(io.Discard, c); close(closed) }))
	c := v.client(t)
	dial(t, c)
	c.Close()
	<-v.done
	<-closed
	if v.err != nil {
		t.Errorf("got %v", v.err)
	}
}

func TestRunIsOver(t *testing.T) {
	v := serve(t, staged(t, plan.DefaultEgress(), echo))
	c := v.client(t)
	conn := dial(t, c)
	v.cancel()
	<-v.done
	if v.err != nil {
		t.Errorf("Serve: %v", v.err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("Read: %v", err)
	}
	if _, _, err := c.Dial(t.Context(), "host.example", 80); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("Dial: %v", err)
	}
}

// slow is a world that connects when it is told to.
type slow struct {
	Stage
	asked, connectNow chan struct{}
}

func (w *slow) connect(ctx context.Context, addr netip.AddrPort, check func(netip.AddrPort) error) (*net.TCPConn, error) {
	w.asked <- struct{}{}
	<-w.connectNow
	return w.Stage.connect(ctx, addr, check)
}

func TestDialIsGivenUp(t *testing.T) {
	closed := make(chan struct{})
	s := staged(t, plan.DefaultEgress(), func(c *net.TCPConn) { io.Copy(io.Discard, c); close(closed) })
	w := &slow{s.world.(Stage), make(chan struct{}, 1), make(chan struct{})}
	s.world = w
	c := serve(t, s).client(t)
	ctx, cancel := context.WithCancel(t.Context())
	var dialler sync.WaitGroup
	var err error
	dialler.Go(func() { _, _, err = c.Dial(ctx, "host.example", 80) })
	<-w.asked
	cancel()
	dialler.Wait()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(w.connectNow)
	<-closed // the connection that came too late
}

// An inner process that is no longer ours.

func TestHostileRequests(t *testing.T) {
	for name, packet := range map[string]string{
		"no JSON":       "GET / HTTP/1.1",
		"another field": `{"id":1,"op":"dial","host":"host.example","port":80,"fd":3}`,
		"an operation":  `{"id":1,"op":"listen","host":"host.example","port":80}`,
		"a port":        `{"id":1,"op":"dial","host":"host.example","port":65616}`,
		"two":           `{"id":1,"op":"dial","host":"host.example","port":80}{}`,
		"a long host":   `{"id":1,"op":"dial","host":"` + strings.Repeat("a", 300) + `","port":80}`,
		"a long one":    strings.Repeat(" ", maxMessage) + `{"id":1,"op":"dial","host":"host.example","port":80}`,
	} {
		t.Run(name, func(t *testing.T) {
			v := serve(t, staged(t, plan.DefaultEgress(), echo))
			if _, err := v.inner.Write([]byte(packet)); err != nil {
				t.Fatal(err)
			}
			<-v.done
			if v.err == nil {
				t.Error("it was answered")
			}
		})
	}
}

func TestAnswersAreNotTaken(t *testing.T) {
	s := staged(t, plan.DefaultEgress(), echo)
	s.times.notice = 50 * time.Millisecond
	v := serve(t, s)
	for {
		if _, err := v.inner.WriteString(`{"id":1,"op":"resolve","host":"printer"}`); err != nil {
			break // the server has ended
		}
	}
	<-v.done
	if !errors.Is(v.err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", v.err)
	}
}

// A descriptor that is sent to the server is closed and not kept.
func TestDescriptorsAreNotTaken(t *testing.T) {
	v := serve(t, staged(t, plan.DefaultEgress(), echo))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = unix.Sendmsg(int(v.inner.Fd()), []byte(`{"id":1,"op":"resolve","host":"printer"}`), unix.UnixRights(int(w.Fd())), nil, 0)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("the other end of the pipe is still open: %d bytes, %v", n, err)
	}
}

// More requests than are answered at a time wait in the socket.
func TestManyRequests(t *testing.T) {
	e := plan.DefaultEgress()
	e.Rate, e.Connections = 10_000, 10_000
	c := serve(t, staged(t, e, echo)).client(t)
	var asking sync.WaitGroup
	for range 8 * maxRequests {
		asking.Go(func() {
			if _, err := c.Resolve(t.Context(), "host.example"); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
}

// The boundary itself: a process in an empty network namespace reaches the
// server through the client, and not otherwise.
func TestProcessBoundary(t *testing.T) {
	s := staged(t, plan.DefaultEgress(), echo)
	at := s.world.(Stage).Servers[hostPort]
	v := serve(t, s)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestInnerProcess$", "-test.count=1")
	cmd.Env = append(os.Environ(), "EGRESS_DIRECT="+at.String())
	cmd.ExtraFiles = []*os.File{v.inner}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "heard: hello") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestInnerProcess is the other process of TestProcessBoundary.
func TestInnerProcess(t *testing.T) {
	direct := os.Getenv("EGRESS_DIRECT")
	if direct == "" {
		return // it has been asked for by itself
	}
	if c, err := net.Dial("tcp", direct); err == nil {
		c.Close()
		t.Fatal("there is a way around the client")
	}
	c, err := NewClient(os.NewFile(3, "inner"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn := dial(t, c)
	heard := make([]byte, 5)
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, heard); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("heard: %s\n", heard)
}
