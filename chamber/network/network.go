// Package network is the internet of a run. A subject's network card is one end
// of a socket pair; this package holds the other, with a TCP/IP stack in user
// space that answers for every address: names, certificates, web sites and the
// servers of many protocols. What it sees it writes down as events.
//
// Nothing leaves: the only way out of the sandbox ends in this process, which
// has no network of its own. In live mode alone it is given a socket over which
// it may ask another process to dial (package egress).
//
// Everything that comes in is the subject's, and hostile. Flows, buffers and
// records have bounds, which [Internet.Close] names when they were reached. A
// server that fails takes its own flow along and nothing else.
package network

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/bait"
	"github.com/detonaut/detonaut/chamber/egress"
	"github.com/detonaut/detonaut/chamber/network/capture"
	"github.com/detonaut/detonaut/chamber/network/cassette"
	"github.com/detonaut/detonaut/chamber/network/names"
	"github.com/detonaut/detonaut/chamber/network/pki"
	"github.com/detonaut/detonaut/chamber/network/web"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Options say what an internet is like. Baits, Record and Elapsed are required.
type Options struct {
	Plan plan.Internet
	// MAC is the address of the subject's card; empty for that of a container.
	MAC string
	// Baits are those of the run: some are handed out, and all are recognised.
	Baits *bait.Set
	// Record takes an event; by is the subject's end of what it is about. It is
	// called from many goroutines, and owns the event.
	Record func(e *tape.Event, by Origin)
	// Elapsed is the time since the start of the run in nanoseconds.
	Elapsed func() int64
	// Ahead is how far the subject's clocks were moved on: those of its internet
	// show the same time. nil is not at all.
	Ahead func() time.Duration
	// Artifacts takes the capture, the record and the bodies, as far as they are
	// wanted; nil takes none.
	Artifacts *artifact.Writer
	// Egress dials out for a live network; nil otherwise.
	Egress *egress.Client
	// Replay is the record of a live run; nil for none.
	Replay io.Reader
}

// Origin is the subject's end of a flow: how an event finds its process.
type Origin struct {
	// Flow is the number of the flow.
	Flow uint64
	// Network is "tcp", "udp" or "icmp", Port the subject's port.
	Network string
	Port    uint16
	// Start is when the flow began, by CLOCK_MONOTONIC in nanoseconds.
	Start int64
}

// Internet is one simulated internet. Close ends it.
type Internet struct {
	opts      Options
	authority *pki.Authority
	zone      *names.Zone
	site      *web.Site
	baits     *bait.Set
	stack     *netstack
	capture   *capture.Writer // nil when nothing is captured
	player    *cassette.Player
	recorder  *cassette.Recorder
	http      *httpServer
	upstream  *http.Transport // nil unless live
	scans     scans
	datagrams datagrams
	icmp      pings
	passives  passives

	ctx     context.Context
	cancel  context.CancelFunc
	flows   atomic.Uint64
	open    atomic.Int64 // TCP flows
	bodies  atomic.Int64 // bytes of bodies in memory
	parted  atomic.Bool  // the subject is gone
	running sync.WaitGroup

	mu     sync.Mutex
	bounds []string
	living map[*flow]struct{}
}

// New makes an internet that answers on link, the near end of a socket pair
// (SOCK_SEQPACKET) that carries Ethernet frames. It owns link from then on.
func New(link *os.File, o Options) (*Internet, error) {
	authority, err := pki.New(time.Now())
	if err != nil {
		return nil, err
	}
	n := &Internet{opts: o, authority: authority, baits: o.Baits, living: make(map[*flow]struct{})}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.site = web.New(web.Options{Baits: n.baits, Canned: o.Plan.Answers, Now: n.now})
	n.zone = names.New(n.nameOptions())
	if o.Replay != nil {
		if n.player, err = cassette.NewPlayer(o.Replay); err != nil {
			return nil, err
		}
		n.recorded(n.player.Err())
	}
	if o.Artifacts.Wants(artifact.Captures) {
		if n.capture, err = newCapture(o.Artifacts); err != nil {
			return nil, err
		}
	}
	if o.Artifacts.Wants(artifact.Records) && o.Plan.Record {
		n.recorder = cassette.NewRecorder(o.Artifacts.Record())
	}
	if o.Egress != nil {
		n.upstream = n.newUpstream()
	}
	n.http = newHTTPServer(n)
	n.running.Go(n.http.serve)
	if n.stack, err = newStack(link, n); err != nil {
		n.http.close()
		return nil, fmt.Errorf("make network: %w", err)
	}
	return n, nil
}

// now is what the clocks of the internet show.
func (n *Internet) now() time.Time {
	if n.opts.Ahead == nil {
		return time.Now()
	}
	return time.Now().Add(n.opts.Ahead())
}

// Certificate is the DER of the run's CA.
func (n *Internet) Certificate() []byte { return n.authority.Certificate().Raw }

// Part tells that the subject is gone: nothing that is said to it matters any more, and
// what waits for it to listen goes on.
func (n *Internet) Part() {
	n.parted.Store(true)
	n.mu.Lock()
	defer n.mu.Unlock()
	for f := range n.living {
		f.mu.Lock()
		if f.conn != nil {
			_ = f.conn.SetWriteDeadline(past) // a connection that is gone needs none
		}
		f.mu.Unlock()
	}
}

// settleInterval is how often what has begun behind Close's back is ended.
const settleInterval = 5 * time.Millisecond

// settle waits until every flow has ended. A connection that was let in before
// Close may tell the stack of itself after that has ended all others, and would
// then wait for a minute for somebody to answer.
func (n *Internet) settle() {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.running.Wait()
	}()
	again := time.NewTicker(settleInterval)
	defer again.Stop()
	for {
		select {
		case <-ended:
			return
		case <-again.C:
			n.stack.abort()
		}
	}
}

// Cut ends every flow, also one that has not been heard out. None begins any more.
func (n *Internet) Cut() {
	n.cancel()
	n.mu.Lock() // no flow is listed any more
	defer n.mu.Unlock()
	for f := range n.living {
		f.abort()
	}
}

// Close ends every flow, writes what is still to be written and returns the
// names of the bounds that were reached, sorted. No event follows.
func (n *Internet) Close() []string {
	n.Cut()
	n.stack.close()
	if n.stack.overrun() {
		n.bound("flows")
	}
	n.http.close()
	n.settle()
	n.datagrams.end(n)
	n.icmp.end(n)
	if n.recorder != nil {
		n.recorded(n.recorder.Close())
	}
	if n.upstream != nil {
		n.upstream.CloseIdleConnections()
	}
	if n.opts.Egress != nil {
		_ = n.opts.Egress.Close() // there is nobody left to ask
	}
	if n.capture != nil {
		if err := n.capture.Close(); err != nil {
			n.bound("artifacts")
		}
		for _, b := range n.capture.Bounds() {
			n.bound(b)
		}
	}
	for _, b := range n.zone.Bounds() {
		n.bound(b)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	slices.Sort(n.bounds)
	return n.bounds
}

// bound notes that a bound was reached.
func (n *Internet) bound(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Contains(n.bounds, name) {
		n.bounds = append(n.bounds, name)
	}
}

// record writes down what f did.
func (n *Internet) record(f *flow, e *tape.Event) {
	e.Flow = f.id
	n.opts.Record(e, f.origin())
}

// recordBaits writes down the baits that are in what was sent to host.
func (n *Internet) recordBaits(f *flow, host, place string, found []bait.Match) {
	for _, m := range found {
		n.record(f, &tape.Event{Kind: tape.BaitSent, Bait: &tape.Bait{
			Name: m.Name, Source: string(bait.SourceOf(m.Name)), Encoding: m.Encoding, Place: place, Home: n.baits.Home(m.Name, host),
		}})
	}
}

// find looks for baits in what the subject sent.
func (n *Internet) find(b []byte) []bait.Match {
	found, complete := n.baits.Search(b)
	if !complete {
		n.bound("bodies")
	}
	return found
}

// hostOf is what a flow's other end is called: its name, or its address.
func (n *Internet) hostOf(remote netip.Addr) (name, host string) {
	if name = n.zone.Name(remote); name != "" {
		return name, name
	}
	return "", remote.String()
}
