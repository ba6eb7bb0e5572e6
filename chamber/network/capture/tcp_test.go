package capture_test

import (
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut/chamber/network/capture"
)

// begin is when the first packet of a test passes; each is a millisecond later
// than the one before.
var begin = time.Date(2026, 1, 2, 3, 4, 5, 6_007_008, time.UTC)

// A wire makes packets of what passes on a connection, and captures them. The
// checksums of the packets are left out.
type wire struct {
	t  *testing.T
	to *capture.Writer

	mu      sync.Mutex
	packets int
	sent    [2]uint32 // bytes, by direction: to the subject, from it
}

// Flags of TCP.
const (
	fin = 1 << iota
	syn
	_
	push
	ack
)

func direction(outbound bool) int {
	if outbound {
		return 1
	}
	return 0
}

// connect captures the handshake of TCP.
func (w *wire) connect() {
	w.segment(true, syn, nil)
	w.segment(false, syn|ack, nil)
	w.segment(true, ack, nil)
}

// segment captures one segment; the ends are 10.0.0.2:40000, which is the
// subject, and 198.18.0.1:443.
func (w *wire) segment(outbound bool, flags byte, payload []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	source, target := []byte{198, 18, 0, 1, 443 >> 8, 443 & 0xff}, []byte{10, 0, 0, 2, 40000 >> 8, 40000 & 0xff}
	if outbound {
		source, target = target, source
	}
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0}
	binary.BigEndian.PutUint16(ip[2:], uint16(40+len(payload)))
	ip = append(append(ip, source[:4]...), target[:4]...)
	tcp := append(append([]byte{}, source[4:]...), target[4:]...)
	tcp = binary.BigEndian.AppendUint32(tcp, w.sent[direction(outbound)])
	tcp = binary.BigEndian.AppendUint32(tcp, w.sent[direction(!outbound)])
	tcp = append(tcp, 5<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	at := begin.Add(time.Duration(w.packets) * time.Millisecond)
	if err := w.to.Packet(at, outbound, ip, tcp, payload); err != nil {
		w.t.Error(err)
	}
	w.packets++
	w.sent[direction(outbound)] += uint32(len(payload))
	if flags&(syn|fin) != 0 {
		w.sent[direction(outbound)]++
	}
}

// stream captures bytes in segments of the size of an Ethernet.
func (w *wire) stream(outbound bool, b []byte) {
	for len(b) > 0 {
		n := min(len(b), 1460)
		w.segment(outbound, push|ack, b[:n])
		b = b[n:]
	}
}

// A wiretapped connection is the server's end of one. As in the chamber, what
// the subject sends is captured before the server has read it.
type wiretapped struct {
	net.Conn
	wire *wire
}

func (c *wiretapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wire.stream(true, b[:n])
	return n, err
}

func (c *wiretapped) Write(b []byte) (int, error) {
	c.wire.stream(false, b)
	return c.Conn.Write(b)
}
