// Package decode turns bytes of the subject into the strings of the tape:
// socket addresses, DNS questions, text that is not UTF-8.
//
// It is apart from package sentry, which needs gVisor, so that it can be
// fuzzed: every byte it reads is hostile.
package decode

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/tape"
)

// Printable writes bytes that are not UTF-8 as \xNN.
func Printable(s string) string {
	const digits = "0123456789abcdef"
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			b.WriteString(`\x`)
			b.WriteByte(digits[s[0]>>4])
			b.WriteByte(digits[s[0]&15])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// Address writes a struct sockaddr as the tape has it; empty for none. The
// result need not be printable.
func Address(b []byte) string {
	if len(b) < 2 {
		return ""
	}
	port := func() string { return strconv.Itoa(int(binary.BigEndian.Uint16(b[2:]))) }
	switch family := binary.NativeEndian.Uint16(b); {
	case family == unix.AF_INET && len(b) >= 8:
		return net.JoinHostPort(netip.AddrFrom4([4]byte(b[4:8])).String(), port())
	case family == unix.AF_INET6 && len(b) >= 24:
		return net.JoinHostPort(netip.AddrFrom16([16]byte(b[8:24])).String(), port())
	case family == unix.AF_UNIX && len(b) > 2:
		path := string(b[2:])
		if path[0] == 0 { // abstract
			return "@" + strings.TrimRight(path[1:], "\x00")
		}
		path, _, _ = strings.Cut(path, "\x00")
		return path
	case family == unix.AF_UNSPEC || family == unix.AF_UNIX:
		return ""
	default:
		return Family(int(family))
	}
}

// Family names an address family.
func Family(f int) string {
	switch f {
	case unix.AF_UNIX:
		return "unix"
	case unix.AF_INET:
		return "inet"
	case unix.AF_INET6:
		return "inet6"
	case unix.AF_NETLINK:
		return "netlink"
	case unix.AF_PACKET:
		return "packet"
	}
	return strconv.Itoa(f)
}

// SocketType names a type of socket.
func SocketType(t int) string {
	switch t & 0xf { // the rest is SOCK_NONBLOCK and SOCK_CLOEXEC
	case unix.SOCK_STREAM:
		return "stream"
	case unix.SOCK_DGRAM:
		return "dgram"
	case unix.SOCK_RAW:
		return "raw"
	case unix.SOCK_SEQPACKET:
		return "seqpacket"
	}
	return strconv.Itoa(t & 0xf)
}

// maxQuestions is how many questions of one message are read. Resolvers ask
// one.
const maxQuestions = 4

// Questions reads the questions of a DNS message (RFC 1035), the first few; in
// a stream its length comes first. Anything else has none.
func Questions(b []byte, stream bool) (out []tape.Question) {
	if stream && len(b) > 2 {
		b = b[2:]
	}
	var p dnsmessage.Parser
	if h, err := p.Start(b); err != nil || h.Response {
		return nil
	}
	for len(out) < maxQuestions {
		q, err := p.Question()
		if err != nil {
			break
		}
		name := strings.TrimSuffix(q.Name.String(), ".")
		out = append(out, tape.Question{Name: Printable(name), Type: strings.TrimPrefix(q.Type.String(), "Type")})
	}
	return out
}
