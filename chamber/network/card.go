package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/control/client"
	"gvisor.dev/gvisor/pkg/urpc"
	"gvisor.dev/gvisor/runsc/boot"
)

// MTU is that of an ordinary Ethernet: another would tell of the sandbox.
const MTU = 1500

// segmentBytes is how much of a TCP stream passes the cable at once. Between a
// container and its host Linux does not cut segments to the MTU either, but
// leaves that to a card (TSO): both sides go on saying 1500.
const segmentBytes = 60 << 10

// Addresses as a container has them on Docker's own bridge, with IPv6 of a
// unique local prefix.
var (
	subject4 = netip.MustParsePrefix("172.17.0.2/16")
	gateway4 = netip.MustParsePrefix("172.17.0.1/16")
	subject6 = netip.MustParsePrefix("fd5d:8a4e:31c7:1::2/64")
	gateway6 = netip.MustParsePrefix("fd5d:8a4e:31c7:1::1/64")

	// ownMAC is the subject's where the plan names none: Docker makes that of a
	// container from its address.
	ownMAC     = net.HardwareAddr{0x02, 0x42, 0xac, 0x11, 0x00, 0x02}
	gatewayMAC = net.HardwareAddr{0x02, 0x42, 0x5b, 0x0e, 0x1c, 0x9d}
)

// Files are those that Docker puts into a container for its network, by path.
func Files(hostname string) map[string]string {
	return map[string]string{
		// What Docker writes where the machine names no server that a container
		// could reach.
		"/etc/resolv.conf": "nameserver 8.8.8.8\nnameserver 8.8.4.4\n",
		"/etc/hostname":    hostname + "\n",
		"/etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n" +
			"ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n" + subject4.Addr().String() + "\t" + hostname + "\n",
	}
}

// cardBuffer is how many bytes of frames wait in the socket pair, each way.
const cardBuffer = 4 << 20

// Cable makes the socket pair between a sandbox and its internet. The caller
// owns both ends, and keeps the far one open until the internet is closed:
// gVisor's network card does not stop at the end of what it reads, but spins.
func Cable() (near, far *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make network cable: %w", err)
	}
	for _, fd := range pair {
		// More than the machine allows is cut to what it allows.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, cardBuffer)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, cardBuffer)
	}
	return os.NewFile(uintptr(pair[0]), "cable"), os.NewFile(uintptr(pair[1]), "cable of the sandbox"), nil
}

// InTransit returns how much of the cable's memory holds what was sent by its far end
// and not taken by the near one, and how many bytes the other way.
func InTransit(far *os.File) (sent, got int) {
	raw, err := far.SyscallConn()
	if err != nil {
		return 0, 0 // it is closed
	}
	_ = raw.Control(func(fd uintptr) {
		// A socket that lives answers both (unix(7)).
		sent, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		got, _ = unix.IoctlGetInt(int(fd), unix.SIOCINQ)
	})
	return sent, got
}

// Gone tells the near end of a cable that nobody takes anything at its far one any
// more: what is sent there fails at once. What the far end sent can still be taken. No
// card may use the far end then: gVisor's does not stop at the end of what it reads.
func Gone(far *os.File) {
	raw, err := far.SyscallConn()
	if err != nil {
		return // it is closed
	}
	_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RD) }) // of a socket that lives
}

// PlugIn gives the booted sandbox behind a control socket far as its network
// card. It must be called before the sandbox starts, which must be told to
// leave the network as it is. The card has mac, as [Options] do. far stays the
// caller's.
//
// gVisor has no public way to do this; runsc does the same for cards that it
// finds in a network namespace.
func PlugIn(controlSocket string, far *os.File, mac string) (err error) {
	control, err := client.ConnectTo(controlSocket)
	if err != nil {
		return fmt.Errorf("reach sandbox: %w", err)
	}
	defer func() { err = errors.Join(err, control.Close()) }()
	args := links(far, hardwareAddress(mac))
	if err := control.Call(boot.ContMgrSetNetworkArgs, &args, nil); err != nil {
		return fmt.Errorf("plug in the sandbox's network card: %w", err)
	}
	return nil
}

// hardwareAddress reads what a plan, which was validated, says of the card.
func hardwareAddress(mac string) net.HardwareAddr {
	if a, err := net.ParseMAC(mac); err == nil {
		return a
	}
	return ownMAC
}

func links(far *os.File, mac net.HardwareAddr) boot.CreateLinksAndRoutesArgs {
	address := func(p netip.Prefix) boot.IPWithPrefix {
		return boot.IPWithPrefix{Address: p.Addr().AsSlice(), PrefixLen: p.Bits()}
	}
	network := func(p netip.Prefix) net.IPNet {
		return net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
	}
	all4, all6 := netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	gateway := func(all, gateway netip.Prefix) boot.DefaultRoute {
		return boot.DefaultRoute{Name: "eth0", Route: boot.Route{Destination: network(all), Gateway: gateway.Addr().AsSlice()}}
	}
	neighbour := func(p netip.Prefix) boot.Neighbor {
		return boot.Neighbor{IP: p.Addr().AsSlice(), HardwareAddr: gatewayMAC}
	}
	return boot.CreateLinksAndRoutesArgs{
		FilePayload:   urpc.FilePayload{Files: []*os.File{far}},
		LoopbackLinks: []boot.LoopbackLink{boot.DefaultLoopbackLink},
		FDBasedLinks: []boot.FDBasedLink{{
			Name: "eth0", MTU: MTU, NumChannels: 1, LinkAddress: mac,
			Addresses:         []boot.IPWithPrefix{address(subject4), address(subject6)},
			Routes:            []boot.Route{{Destination: network(subject4)}, {Destination: network(subject6)}},
			Neighbors:         []boot.Neighbor{neighbour(gateway4), neighbour(gateway6)},
			TXChecksumOffload: true, RXChecksumOffload: true, GSOMaxSize: segmentBytes,
		}},
		Defaultv4Gateway: gateway(all4, gateway4),
		Defaultv6Gateway: gateway(all6, gateway6),
	}
}
