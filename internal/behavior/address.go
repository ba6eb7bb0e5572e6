package behavior

import (
	"net/netip"
	"strconv"
	"strings"
)

// SplitAddress takes "IP:port" or "[IP]:port" apart. Of anything else, such as
// a unix path, host is the whole and port is -1.
func SplitAddress(address string) (host string, port int) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 || isUnix(address) {
		return address, -1
	}
	n, err := strconv.ParseUint(address[i+1:], 10, 16)
	if err != nil {
		return address, -1
	}
	host = strings.TrimSuffix(strings.TrimPrefix(address[:i], "["), "]")
	return host, int(n)
}

// Loopback tells whether an address stays on the machine: a loopback or
// unspecified IP, a unix path, or none. An address that cannot be understood
// does not.
func Loopback(address string) bool {
	ip, ok := parseIP(address)
	return isUnix(address) || ok && (ip.IsLoopback() || ip.IsUnspecified())
}

// Private tells whether an address is one of a local network or of the
// machine itself.
func Private(address string) bool {
	ip, ok := parseIP(address)
	return Loopback(address) || ok && (ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsMulticast())
}

func isUnix(address string) bool {
	return address == "" || address[0] == '/' || address[0] == '@'
}

func parseIP(address string) (netip.Addr, bool) {
	host, _ := SplitAddress(address)
	ip, err := netip.ParseAddr(host)
	return ip.Unmap(), err == nil
}
