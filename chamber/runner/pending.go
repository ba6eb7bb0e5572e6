package runner

import (
	"math"
	"net/netip"
	"time"

	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// patience is how long an event of the network waits for the sandbox to say
// whose it is. The sandbox says so when the call that began the flow returns,
// and holds its events back for milliseconds only; a busy machine takes longer.
const patience = 500 * time.Millisecond

// maxWaiting is how many events wait at most; then the first goes as it is.
const maxWaiting = 4096

// pending is an event that waits for its place on the tape: output for the
// older events of the sandbox, an event of the network also for its process.
type pending struct {
	at    int64 // CLOCK_MONOTONIC
	event *tape.Event
	by    *network.Origin // nil for output
}

// owners tells which process has which port.
type owners struct {
	ports map[port]owner
	flows map[uint64]owner // of flows that have not ended
}

type port struct {
	network string
	number  uint16
}

type owner struct {
	pid, tid int32
	since    int64
}

// learn takes note of a socket.local of the sandbox.
func (o *owners) learn(e *tape.Event) {
	if o.ports == nil {
		o.ports, o.flows = make(map[port]owner), make(map[uint64]owner)
	}
	key := port{network: "tcp"}
	switch {
	case e.Socket.Type == "raw" || e.Socket.Protocol == protocolICMP || e.Socket.Protocol == protocolICMPv6:
		key.network = "icmp"
	case e.Socket.Type == "dgram":
		key.network = "udp"
	}
	if a, err := netip.ParseAddrPort(e.Socket.Address); err == nil && key.network != "icmp" {
		key.number = a.Port()
	}
	o.ports[key] = owner{e.PID, e.TID, e.Time}
}

// Numbers of protocols (IANA).
const (
	protocolICMP   = 1
	protocolICMPv6 = 58
)

// reuse is how long before its flow began a process may have been told of. A
// connection that nobody waits for is told of before its first packet is seen;
// what is older was another connection's port.
const reuse = int64(2 * time.Second)

// of returns who began a flow, and whether that is known.
func (o *owners) of(by *network.Origin) (owner, bool) {
	if w, ok := o.flows[by.Flow]; ok {
		return w, true
	}
	w, ok := o.ports[port{by.Network, by.Port}]
	if !ok || by.Network == "tcp" && w.since < by.Start-reuse {
		return owner{}, false
	}
	o.flows[by.Flow] = w
	return w, true
}

// seen records an event of the network, which happens now. The process that it
// belongs to is known a moment later.
func (r *recorder) seen(e *tape.Event, by network.Origin) {
	if r.plan.Detail == plan.Untraced {
		return
	}
	r.baits.answered(e.HTTP)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wait(e, &by)
}

// elapsed is the time since the start of the run in nanoseconds.
func (r *recorder) elapsed() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.zero == 0 {
		return 0
	}
	return wire.Monotonic() - r.zero
}

// settleUntil writes what waits and is older than a monotonic time. The caller
// holds mu.
func (r *recorder) settleUntil(at int64) error {
	for len(r.waiting) > 0 && r.waiting[0].at <= at {
		p := r.waiting[0]
		if p.by != nil {
			who, known := r.owners.of(p.by)
			if !known && at != math.MaxInt64 && len(r.waiting) < maxWaiting && wire.Monotonic()-p.at < int64(patience) {
				return nil
			}
			p.event.PID, p.event.TID = who.pid, who.tid
			if p.event.Kind == tape.FlowEnded {
				delete(r.owners.flows, p.by.Flow)
			}
		}
		r.waiting = r.waiting[1:]
		if err := r.write(p.event, p.at); err != nil {
			return err
		}
		if p.event.Output != nil {
			if err := r.found(r.baits.printed(p.event), p.event.Seq, p.at); err != nil {
				return err
			}
		}
	}
	return nil
}
