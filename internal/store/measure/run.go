package measure

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/chamber/tape"
)

// run takes what an image did.
func (m *Measure) run(r *detonaut.Report) *Run {
	from := r.Run
	to := &Run{
		End: clean(from.EndReason, maxWord), Exit: from.ExitCode, Signal: clean(from.Signal, maxWord), Class: classOf(from),
		Elapsed: max(0, from.Elapsed), CPU: max(0, from.CPU), Memory: max(0, from.MaxMemory),
		Processes: len(from.Processes), Written: len(from.FilesWritten), Deleted: len(from.FilesDeleted), Listed: len(from.Notes) > 0,
		Fetches: fetchOf(r),
	}
	m.listeners(from, to)
	m.contacts(from, to)
	for i := range from.Connections {
		if c := &from.Connections[i]; !stays(c.Address) {
			to.Sent, to.Received = add(to.Sent, c.Sent), add(to.Received, c.Received)
		}
	}
	return to
}

// classOf tells what the end of a run means. The clocks of a run may have been moved on: what
// counts is how long it took by them.
func classOf(r *detonaut.Run) Class {
	soon := max(r.Elapsed, r.Simulated) <= AtOnce
	switch tape.Reason(r.EndReason) {
	case tape.Exited, tape.Signalled:
		good := tape.Reason(r.EndReason) == tape.Exited && r.ExitCode == 0
		switch {
		case good && soon:
			return ClassFinished
		case good:
			return ClassWorked
		case soon:
			return ClassFailed
		}
		return ClassBroke
	case tape.Quiescent:
		return ClassWaits
	case tape.TimeLimit, tape.TravelLimit:
		return ClassRuns
	case tape.MemoryLimit, tape.EventLimit:
		return ClassBounded
	default: // it was not started, or we know of no end of its own
		return ClassNone
	}
}

// listeners are the ports at which others could reach it.
func (m *Measure) listeners(from *detonaut.Run, to *Run) {
	type port struct {
		network string
		number  uint16
	}
	ports, local := map[port]bool{}, false
	for i := range from.Listeners {
		l := &from.Listeners[i]
		at, err := netip.ParseAddrPort(l.Address)
		switch {
		case err != nil || at.Port() == 0 || l.Network != "tcp" && l.Network != "udp":
		case at.Addr().Unmap().IsLoopback():
			local = true
		default:
			ports[port{l.Network, at.Port()}] = true
		}
	}
	sorted := slices.SortedFunc(maps.Keys(ports), func(a, b port) int {
		return cmp.Or(cmp.Compare(a.network, b.network), cmp.Compare(a.number, b.number))
	})
	for _, p := range sorted {
		to.Listens = append(to.Listens, p.network+"/"+strconv.Itoa(int(p.number)))
	}
	to.Listens = bounded(m, "listens", to.Listens, maxListens)
	to.Local = local && len(ports) == 0
}

// contacts are the public names that it asked for, and the public addresses that it tried to
// reach without a name. What the sandbox gave it, its resolvers and the addresses of names, is
// nobody that it knows.
func (m *Measure) contacts(from *detonaut.Run, to *Run) {
	domains, addresses, answers := map[string]bool{}, map[netip.Addr]bool{}, map[netip.Addr]bool{}
	for i := range from.Connections {
		c := &from.Connections[i]
		if at, ok := address(c); ok && c.Name != "" && !c.Live {
			answers[at.Addr()] = true
		}
	}
	for i := range from.Connections {
		c := &from.Connections[i]
		at, ok := address(c)
		if !ok || nobody(from, c, at) {
			continue
		}
		if name, ok := publicName(c.Name); ok {
			domains[name] = true
		} else if c.Name == "" && !answers[at.Addr()] && publicAddress(at.Addr()) && c.Refused != "scan" {
			addresses[at.Addr()] = true
		}
	}
	for _, name := range from.Names {
		if name, ok := publicName(name); ok {
			domains[name] = true
		}
	}
	to.Contacts = len(domains) + len(addresses)
	to.Domains = bounded(m, "domains", slices.Sorted(maps.Keys(domains)), maxDomains)
	for i := range to.Domains {
		to.Domains[i] = clean(to.Domains[i], maxHost)
	}
	for _, a := range bounded(m, "addresses", slices.SortedFunc(maps.Keys(addresses), netip.Addr.Compare), maxAddresses) {
		to.Addresses = append(to.Addresses, a.String())
	}
}

// address is where a connection goes; of icmp without a port.
func address(c *detonaut.Connection) (netip.AddrPort, bool) {
	at, err := netip.ParseAddrPort(c.Address)
	if err != nil {
		var a netip.Addr
		a, err = netip.ParseAddr(strings.Trim(c.Address, "[]"))
		at = netip.AddrPortFrom(a, 0)
	}
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port()), err == nil
}

// stays tells whether an address is of the machine itself.
func stays(s string) bool {
	at, err := netip.ParseAddrPort(s)
	return err == nil && (at.Addr().Unmap().IsLoopback() || at.Addr().IsUnspecified())
}

// resolvers are those that the sandbox gives its subject (docs/network.md).
var resolvers = []string{"8.8.8.8", "8.8.4.4"}

// nobody tells whether a connection says nothing of whom the subject talks to: it asked the
// resolver that it was given, or is a socket of UDP that sent nothing, by which programs choose
// among addresses.
func nobody(r *detonaut.Run, c *detonaut.Connection, at netip.AddrPort) bool {
	return c.Protocol == "dns" && at.Port() == 53 && slices.Contains(resolvers, at.Addr().String()) ||
		r.Network == "simulated" && c.Network == "udp" && c.Name == "" && c.Protocol == "" && c.Sent == 0
}

// carrier are the addresses between providers and their customers (RFC 6598).
var carrier = netip.MustParsePrefix("100.64.0.0/10")

func publicAddress(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !carrier.Contains(a)
}

// ours are domains that no registry of the public has.
var ours = []string{
	".arpa", ".local", ".localhost", ".localdomain", ".internal", ".intranet", ".lan", ".corp", ".home", ".private", ".invalid", ".test",
}

// publicName is a name of the public DNS in lower case, without its last dot.
func publicName(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	if len(s) > 253 || !strings.Contains(s, ".") || strings.HasPrefix(s, ".") || strings.Contains(s, "..") ||
		strings.ContainsFunc(s, func(r rune) bool {
			return r == '/' || r == '@' || r == ':' || !unicode.IsPrint(r) || r == ' ' || r == unicode.ReplacementChar
		}) {
		return "", false
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return "", false
	}
	return s, !slices.ContainsFunc(ours, func(tail string) bool { return strings.HasSuffix(s, tail) })
}

// fetchers are rules about code that was fetched, or was to be, and ran.
var fetchers = []string{
	"execution/runs-download", "execution/download-and-run", "execution/one-line-loader", "initial-access/builds-download",
}

// fetchOf tells what a run did with code from elsewhere. That it ran is sure if a received body
// was executed, loaded or fed to an interpreter, whoever fetched it; or a rule says so. Fetched
// are what a system may run, and what an index of packages was asked for.
func fetchOf(r *detonaut.Report) (what Fetch) {
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Suppressed == nil && slices.Contains(fetchers, f.ID) {
			return FetchRan
		}
	}
	received := map[string]bool{}
	for _, b := range r.Run.Bodies {
		received[b.SHA256] = received[b.SHA256] || b.Received && b.SHA256 != "" && b.Size > 0
	}
	for i := range r.Run.Payloads {
		p := &r.Run.Payloads[i]
		if !received[p.SHA256] {
			continue
		}
		if slices.ContainsFunc(p.Hows, func(how string) bool {
			return slices.Contains([]tape.How{tape.Executed, tape.Loaded, tape.Stdin, tape.Code}, tape.How(how))
		}) {
			return FetchRan
		}
		if content.Runs(p.Type) {
			what = FetchKept
		}
	}
	for i := range r.Run.Processes {
		if p := &r.Run.Processes[i]; p.Origin != "image" && received[p.SHA256] {
			return FetchRan
		}
	}
	for i := range r.Run.Requests {
		if q := &r.Run.Requests[i]; strings.HasPrefix(q.Answer, "package/") && q.Status < 400 {
			what = FetchKept
		}
	}
	return what
}
