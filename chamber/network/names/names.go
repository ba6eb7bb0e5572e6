// Package names is the name system of the simulated internet: every name that
// could exist has an address, and every address leads back to its name.
//
// It holds no socket. Whoever has one hands the queries of the subject to a
// [Zone] and sends what it returns; [ServeStream], [FromHTTP] and [Zone.JSON]
// know the framings of DNS. Every byte of a query is hostile.
package names

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"

	"github.com/detonaut/detonaut/chamber/decode"
)

// Options say which names there are. The zero value is sensible.
type Options struct {
	// ResolveRandom has names that look random resolved; otherwise they do not
	// exist.
	ResolveRandom bool
	// Known tells of names that exist, or do not, whatever they look like; nil
	// knows none. They come in lower case, without final dot.
	Known func(name string) (exists, known bool)
	// Resolve asks a real name server whether a name exists; nil if there is
	// none. It is given 5 seconds, and may be called from many goroutines.
	// Names that are never public are not asked for. A name for which its error
	// wraps [ErrNotAsked] is one of the simulation.
	Resolve func(ctx context.Context, name string) (exists bool, err error)
}

// ErrNotAsked is for a name that no real name server may be asked for.
var ErrNotAsked = errors.New("not asked for")

// Bounds on the names that lead back from their addresses. What is beyond them
// has its address all the same.
const (
	maxNames = 1 << 16
	maxText  = 4 << 20 // bytes of those names together
)

// Names of the bounds.
const (
	boundNames     = "names"
	boundQuestions = "questions" // of one stream
)

// Zone is all names of one run. It is safe for concurrent use.
type Zone struct {
	opts Options

	mu     sync.Mutex
	byName map[string]pair
	byAddr map[netip.Addr]string
	text   int // bytes of the names in byName
	bounds []string
}

// pair is the address of a name in both families; one that it lacks is
// invalid.
type pair struct{ v4, v6 netip.Addr }

// New makes a zone in which nothing was asked yet.
func New(o Options) *Zone {
	return &Zone{opts: o, byName: make(map[string]pair), byAddr: make(map[netip.Addr]string)}
}

// Bounds names the bounds that were reached, sorted: "names" when some
// addresses do not lead back, "questions" when a stream asked too many.
func (z *Zone) Bounds() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.Sorted(slices.Values(z.bounds))
}

// bound notes that a bound was reached. The caller holds mu.
func (z *Zone) bound(name string) {
	if !slices.Contains(z.bounds, name) {
		z.bounds = append(z.bounds, name)
	}
}

// Name is the name for which a was an answer, printable; empty if it was for
// none. Addresses that everybody knows have their names without having been
// asked for.
func (z *Zone) Name(a netip.Addr) string {
	return decode.Printable(z.name(a.Unmap()))
}

func (z *Zone) name(a netip.Addr) string {
	if name := fixedName(a); name != "" {
		return name
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.byAddr[a]
}

// Addresses are those of name, IPv4 first, whether or not it exists. They are
// the same in every run: what a name hashes to. Only if that is another name's
// already is it the next that it hashes to, and so depends on who came first.
func (z *Zone) Addresses(name string) []netip.Addr {
	name = canonical(name)
	if fixed := fixedAddrs(name); fixed != nil {
		return fixed
	}
	p := z.pair(name)
	return slices.DeleteFunc([]netip.Addr{p.v4, p.v6}, func(a netip.Addr) bool { return !a.IsValid() })
}

func (z *Zone) pair(name string) pair {
	z.mu.Lock()
	defer z.mu.Unlock()
	if p, ok := z.byName[name]; ok {
		return p
	}
	a := named(name)
	full := len(z.byName) >= maxNames || z.text+len(name) > maxText
	var p pair
	switch {
	case a.Is4():
		p.v4 = a
	case a.Is6():
		p.v6 = a
	default:
		p.v4, p.v6 = z.free(name, hashed4), z.free(name, hashed6)
	}
	if full {
		z.bound(boundNames)
		return p
	}
	z.byName[name] = p
	z.text += len(name)
	for _, a := range []netip.Addr{p.v4, p.v6} {
		if _, taken := z.byAddr[a]; a.IsValid() && !taken {
			z.byAddr[a] = name
		}
	}
	return p
}

// free is the first address that name hashes to and no other name has, or the
// first of all if many are taken. The caller holds mu.
func (z *Zone) free(name string, hashed func(name string, try byte) netip.Addr) netip.Addr {
	const tries = 16
	for try := range byte(tries) {
		a := hashed(name, try)
		if _, taken := z.byAddr[a]; !taken {
			return a
		}
	}
	return hashed(name, 0)
}

// canonical is a name in lower case and without final dot. Only ASCII has
// cases here (RFC 4343), and not every name is UTF-8.
func canonical(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	if len(b) > 0 && b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	return string(b)
}
