package fleet_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// pipe is the network of a worker to one server: it can be cut. What was connected stays so, and
// nothing comes through any more; who connects then is not answered.
type pipe struct {
	listener net.Listener
	network  string
	target   string

	mu     sync.Mutex
	whole  chan struct{} // is closed while it is not cut
	conns  map[net.Conn]bool
	ended  bool
	serves sync.WaitGroup
}

// newPipe listens at an address of a network, "unix" or "tcp", for a target of it. It ends with
// the test.
func newPipe(t *testing.T, network, at, target string) *pipe {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), network, at)
	if err != nil {
		t.Fatal(err)
	}
	p := &pipe{listener: l, network: network, target: target, whole: make(chan struct{}), conns: map[net.Conn]bool{}}
	close(p.whole)
	p.serves.Go(p.serve)
	t.Cleanup(func() {
		p.end()
		p.serves.Wait()
	})
	return p
}

// address is where it listens.
func (p *pipe) address() string { return p.listener.Addr().String() }

func (p *pipe) serve() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.serves.Go(func() { p.join(c) })
	}
}

// join connects one to the target.
func (p *pipe) join(c net.Conn) {
	defer c.Close()
	p.wait()
	d, err := net.DialTimeout(p.network, p.target, 5*time.Second)
	if err != nil {
		return
	}
	defer d.Close()
	if !p.keep(c, d) {
		return
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{c, d}, {d, c}} {
		both.Go(func() {
			_, _ = io.Copy(gate{p, way[1]}, way[0]) // one of them has ended
			c.Close()
			d.Close()
		})
	}
	both.Wait()
}

// gate lets nothing through while the pipe is cut.
type gate struct {
	p *pipe
	w io.Writer
}

func (g gate) Write(b []byte) (int, error) {
	g.p.wait()
	return g.w.Write(b)
}

func (p *pipe) wait() {
	p.mu.Lock()
	whole := p.whole
	p.mu.Unlock()
	<-whole
}

func (p *pipe) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	return !p.ended
}

// cut lets nothing through until mend.
func (p *pipe) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.whole = make(chan struct{})
}

func (p *pipe) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.whole:
	default:
		close(p.whole)
	}
}

func (p *pipe) end() {
	p.listener.Close()
	p.mend()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	for c := range p.conns {
		c.Close()
	}
}
