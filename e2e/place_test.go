//go:build linux

package e2e_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// namespaces are some for a process of a test. What an ordinary user may not do
// with a network, it may in one of its own: it gets a user namespace, too, with
// the capabilities given, and stays who it is, so that Detonaut sees an
// ordinary user.
func namespaces(flags uintptr, capabilities ...uintptr) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: flags}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		attr.AmbientCaps = capabilities
	}
	return attr
}

// place is the host's network and the neighbour's, with all that hears in them.
type place struct {
	ears []ear
	// targets are addresses at which somebody hears, strangers some at which
	// nobody does.
	targets, strangers []string
}

// newPlace furnishes the namespace in which the test is.
func newPlace(t *testing.T) *place {
	t.Helper()
	// A process that does nothing holds the neighbour's namespace.
	neighbour := exec.CommandContext(t.Context(), "cat")
	neighbour.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	hold, err := neighbour.StdinPipe()
	if err == nil {
		err = neighbour.Start()
	}
	if err != nil {
		t.Fatalf("make the neighbour's namespace: %v", err)
	}
	t.Cleanup(func() { hold.Close(); neighbour.Wait() })
	p := new(place)
	cable(t, neighbour.Process.Pid, p)
	p.strangers = []string{"203.0.113.9:80", "169.254.169.254:80", "[2001:db8::9]:80"}
	return p
}

// cable connects the two, and has them listen.
//
// The kernel itself sends nothing over this cable: both ends know each other,
// so that nobody needs to ask (ARP, neighbour discovery), and a cable without
// ARP has neither addresses nor groups of its own making to announce (router
// and multicast listener discovery of IPv6). So every packet is somebody's.
func cable(t *testing.T, neighbour int, p *place) {
	t.Helper()
	pid := fmt.Sprint(neighbour)
	ip := func(in []string, args ...string) {
		t.Helper()
		words := append(in, append([]string{"ip"}, args...)...)
		if out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v; run testdata/needs.sh test\n%s", strings.Join(words, " "), err, out)
		}
	}
	there := func() []string {
		return []string{"nsenter", "--preserve-credentials", "--net=/proc/" + pid + "/ns/net"}
	}
	here := func() []string { return nil }
	const hostMAC, neighbourMAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
	ip(nil, "link", "set", "lo", "up")
	ip(nil, "addr", "add", bridge+"/32", "dev", "lo")
	ip(nil, "link", "add", "cable", "address", hostMAC, "type", "veth", "peer", "name", "cable", "address", neighbourMAC, "netns", pid)
	for _, end := range []struct {
		in             func() []string
		own4, own6     string
		other4, other6 string
		other          string
	}{{here, host4, host6, neighbour4, neighbour6, neighbourMAC}, {there, neighbour4, neighbour6, host4, host6, hostMAC}} {
		ip(end.in(), "link", "set", "cable", "arp", "off", "addrgenmode", "none", "up")
		ip(end.in(), "addr", "add", end.own4+"/24", "dev", "cable")
		ip(end.in(), "addr", "add", end.own6+"/64", "dev", "cable", "nodad")
		for _, other := range []string{end.other4, end.other6} {
			ip(end.in(), "neigh", "replace", other, "lladdr", end.other, "nud", "permanent", "dev", "cable")
		}
	}
	ip(nil, "route", "add", "default", "via", neighbour4)
	ip(nil, "-6", "route", "add", "default", "via", neighbour6)

	p.hear(t, "host", "127.0.0.1", "::1", bridge, host4, host6)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends in the namespace that it went to
		ns, err := os.Open("/proc/" + pid + "/ns/net")
		if err == nil {
			defer ns.Close()
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		}
		if err != nil {
			t.Errorf("enter the neighbour's namespace: %v", err)
			return
		}
		p.hear(t, "neighbour", neighbour4, neighbour6)
	}()
	<-done
	if t.Failed() {
		t.FailNow()
	}
}

// ear is a socket at which something may arrive. It never blocks.
type ear struct {
	name string
	fd   int
	kind int // of the socket
}

// hear opens ears in the namespace of the caller's thread: at addresses, and for
// every packet there. It does not end t: it may be called from any goroutine.
func (p *place) hear(t *testing.T, who string, addresses ...string) {
	open := func(name string, domain, kind, protocol int, at unix.Sockaddr) (port int) {
		fd, err := unix.Socket(domain, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
		if err == nil {
			err = unix.Bind(fd, at)
		}
		if err == nil && kind == unix.SOCK_STREAM {
			err = unix.Listen(fd, 64)
		}
		var own unix.Sockaddr
		if err == nil {
			own, err = unix.Getsockname(fd)
		}
		if err != nil {
			t.Errorf("listen as %s: %v", name, err)
			return 0
		}
		t.Cleanup(func() { unix.Close(fd) })
		p.ears = append(p.ears, ear{name, fd, kind})
		if a, ok := own.(*unix.SockaddrInet6); ok {
			return a.Port
		}
		return 0
	}
	port := open("TCP of the "+who, unix.AF_INET6, unix.SOCK_STREAM, 0, &unix.SockaddrInet6{}) // at every address
	open("UDP of the "+who, unix.AF_INET6, unix.SOCK_DGRAM, 0, &unix.SockaddrInet6{Port: port})
	all := uint16(unix.ETH_P_ALL)
	open("packets of the "+who, unix.AF_PACKET, unix.SOCK_DGRAM, int(all<<8), &unix.SockaddrLinklayer{Protocol: all << 8}) // in network order
	for _, a := range addresses {
		p.targets = append(p.targets, net.JoinHostPort(a, fmt.Sprint(port)))
	}
}

// heard tells what has arrived since it was last called. Nothing is under way:
// in one kernel what is sent has arrived when the call that sends it returns.
func (p *place) heard(t *testing.T) (list []string) {
	t.Helper()
	packet := make([]byte, 2048)
	for _, e := range p.ears {
		for {
			var n int
			var from unix.Sockaddr
			var err error
			if e.kind == unix.SOCK_STREAM {
				if n, from, err = unix.Accept4(e.fd, unix.SOCK_CLOEXEC); err == nil {
					unix.Close(n)
					n = 0
				}
			} else {
				n, from, err = unix.Recvfrom(e.fd, packet, 0)
			}
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			if err != nil {
				t.Fatalf("listen as %s: %v", e.name, err)
			}
			list = append(list, fmt.Sprintf("%s: %s", e.name, described(packet[:n], from)))
		}
	}
	return list
}

// described says of a packet of IP whom it is for.
func described(packet []byte, from unix.Sockaddr) string {
	l, ok := from.(*unix.SockaddrLinklayer)
	switch {
	case ok && len(packet) >= 20 && packet[0]>>4 == 4:
		return fmt.Sprintf("protocol %d for %s, %x", packet[9], netip.AddrFrom4([4]byte(packet[16:20])), packet)
	case ok && len(packet) >= 40 && packet[0]>>4 == 6:
		return fmt.Sprintf("protocol %d for %s, %x", packet[6], netip.AddrFrom16([16]byte(packet[24:40])), packet)
	case ok:
		return fmt.Sprintf("type %#04x, %x", l.Protocol, packet)
	}
	return fmt.Sprintf("%+v %q", from, packet)
}
