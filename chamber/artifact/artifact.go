// Package artifact is the stream on which the chamber hands over what is no
// event: the capture of the network, the record of a live one, the bodies of
// what was sent and received, and the payloads: what files and memory held.
//
// A stream is a list of frames: a byte that says what it carries, the length
// of that as four bytes, most significant first, and that. The last frame is
// empty and says that nothing was lost. It imports the standard library only.
// Whatever is read is hostile: the sandbox had its hands in it.
package artifact

import (
	"errors"
	"fmt"
)

// Kinds of frames.
const (
	captureFrame byte = 'C' // the next bytes of the capture
	recordFrame  byte = 'R' // the next bytes of the record
	blobFrame    byte = 'B' // one whole body
	payloadFrame byte = 'F' // one whole payload
	endFrame     byte = 'E' // nothing follows; empty
)

// headSize is the size of what stands before a frame's payload.
const headSize = 1 + 4

// maxChunk is the most bytes of a frame of the capture or the record. Both
// sides need that much memory for one.
const maxChunk = 64 << 10

// Limits bound a stream, in bytes. Writer and reader have the same.
type Limits struct {
	Capture int64 // all of the capture
	Record  int64 // all of the record
	Blob    int64 // one body, at most 2 GiB
	Blobs   int64 // all bodies
	Count   int   // how many bodies

	Payload  int64 // one payload, at most 2 GiB
	Payloads int64 // all payloads
	Files    int   // how many payloads
}

// DefaultLimits are those that the chamber and its caller agree on.
func DefaultLimits() Limits {
	return Limits{
		Capture: 256 << 20, Record: 256 << 20, Blob: 16 << 20, Blobs: 256 << 20, Count: 10_000,
		Payload: 64 << 20, Payloads: 512 << 20, Files: 10_000,
	}
}

var (
	// ErrFull is returned for what is over a bound, of which nothing was
	// written.
	ErrFull = errors.New("artifacts are full")
	// ErrBroken is wrapped by every error about a stream that is read, as
	// opposed to those of the sink.
	ErrBroken = errors.New("broken artifacts")
	// ErrTruncated is the error about a stream without its last frame.
	ErrTruncated = fmt.Errorf("%w: they end too early", ErrBroken)
)

// Sink takes what a stream carries, from one goroutine at a time. The bytes
// are its own only during the call. An error ends the reading.
type Sink interface {
	// Capture takes the next bytes of the capture, a pcapng file.
	Capture(b []byte) error
	// Record takes the next bytes of the record of a live network.
	Record(b []byte) error
	// Blob takes one whole body, which is not empty.
	Blob(b []byte) error
	// Payload takes one whole payload, which is not empty.
	Payload(b []byte) error
}

// usage is how much of its limits a stream has used.
type usage struct {
	Limits
	capture, record, blobs, payloads int64
	count, files                     int
}

// take counts a frame, and names the bound that it is over.
func (u *usage) take(kind byte, size int64) (over string) {
	switch {
	case kind == captureFrame && size > u.Capture-u.capture:
		return "capture"
	case kind == recordFrame && size > u.Record-u.record:
		return "record"
	case kind == blobFrame && (size > u.Blob || size > u.Blobs-u.blobs || u.count >= u.Count):
		return "bodies"
	case kind == payloadFrame && (size > u.Payload || size > u.Payloads-u.payloads || u.files >= u.Files):
		return "payloads"
	}
	switch kind {
	case captureFrame:
		u.capture += size
	case recordFrame:
		u.record += size
	case blobFrame:
		u.blobs += size
		u.count++
	case payloadFrame:
		u.payloads += size
		u.files++
	}
	return ""
}
