package egress

import (
	"net/netip"
	"sync"
	"time"

	"github.com/detonaut/detonaut/chamber/plan"
)

// budget is what is left of the bounds of one run. Its methods may be called
// from any goroutine.
type budget struct {
	mu          sync.Mutex
	bytes       int64 // in both directions
	connections int
	lookups     int
	dials, asks bucket
	open        int
	perAddr     map[netip.Addr]int // as many as are open
}

// lookupsEach is how many lookups each connection may have: a client asks for
// up to three kinds of addresses of a name (A, AAAA, HTTPS), and connecting takes
// one more.
const lookupsEach = 4

// newBudget is a budget of which nothing is spent.
func newBudget(e plan.Egress) *budget {
	return &budget{
		bytes:       e.Bytes,
		connections: e.Connections,
		lookups:     lookupsEach * e.Connections,
		dials:       bucket{rate: e.Rate},
		asks:        bucket{rate: lookupsEach * e.Rate},
		perAddr:     map[netip.Addr]int{},
	}
}

// begin takes one connection to addr out of the budget, of which the caller
// tells the end with end unless it gets an error.
func (b *budget) begin(addr netip.Addr, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.bytes <= 0:
		return errBytes
	case b.connections <= 0:
		return bounded("the run has had all of its connections")
	case b.open >= maxOpen:
		return bounded("%d connections are open", maxOpen)
	case b.perAddr[addr] >= maxOpenPerAddr:
		return bounded("%d connections to the address are open", maxOpenPerAddr)
	case !b.dials.take(now):
		return bounded("more than %d connections in a second", b.dials.rate)
	}
	b.connections--
	b.open++
	b.perAddr[addr]++
	return nil
}

func (b *budget) end(addr netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open--
	if b.perAddr[addr]--; b.perAddr[addr] == 0 {
		delete(b.perAddr, addr)
	}
}

// lookup takes one lookup of a name out of the budget.
func (b *budget) lookup(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.lookups <= 0:
		return bounded("the run has had all of its lookups")
	case !b.asks.take(now):
		return bounded("more than %d lookups in a second", b.asks.rate)
	}
	b.lookups--
	return nil
}

// errBytes is how a connection ends that would carry too much.
var errBytes = bounded("the run has sent and received all of its bytes")

// take returns how many of n bytes may still be passed on.
func (b *budget) take(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n = int(min(int64(n), b.bytes))
	b.bytes -= int64(n)
	return n
}

// A bucket holds tokens for one second, and is full at first.
type bucket struct {
	rate int // tokens a second, and how many it holds
	// spent is how many tokens are missing, at the time of last.
	spent float64
	last  time.Time
}

func (b *bucket) take(now time.Time) bool {
	if gone := now.Sub(b.last).Seconds(); gone > 0 {
		b.spent = max(0, b.spent-gone*float64(b.rate))
		b.last = now
	}
	if b.spent+1 > float64(b.rate) {
		return false
	}
	b.spent++
	return true
}
