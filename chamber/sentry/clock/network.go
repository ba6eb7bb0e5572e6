package clock

import (
	"slices"

	"gvisor.dev/gvisor/pkg/sentry/socket/netstack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// Connecting tells that a connection is being made or ended: its state is going
// to change by itself.
func (c *Clock) Connecting() bool {
	passing := []tcp.EndpointState{
		tcp.StateSynSent, tcp.StateSynRecv, tcp.StateConnecting, tcp.StateFinWait1, tcp.StateClosing, tcp.StateLastAck,
	}
	return slices.ContainsFunc(c.connections(), func(e *tcp.Endpoint) bool { return slices.Contains(passing, e.EndpointState()) })
}

// Unsent is how many bytes the subject has written to machines that have not
// acknowledged them yet. What it writes to itself does not count.
func (c *Clock) Unsent() (bytes int) {
	for _, e := range c.connections() {
		other, err := e.GetRemoteAddress()
		if s, ok := c.network(); err == nil && ok && s.Stack.CheckLocalAddress(0, e.NetProto, other.Addr) == 0 {
			bytes += *c.fields.unsent.of(e)
		}
	}
	return bytes
}

// Packets is how many packets the subject has sent and got so far, those to itself
// included.
func (c *Clock) Packets() uint64 {
	s, ok := c.network()
	if !ok {
		return 0
	}
	ip := s.Stack.Stats().IP
	return ip.PacketsSent.Value() + ip.PacketsReceived.Value()
}

// connections are those of TCP, in any state.
func (c *Clock) connections() (all []*tcp.Endpoint) {
	s, ok := c.network()
	if !ok {
		return nil
	}
	for _, ep := range s.Stack.RegisteredEndpoints() {
		if e, ok := ep.(*tcp.Endpoint); ok {
			all = append(all, e)
		}
	}
	return all
}

// network is the network of the subject; false before it begins.
func (c *Clock) network() (*netstack.Stack, bool) {
	k := c.kernel.Load()
	if k == nil {
		return nil, false
	}
	s, ok := k.RootNetworkNamespace().Stack().(*netstack.Stack)
	return s, ok
}
