// Package capture writes what passed a network card as a pcapng file, with the
// secrets of TLS in it: whoever opens the file reads what was encrypted, and
// needs nothing else.
//
// The format is that of draft-ietf-opsawg-pcapng. A capture has a bound: when
// it is nearly reached packets are cut after their headers, at the bound
// nothing more is written, and the statistics at the end tell of it.
package capture

import (
	"fmt"
	"io"
	"math"
	"sync"
	"time"
)

// Link is the kind of a packet's first header, a LINKTYPE of the registry of
// libpcap.
type Link uint16

// Links.
const (
	RawIP    Link = 101 // an IP header, of version 4 or 6
	Ethernet Link = 1
)

const (
	// defaultLimit is what a person still likes to open.
	defaultLimit = 64 << 20
	// defaultSnaplen is the most that Wireshark takes for a packet.
	defaultSnaplen = 256 << 10
	// cutSnaplen is what is left of a packet when the bound is near: its
	// headers, and the start of what it carries.
	cutSnaplen = 128
	// maxSecret is more than the longest line of a key log has: two secrets of
	// 48 bytes in hex, and a label.
	maxSecret = 512
	// heldBytes is how much of later packets one is held back for, at least: the
	// time that a secret has to come.
	heldBytes = 32 << 10
)

// Options of a capture. The zero value is useful.
type Options struct {
	// Link is that of all packets; RawIP if 0.
	Link Link
	// Application is the name of the program that captures.
	Application string
	// Interface is the name of the network card.
	Interface string
	// Snaplen is how many bytes of one packet are kept; 256 KiB if 0.
	Snaplen int
	// Limit is the most bytes that are written; 64 MiB if 0. From seven eighths
	// of it on packets are cut to 128 bytes.
	Limit int64
}

// Writer writes one capture. It is safe for several goroutines; a slow writer
// below slows them.
//
// A secret must come before the packets that it decrypts, for readers that go
// through the file once. But a server learns some secrets from the very packets
// that are encrypted with them. So packets are held back until 32 KiB of later
// ones came, and secrets overtake them.
type Writer struct {
	mu      sync.Mutex
	w       io.Writer
	snaplen int
	limit   int64
	err     error // the first failure to write

	older, newer []byte // packets that are held back
	size         int64  // bytes written and held back
	first, last  uint64 // times of packets, in nanoseconds since 1970
	received     uint64 // packets that passed
	dropped      uint64 // of which nothing was written
	full         bool   // the bound was reached, or felt
	closed       bool
}

// New begins a capture on w. The caller closes it, and w after it.
func New(w io.Writer, o Options) (*Writer, error) {
	if o.Link == 0 {
		o.Link = RawIP
	}
	if o.Snaplen <= 0 || o.Snaplen > defaultSnaplen {
		o.Snaplen = defaultSnaplen
	}
	if o.Limit <= 0 {
		o.Limit = defaultLimit
	}
	c := &Writer{w: w, snaplen: o.Snaplen, limit: o.Limit, first: math.MaxUint64}
	head := appendSection(nil, o.Application)
	head = appendInterface(head, o)
	c.size = int64(len(head))
	return c, c.write(head)
}

// Packet captures a packet that passed at a time, given in parts that follow
// one another. outbound tells what left the subject from what came to it. It
// keeps nothing of parts. A packet that is cut or dropped at the bound is no
// error.
func (c *Writer) Packet(at time.Time, outbound bool, parts ...[]byte) error {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.closed {
		return c.closedOr("packet")
	}
	c.received++
	kept := c.keep(size)
	if kept < 0 {
		c.dropped++
		return nil
	}
	t := nanoseconds(at)
	c.first, c.last = min(c.first, t), max(c.last, t)
	before := len(c.newer)
	c.newer = appendPacket(c.newer, t, outbound, kept, size, parts)
	c.size += int64(len(c.newer) - before)
	return c.hold()
}

// keep returns how much of a packet of a size there is room for; a negative
// number if there is none. The caller holds mu.
func (c *Writer) keep(size int) int {
	kept := min(size, c.snaplen)
	if c.size+packetSize(kept) > c.room()-c.limit/8 {
		c.full = true
		kept = min(kept, cutSnaplen)
	}
	if c.size+packetSize(kept) > c.room() {
		return -1
	}
	return kept
}

// room is the bound without what the end of a capture needs.
func (c *Writer) room() int64 { return c.limit - statisticsSize }

// hold writes what was held back long enough. The caller holds mu.
func (c *Writer) hold() error {
	if len(c.newer) < heldBytes {
		return nil
	}
	err := c.write(c.older)
	c.older, c.newer = c.newer, c.older[:0]
	return err
}

// Secrets writes lines of an NSS key log, as crypto/tls gives them to a
// KeyLogWriter. At the bound it writes nothing, which is no error.
func (c *Writer) Secrets(lines []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.closed {
		return c.closedOr("secrets")
	}
	if len(lines) > maxSecret || c.size+secretsSize(len(lines)) > c.room() {
		c.full = true
		return nil
	}
	c.size += secretsSize(len(lines))
	return c.write(appendSecrets(nil, lines))
}

// Bounds is ["capture"] when not everything that passed was written, because
// of the bound.
func (c *Writer) Bounds() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full {
		return []string{"capture"}
	}
	return nil
}

// Close writes what was held back, and how many packets were captured and
// dropped. What comes later is an error. It does not close the writer below.
func (c *Writer) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.err
	}
	c.closed = true
	if c.last == 0 {
		c.first = 0
	}
	for _, b := range [][]byte{c.older, c.newer, appendStatistics(nil, c.first, c.last, c.received, c.dropped)} {
		if err := c.write(b); err != nil {
			return err
		}
	}
	c.older, c.newer = nil, nil
	return nil
}

// closedOr says why nothing can be written any more. The caller holds mu.
func (c *Writer) closedOr(what string) error {
	if c.err != nil {
		return c.err
	}
	return fmt.Errorf("write %s: %w", what, io.ErrClosedPipe)
}

// write writes whole blocks, and keeps the first failure. The caller holds mu.
func (c *Writer) write(blocks []byte) error {
	if c.err != nil || len(blocks) == 0 {
		return c.err
	}
	if _, err := c.w.Write(blocks); err != nil {
		c.err = fmt.Errorf("write capture: %w", err)
	}
	return c.err
}

// nanoseconds returns a time as it is written down; one before 1970 is 1970.
func nanoseconds(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }
