package tape

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// MaxLine is the most bytes that one encoded event may have, its newline
// included. The sandbox cuts what would be longer.
const MaxLine = 256 << 10

// ErrInvalid is wrapped by every error about the contents of a tape.
var ErrInvalid = errors.New("invalid tape")

// ErrTruncated is returned at the end of a tape that has no run.end.
var ErrTruncated = fmt.Errorf("%w: it ends without run.end", ErrInvalid)

// Encoder writes events as JSON Lines. It is a Sink; it buffers nothing.
type Encoder struct {
	w   io.Writer
	buf bytes.Buffer
	enc *json.Encoder
}

// NewEncoder returns an Encoder on w.
func NewEncoder(w io.Writer) *Encoder {
	e := &Encoder{w: w}
	e.enc = json.NewEncoder(&e.buf)
	e.enc.SetEscapeHTML(false)
	return e
}

// Record writes ev as one line with one call of Write.
func (e *Encoder) Record(ev *Event) error {
	e.buf.Reset()
	if err := e.enc.Encode(ev); err != nil {
		return fmt.Errorf("encode event %d: %w", ev.Seq, err)
	}
	if e.buf.Len() > MaxLine {
		return fmt.Errorf("encode event %d: %w: %d bytes, at most %d", ev.Seq, ErrInvalid, e.buf.Len(), MaxLine)
	}
	if _, err := e.w.Write(e.buf.Bytes()); err != nil {
		return fmt.Errorf("write event %d: %w", ev.Seq, err)
	}
	return nil
}

// Decoder reads a tape and holds it to the format: bounded lines, known
// fields, one payload that fits the kind, sequence numbers without gaps, time
// that never decreases, run.start first and run.end last.
type Decoder struct {
	r    *bufio.Reader
	last Event
	line []byte
}

// NewDecoder returns a Decoder on r, of which it may read ahead.
func NewDecoder(r io.Reader) *Decoder {
	return &Decoder{r: bufio.NewReaderSize(r, 64<<10)}
}

// Next returns the next event. At the end of a whole tape it returns [io.EOF];
// at the end of one that was cut off, [ErrTruncated].
func (d *Decoder) Next() (*Event, error) {
	line, err := d.readLine()
	if err != nil {
		return nil, err
	}
	e, err := Unmarshal(line)
	if err != nil {
		return nil, fmt.Errorf("event %d: %w", d.last.Seq+1, err)
	}
	switch {
	case e.Seq != d.last.Seq+1:
		err = fmt.Errorf("%w: sequence number %d after %d", ErrInvalid, e.Seq, d.last.Seq)
	case e.Time < d.last.Time:
		err = fmt.Errorf("%w: event %d is earlier than the one before", ErrInvalid, e.Seq)
	case (e.Kind == RunStart) != (e.Seq == 1):
		err = fmt.Errorf("%w: event %d is %s", ErrInvalid, e.Seq, e.Kind)
	case d.last.Kind == RunEnd:
		err = fmt.Errorf("%w: event %d after run.end", ErrInvalid, e.Seq)
	}
	if err != nil {
		return nil, err
	}
	d.last = Event{Seq: e.Seq, Time: e.Time, Kind: e.Kind}
	return e, nil
}

func (d *Decoder) readLine() ([]byte, error) {
	d.line = d.line[:0]
	for {
		part, err := d.r.ReadSlice('\n')
		if len(d.line)+len(part) > MaxLine {
			return nil, fmt.Errorf("event %d: %w: more than %d bytes", d.last.Seq+1, ErrInvalid, MaxLine)
		}
		d.line = append(d.line, part...)
		switch {
		case err == nil:
			return d.line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("read tape: %w", err)
		case len(d.line) == 0 && d.last.Kind == RunEnd:
			return nil, io.EOF
		default:
			return nil, ErrTruncated
		}
	}
}

// Unmarshal decodes one line and checks all of it that can be checked without
// the lines before it. The event keeps nothing of line.
func Unmarshal(line []byte) (*Event, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	e := new(Event)
	if err := dec.Decode(e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more than one value on a line", ErrInvalid)
	}
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return e, nil
}

// check holds e to having the one payload of its kind.
func (e *Event) check() error {
	want, ok := payloads[e.Kind]
	if name, isCall := strings.CutPrefix(string(e.Kind), CallPrefix); isCall {
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return fmt.Errorf("unknown kind %q", e.Kind)
		}
		want, ok = callPayload, true
	}
	if !ok {
		return fmt.Errorf("unknown kind %q", e.Kind)
	}
	if e.Seq == 0 || e.Time < 0 {
		return errors.New("no sequence number, or a negative time")
	}
	if got := e.payload(); got != want {
		return fmt.Errorf("wrong payload for kind %q", e.Kind)
	}
	if e.Start != nil && e.Start.Version != Version {
		return fmt.Errorf("version %d of the format, but only %d is known", e.Start.Version, Version)
	}
	return nil
}

// A payload set, one bit a field of Event.
type payload uint32

const (
	startPayload payload = 1 << iota
	endPayload
	processPayload
	filePayload
	socketPayload
	memoryPayload
	callPayload
	outputPayload
	flowPayload
	dnsPayload
	tlsPayload
	httpPayload
	messagePayload
	baitPayload
	trustPayload
	payloadPayload
	changePayload
	jumpPayload
)

func (e *Event) payload() (p payload) {
	add := func(bit payload, set bool) {
		if set {
			p |= bit
		}
	}
	add(startPayload, e.Start != nil)
	add(endPayload, e.End != nil)
	add(processPayload, e.Process != nil)
	add(filePayload, e.File != nil)
	add(socketPayload, e.Socket != nil)
	add(memoryPayload, e.Memory != nil)
	add(callPayload, e.Call != nil)
	add(outputPayload, e.Output != nil)
	add(flowPayload, e.FlowEnd != nil)
	add(dnsPayload, e.DNS != nil)
	add(tlsPayload, e.TLS != nil)
	add(httpPayload, e.HTTP != nil)
	add(messagePayload, e.Message != nil)
	add(baitPayload, e.Bait != nil)
	add(trustPayload, e.Trust != nil)
	add(payloadPayload, e.Payload != nil)
	add(changePayload, e.Change != nil)
	add(jumpPayload, e.Jump != nil)
	return p
}

var payloads = map[Kind]payload{
	RunStart: startPayload, RunEnd: endPayload,
	ProcessFork: processPayload, ProcessThread: processPayload, ProcessExec: processPayload, ProcessExit: processPayload,
	FileOpen: filePayload, FileCreate: filePayload, FileRename: filePayload, FileLink: filePayload,
	FileSymlink: filePayload, FileDelete: filePayload, FileMkdir: filePayload, FileRmdir: filePayload,
	FileMknod: filePayload, FileStat: filePayload, FileLoad: filePayload, FileChmod: filePayload, FileChown: filePayload, FileXattr: filePayload,
	FileTruncate: filePayload, FileUtime: filePayload, FileRead: filePayload, FileWrite: filePayload, FileClose: filePayload,
	SocketCreate: socketPayload, SocketBind: socketPayload, SocketListen: socketPayload,
	SocketConnect: socketPayload, SocketAccept: socketPayload, SocketSend: socketPayload,
	SocketLocal: socketPayload,
	FlowEnded:   flowPayload, DNSAnswer: dnsPayload, TLSHandshake: tlsPayload, HTTPExchange: httpPayload,
	MessageReceive: messagePayload, BaitSent: baitPayload, BaitSeen: baitPayload, TrustInstall: trustPayload,
	MemoryExec:  memoryPayload,
	PayloadKeep: payloadPayload,
	ChangeAdd:   changePayload, ChangeModify: changePayload, ChangeRemove: changePayload,
	TimeJump:     jumpPayload,
	OutputStdout: outputPayload, OutputStderr: outputPayload,
}

// Kinds lists every kind but those of the open family "call".
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(payloads))
	for k := range payloads {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds
}
