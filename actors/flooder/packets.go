package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/wire"
)

// raw opens a raw socket for packets that are made by hand.
func raw(protocol int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW, protocol)
	if err != nil {
		return 0, fmt.Errorf("open a raw socket: %w", err)
	}
	return fd, nil
}

// ping sends pings of a size to addresses of a network for documentation, some to
// each.
func ping(addresses, each, size int) error {
	fd, err := raw(unix.IPPROTO_ICMP)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }() // nothing is left to be lost
	for i := range addresses {
		to := &unix.SockaddrInet4{Addr: [4]byte{203, 0, 113, byte(i + 1)}}
		for n := range each {
			packet := make([]byte, 8+size)
			packet[0] = 8 // echo
			binary.BigEndian.PutUint16(packet[6:], uint16(n))
			binary.BigEndian.PutUint16(packet[2:], checksum(packet))
			if err := unix.Sendto(fd, packet, 0, to); err != nil {
				return fmt.Errorf("ping: %w", err)
			}
		}
	}
	return nil
}

// synFlood begins connections and goes on with none (RFC 9293, section 3.1).
func synFlood(context.Context) error {
	fd, err := raw(unix.IPPROTO_TCP)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }() // nothing is left to be lost
	from, to := netip.MustParseAddr("172.17.0.2").As4(), netip.MustParseAddr(wire.Stranger).As4()
	for i := range 90 {
		segment := make([]byte, 20)
		binary.BigEndian.PutUint16(segment, uint16(20000+i))
		binary.BigEndian.PutUint16(segment[2:], 80)
		binary.BigEndian.PutUint32(segment[4:], uint32(i))
		segment[12], segment[13] = 5<<4, 2 // its length in words; SYN
		binary.BigEndian.PutUint16(segment[14:], 64240)
		pseudo := append(append(append([]byte{}, from[:]...), to[:]...), 0, unix.IPPROTO_TCP, 0, byte(len(segment)))
		binary.BigEndian.PutUint16(segment[16:], checksum(append(pseudo, segment...)))
		if err := unix.Sendto(fd, segment, 0, &unix.SockaddrInet4{Addr: to}); err != nil {
			return fmt.Errorf("send a packet: %w", err)
		}
	}
	return nil
}

// checksum is that of the internet (RFC 1071) over b, whose length is even.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
