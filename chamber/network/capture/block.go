package capture

import (
	"encoding/binary"
	"math"
)

// Types of blocks (draft-ietf-opsawg-pcapng, section 4).
const (
	sectionBlock    = 0x0A0D0D0A
	interfaceBlock  = 1
	statisticsBlock = 5
	packetBlock     = 6
	secretsBlock    = 10
)

// Codes of options, each of the blocks that it is named for.
const (
	endOfOptions        = 0
	sectionApplication  = 4
	interfaceName       = 2
	interfaceResolution = 9
	packetFlags         = 2
	statisticsStart     = 2
	statisticsEnd       = 3
	statisticsReceived  = 4
	statisticsDropped   = 5
)

const (
	byteOrder = 0x1A2B3C4D // as this side writes it, little-endian
	// tlsKeyLog says that secrets are lines of an NSS key log.
	tlsKeyLog = 0x544c534b
	// nanosecond is the exponent of ten of the unit of time, negated.
	nanosecond = 9
	// Directions of packetFlags.
	inboundFlag  = 1
	outboundFlag = 2
)

// The sizes of blocks: type, length, length again, and what is between.
const (
	frameSize = 12
	// statisticsSize is that of the interface, the time, four options of eight
	// bytes, and the end of the options.
	statisticsSize = frameSize + 4 + 8 + 4*(4+8) + 4
)

// packetSize is the size of a block with kept bytes of a packet: interface,
// time, two lengths, the bytes, the flags, and the end of the options.
func packetSize(kept int) int64 { return frameSize + 4 + 8 + 8 + int64(padded(kept)) + (4 + 4) + 4 }

// secretsSize is the size of a block with so many bytes of secrets.
func secretsSize(n int) int64 { return frameSize + 4 + 4 + int64(padded(n)) }

func padded(n int) int { return (n + 3) &^ 3 }

// appendBlock appends a block, whose body is what body appends.
func appendBlock(b []byte, kind uint32, body func([]byte) []byte) []byte {
	start := len(b)
	b = append32(b, kind, 0)
	b = body(b)
	size := uint32(len(b) - start + 4)
	binary.LittleEndian.PutUint32(b[start+4:], size)
	return append32(b, size)
}

func appendSection(b []byte, application string) []byte {
	return appendBlock(b, sectionBlock, func(b []byte) []byte {
		b = append32(b, byteOrder)
		b = append16(b, 1, 0) // the version of the format
		b = binary.LittleEndian.AppendUint64(b, math.MaxUint64)
		if application != "" {
			b = appendOption(b, sectionApplication, []byte(application))
		}
		return appendOption(b, endOfOptions, nil)
	})
}

func appendInterface(b []byte, o Options) []byte {
	return appendBlock(b, interfaceBlock, func(b []byte) []byte {
		b = append16(b, uint16(o.Link), 0)
		b = append32(b, uint32(o.Snaplen))
		if o.Interface != "" {
			b = appendOption(b, interfaceName, []byte(o.Interface))
		}
		b = appendOption(b, interfaceResolution, []byte{nanosecond})
		return appendOption(b, endOfOptions, nil)
	})
}

// appendPacket appends the first kept bytes of a packet of a size.
func appendPacket(b []byte, at uint64, outbound bool, kept, size int, parts [][]byte) []byte {
	flags := uint32(inboundFlag)
	if outbound {
		flags = outboundFlag
	}
	return appendBlock(b, packetBlock, func(b []byte) []byte {
		b = append32(b, 0, uint32(at>>32), uint32(at), uint32(kept), uint32(size))
		left := kept
		for _, p := range parts {
			n := min(left, len(p))
			b = append(b, p[:n]...)
			left -= n
		}
		b = appendPadding(b, kept)
		b = appendOption(b, packetFlags, append32(nil, flags))
		return appendOption(b, endOfOptions, nil)
	})
}

func appendSecrets(b, lines []byte) []byte {
	return appendBlock(b, secretsBlock, func(b []byte) []byte {
		b = append32(b, tlsKeyLog, uint32(len(lines)))
		return appendPadding(append(b, lines...), len(lines))
	})
}

func appendStatistics(b []byte, first, last, received, dropped uint64) []byte {
	return appendBlock(b, statisticsBlock, func(b []byte) []byte {
		b = append32(b, 0, uint32(last>>32), uint32(last))
		for _, o := range []struct {
			code  uint16
			value []byte
		}{
			{statisticsStart, append32(nil, uint32(first>>32), uint32(first))},
			{statisticsEnd, append32(nil, uint32(last>>32), uint32(last))},
			{statisticsReceived, binary.LittleEndian.AppendUint64(nil, received)},
			{statisticsDropped, binary.LittleEndian.AppendUint64(nil, dropped)},
			{endOfOptions, nil},
		} {
			b = appendOption(b, o.code, o.value)
		}
		return b
	})
}

func appendOption(b []byte, code uint16, value []byte) []byte {
	b = append16(b, code, uint16(len(value)))
	return appendPadding(append(b, value...), len(value))
}

// appendPadding appends what n bytes need to end at a multiple of four.
func appendPadding(b []byte, n int) []byte { return append(b, make([]byte, padded(n)-n)...) }

func append16(b []byte, values ...uint16) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

func append32(b []byte, values ...uint32) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}
