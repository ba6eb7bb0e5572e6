package egress

import (
	"fmt"
	"net/netip"

	"github.com/detonaut/detonaut/chamber/address"
)

// reachable says why addr is never connected to, whatever a policy allows; nil
// if nothing speaks against it.
func (p *Policy) reachable(addr netip.Addr) error {
	if err := address.Public(addr); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	addr = addr.Unmap()
	switch {
	case address.Any(p.own, addr):
		return fmt.Errorf("%w: the address is on a network of this machine", ErrRefused)
	case address.Any(p.refuse, addr):
		return fmt.Errorf("%w: the address is one that the operator refuses", ErrRefused)
	}
	if within, ok := address.Within(addr); ok && p.reachable(within) != nil {
		return fmt.Errorf("%w: the address tunnels to an IPv4 address that is refused", ErrRefused)
	}
	return nil
}
