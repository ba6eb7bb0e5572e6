package network_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/egress"
	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Where the hosts of the staged internet are: "real.example.com" may be
// reached, "other.example.com" may not.
var (
	realAddr  = netip.MustParseAddr("1.1.1.1")
	otherAddr = netip.MustParseAddr("1.1.1.2")
)

// Ports of protocols in which the server speaks first, so that nobody waits long
// for the subject.
const (
	rawPort    = 21
	secretPort = 3306
)

// world is an internet on loopback. Its hosts have HTTP at 80, HTTPS at 443,
// and whatever raw does at two more, in TLS at the second.
type world struct {
	t     testing.TB
	plan  plan.Egress
	stage egress.Stage
	// other counts the connections to the host that may not be reached.
	other atomic.Int32
}

func newWorld(t testing.TB, handler http.HandlerFunc, raw func(net.Conn)) *world {
	w := &world{t: t, plan: plan.DefaultEgress(), stage: egress.Stage{
		Names:   map[string][]netip.Addr{"real.example.com": {realAddr}, "other.example.com": {otherAddr}},
		Servers: map[netip.AddrPort]netip.AddrPort{},
	}}
	w.plan.Allow, w.plan.Ports = []string{"real.example.com"}, []uint16{80, 443, rawPort, secretPort}
	if handler == nil {
		handler = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "real "+r.Host) }
	}
	plain, secure := httptest.NewServer(handler), httptest.NewUnstartedServer(handler)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	w.at(realAddr, 80, plain.Listener.Addr())
	w.at(realAddr, 443, secure.Listener.Addr())
	if raw != nil {
		w.at(realAddr, rawPort, w.listen(nil, raw))
		w.at(realAddr, secretPort, w.listen(&tls.Config{Certificates: secure.TLS.Certificates}, raw))
	}
	for _, port := range w.plan.Ports {
		w.at(otherAddr, port, w.listen(nil, func(net.Conn) { w.other.Add(1) }))
	}
	return w
}

func (w *world) at(addr netip.Addr, port uint16, real net.Addr) {
	w.stage.Servers[netip.AddrPortFrom(addr, port)] = real.(*net.TCPAddr).AddrPort()
}

// listen serves connections on loopback, each in TLS if config is not nil.
func (w *world) listen(config *tls.Config, serve func(net.Conn)) net.Addr {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	w.t.Cleanup(func() {
		l.Close()
		tasks.Wait()
	})
	return l.Addr()
}

// subject has o's internet reach the world live.
func (w *world) subject(o network.Options) *subject {
	policy, err := egress.NewPolicy(w.plan, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	outer, inner, err := egress.Pair()
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var server sync.WaitGroup
	server.Go(func() {
		if err := egress.NewStagedServer(policy, w.stage).Serve(ctx, outer); err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(func() { cancel(); server.Wait() })
	if o.Egress, err = egress.NewClient(inner); err != nil {
		w.t.Fatal(err)
	}
	return newSubject(w.t, o)
}

// kept are the artifacts of a run.
type kept struct {
	record bytes.Buffer
	bodies [][]byte
}

func (k *kept) Capture([]byte) error  { return nil }
func (k *kept) Record(b []byte) error { k.record.Write(b); return nil }
func (k *kept) Payload([]byte) error  { return nil }
func (k *kept) Blob(b []byte) error   { k.bodies = append(k.bodies, bytes.Clone(b)); return nil }

// keep returns where artifacts go to; done waits for them.
func keep(t *testing.T) (w *artifact.Writer, done func() *kept) {
	t.Helper()
	r, pipe := io.Pipe()
	k, result := new(kept), make(chan error, 1)
	go func() { result <- artifact.Read(r, k, artifact.DefaultLimits()) }()
	w = artifact.NewWriter(pipe, artifact.DefaultLimits())
	return w, func() *kept {
		t.Helper()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		pipe.Close()
		if err := <-result; err != nil {
			t.Error(err)
		}
		return k
	}
}

// exchange is the one exchange of HTTP with a URL.
func (s *subject) exchange(url string) *tape.HTTP {
	s.tb.Helper()
	var found *tape.HTTP
	for _, e := range s.seen(tape.HTTPExchange) {
		if e.HTTP.URL != url {
			continue
		}
		if found != nil {
			s.tb.Fatalf("two exchanges with %s", url)
		}
		found = e.HTTP
	}
	if found == nil {
		s.tb.Fatalf("no exchange with %s", url)
	}
	return found
}
