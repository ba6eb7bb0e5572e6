package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// reach tries to reach addresses by TCP, by UDP, by raw packets and by frames
// of every network card, and says what came of TCP. Of the rest it knows
// nothing.
func reach(ctx context.Context, addresses []string) {
	var trying sync.WaitGroup
	for _, address := range addresses {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			continue
		}
		trying.Go(func() { reachOne(ctx, to) })
	}
	trying.Wait()
}

func reachOne(ctx context.Context, to netip.AddrPort) {
	dialer := net.Dialer{Timeout: time.Second}
	c, err := dialer.DialContext(ctx, "tcp", to.String())
	said := "connected"
	if err != nil {
		said = err.Error()
	}
	fmt.Printf("%s: %s\n", to, said)
	ping, others := "ip4:1", "ip4:253"
	// Echo requests, which are as good as any text where they are none.
	text := "\x08\x00\xf7\xff\x00\x00\x00\x00"
	if to.Addr().Is6() {
		ping, others = "ip6:58", "ip6:253"
		text = "\x80" + text[1:]
	}
	if err == nil {
		send(c, text)
	}
	for network, address := range map[string]string{"udp": to.String(), ping: to.Addr().String(), others: to.Addr().String()} {
		if c, err := dialer.DialContext(ctx, network, address); err == nil {
			send(c, text)
		}
	}
	frames(to)
}

func send(c net.Conn, text string) {
	_, _ = c.Write([]byte(text))
	c.Close()
}

// frames sends an IP packet in a frame to everybody on each cable.
func frames(to netip.AddrPort) {
	cards, err := net.Interfaces()
	if err != nil || !to.Addr().Is4() {
		return
	}
	const ipv4 = 0x0800
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return
	}
	defer func() { _ = syscall.Close(fd) }() // nothing is lost with it
	for _, card := range cards {
		everybody := [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		_ = syscall.Sendto(fd, syn(card.Index, to), 0, &syscall.SockaddrLinklayer{
			Protocol: ipv4>>8 | ipv4&0xff<<8, Ifindex: card.Index, Halen: 6, Addr: everybody,
		})
	}
}

// syn is a segment that begins a connection, with a source that the i-th of
// many forged ones has: IPv4 and TCP headers without options.
func syn(i int, to netip.AddrPort) []byte {
	b := make([]byte, 40)
	b[0], b[3], b[8], b[9] = 0x45, 40, 64, syscall.IPPROTO_TCP
	copy(b[12:], []byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	copy(b[16:], to.Addr().AsSlice())
	b[20], b[21], b[22], b[23] = byte(40+i%200), byte(i), byte(to.Port()>>8), byte(to.Port())
	b[32], b[33], b[34] = 5<<4, 0x02, 0xff
	binary.BigEndian.PutUint16(b[10:], checksum(b[:20]))
	pseudo := append([]byte{0, syscall.IPPROTO_TCP, 0, 20}, b[12:20]...)
	binary.BigEndian.PutUint16(b[36:], checksum(append(pseudo, b[20:]...)))
	return b
}

// checksum is that of the internet (RFC 1071), of an even number of bytes.
func checksum(b []byte) uint16 {
	var total uint32
	for ; len(b) > 0; b = b[2:] {
		total += uint32(binary.BigEndian.Uint16(b))
	}
	total = total>>16 + total&0xffff
	return ^uint16(total>>16 + total)
}
