//go:build linux

package main

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
)

// names are the addresses of the names of this world.
var names = map[string][]string{
	"example.com":          {"93.184.216.34", "2606:2800:220:1::34"},
	"six.example.com":      {"2606:2800:220:1::34"},
	"other.example.org":    {"93.184.216.35"},
	"some.example.com":     {"10.0.0.1", "93.184.216.34"},
	"private.example.com":  {"10.0.0.1"},
	"mapped.example.com":   {"::ffff:10.0.0.1"},
	"metadata.example.com": {"169.254.169.254"},
	"own.example.com":      {"45.33.32.1"},
	"router.example.com":   {router},
	"loopback.example.com": {"127.0.0.1"},
}

// Parts of a message (RFC 1035, section 4.1).
const (
	headerSize = 12
	typeA      = 1
	typeAAAA   = 28
	nameError  = 3
)

// answerNames answers queries until the socket closes.
func answerNames(c net.PacketConn, out *log) {
	buf := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		if b := answer(buf[:n], out); b != nil {
			_, _ = c.WriteTo(b, from) // who asks may be gone
		}
	}
}

// answer answers one query, which comes from Go's resolver; nil if it does not
// look like that.
func answer(q []byte, out *log) []byte {
	if len(q) < headerSize {
		return nil
	}
	var labels []string
	end := headerSize
	for end < len(q) && q[end] != 0 {
		next := end + 1 + int(q[end])
		if next >= len(q) {
			return nil
		}
		labels = append(labels, string(q[end+1:next]))
		end = next
	}
	end += 5 // the root, the type and the class
	if end > len(q) {
		return nil
	}
	name, kind := strings.ToLower(strings.Join(labels, ".")), binary.BigEndian.Uint16(q[end-4:])
	out.line("query %s", name)
	addrs, exists := names[name]
	// The question as it came, without what was in the additional section.
	b := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[headerSize:end]...)
	if !exists {
		b[3] |= nameError
	}
	for _, s := range addrs {
		a := netip.MustParseAddr(s)
		if a.Is4() && kind != typeA || a.Is6() && kind != typeAAAA {
			continue
		}
		b[7]++
		raw := a.AsSlice()
		b = append(b, 0xc0, headerSize, 0, byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(len(raw)))
		b = append(b, raw...)
	}
	return b
}
