package bait

import (
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"encoding/binary"
	"io"
)

// A container is compressed data that a magic begins.
type container struct {
	name  string
	magic string
	// header is how many bytes come before what flate or bzip2 reads; false if
	// this is no container after all.
	header func(b []byte) (int, bool)
}

var containers = []container{
	{"gzip", "\x1f\x8b\x08", gzipHeader},
	{"zlib", "\x78", zlibHeader},
	{"zip", "PK\x03\x04", zipHeader},
	{"bzip2", "BZh", bzip2Header},
}

// bzip2Cost is how many attempts one of bzip2 counts for: a few bytes are enough
// to have it sort a block of most of a megabyte, and fail.
const bzip2Cost = 64

// descend looks for layers in data, and into them.
func (f *finder) descend(data []byte, outer string, depth int) {
	if binaryStart(data) { // a body of Content-Encoding: deflate, which has no magic
		f.decompress("deflate", data, outer, depth)
	}
	for _, c := range containers {
		for rest := data; ; {
			i := bytes.Index(rest, []byte(c.magic))
			if i < 0 {
				break
			}
			rest = rest[i:]
			n, next := len(c.magic), 0
			if start, ok := c.header(rest); ok {
				next = start + f.decompress(c.name, rest[start:], outer, depth)
			}
			rest = rest[max(n, next):]
		}
	}
	for run := range digitRuns(data) {
		f.produce(run.encoding, outer, depth, run.decode)
	}
	if escaped(data) {
		f.produce("escaped", outer, depth, func(limit int) []byte { return unescape(data, limit) })
	}
}

// produce looks into what decode makes of a layer: at most limit bytes.
func (f *finder) produce(name, outer string, depth int, decode func(limit int) []byte) {
	if depth == maxDepth || f.output == 0 {
		f.complete = false
		return
	}
	out := decode(f.output)
	f.output -= len(out)
	if f.output == 0 {
		f.complete = false
	}
	if outer != "" {
		name = outer + "+" + name
	}
	f.look(out, name, depth+1)
}

// decompress looks into a container and returns how long it is; 0 if it does
// not come to its end.
func (f *finder) decompress(name string, b []byte, outer string, depth int) (size int) {
	if f.attempts <= 0 || f.input == 0 {
		f.complete = false
		return 0
	}
	in := bytes.NewReader(b[:min(len(b), f.input)])
	r := bzip2.NewReader(in)
	cost := bzip2Cost
	if name != "bzip2" {
		r, cost = f.inflate(in), 1
	}
	out, err := io.ReadAll(io.LimitReader(r, int64(f.output)))
	used := int(in.Size()) - in.Len()
	f.input -= used
	if err != nil || len(out) == 0 {
		f.attempts -= cost
	} else {
		size = used
	}
	if name == "deflate" && used < len(b) {
		return 0 // without a magic, many things begin like one
	}
	if len(out) > 0 && (size > 0 || depth < maxDepth) { // so deep, half a container is an accident
		f.produce(name, outer, depth, func(int) []byte { return out })
	}
	return size
}

// inflate uses one decompressor for all: its window is large.
func (f *finder) inflate(in io.Reader) io.Reader {
	if f.inflater == nil {
		f.inflater = flate.NewReader(in)
	} else if err := f.inflater.(flate.Resetter).Reset(in, nil); err != nil {
		return bytes.NewReader(nil)
	}
	return f.inflater
}

// binaryStart tells whether b begins with something other than text, as all
// that is compressed does.
func binaryStart(b []byte) bool {
	for _, c := range b[:min(len(b), 32)] {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c >= 0x7f {
			return true
		}
	}
	return false
}

// zlibHeader reads RFC 1950, section 2.2: the usual window, any of the four
// levels, no dictionary. It wants what follows to be no text: two bytes are a
// short magic.
func zlibHeader(b []byte) (int, bool) {
	return 2, len(b) > 2 && bytes.IndexByte([]byte("\x01\x5e\x9c\xda"), b[1]) >= 0 && binaryStart(b[2:])
}

// gzipHeader reads RFC 1952, section 2.3.
func gzipHeader(b []byte) (int, bool) {
	if len(b) < 10 {
		return 0, false
	}
	flags, n := b[3], 10
	if flags&4 != 0 { // FEXTRA
		if len(b) < n+2 {
			return 0, false
		}
		n += 2 + int(binary.LittleEndian.Uint16(b[n:]))
	}
	for _, flag := range []byte{8, 16} { // FNAME, FCOMMENT
		if flags&flag == 0 {
			continue
		}
		i := bytes.IndexByte(b[min(n, len(b)):], 0)
		if i < 0 {
			return 0, false
		}
		n += i + 1
	}
	if flags&2 != 0 { // FHCRC
		n += 2
	}
	return n, n <= len(b)
}

// zipHeader reads the local header of a deflated file (APPNOTE.TXT, 4.3.7).
// Stored ones are found without.
func zipHeader(b []byte) (int, bool) {
	if len(b) < 30 || binary.LittleEndian.Uint16(b[8:]) != 8 {
		return 0, false
	}
	n := 30 + int(binary.LittleEndian.Uint16(b[26:])) + int(binary.LittleEndian.Uint16(b[28:]))
	return n, n <= len(b)
}

// bzip2Header wants the magic of a first block too.
func bzip2Header(b []byte) (int, bool) {
	return 0, len(b) > 10 && b[3] >= '1' && b[3] <= '9' && string(b[4:10]) == "1AY&SY"
}
