package service

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/detonaut/detonaut/chamber/decode"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of one session.
const (
	idle        = 5 * time.Minute // for a client to send what comes next
	stuck       = time.Minute     // for a client to take what it is sent
	maxLine     = 8 << 10         // bytes kept of a line
	maxKept     = 8 << 10         // bytes kept of a frame
	maxVerb     = 64              // bytes of a message's verb
	maxField    = 1 << 10         // bytes of one of its fields
	maxMessages = 256             // that are recorded
)

var (
	errBye       = errors.New("goodbye")
	errMalformed = errors.New("malformed message")
)

// Session is one connection as a server sees it. It belongs to one goroutine.
// The owner closes Conn and bounds its whole life and its bytes; services set
// deadlines for idle clients.
type Session struct {
	Conn   net.Conn      // writes go here
	Reader *bufio.Reader // reads come from here: the start may have been peeked at
	Port   uint16        // the port that was dialled
	Host   string        // the name that was asked for, or the address
	TLS    bool
	// Now is the run's clock. Deadlines go by the real one.
	Now func() time.Time
	// Say records what was said; cut is set when a part of it was left out.
	Say func(m tape.Message, cut bool)
	// StartTLS shakes hands and replaces Conn and Reader; nil if there is no TLS
	// to be had, or already is.
	StartTLS func() error
	// Tunnel carries on as a connection to host, until that ends; nil where
	// there are tunnels enough.
	Tunnel func(host string, port uint16) error
	// Passive opens a port for one more connection, as FTP has for data. accept
	// waits for it, a bounded time, and the caller closes what it gets. nil if
	// there is none to be had.
	Passive func() (at netip.AddrPort, accept func() (net.Conn, error), err error)

	protocol string
	said     int
	cut      bool // something was left out since the last message
}

// say records a message with fields that are names and values in turn. Empty
// values are left out.
func (s *Session) say(verb string, fields ...string) {
	s.said++
	switch {
	case s.said == maxMessages+1:
		s.Say(tape.Message{Protocol: s.protocol, Verb: "cut"}, true)
		return
	case s.said > maxMessages:
		return
	}
	m, cut := message(s.protocol, verb, fields...)
	s.Say(m, cut || s.cut)
	s.cut = false
}

// message makes a bounded, printable message; cut tells whether it had to
// leave something out.
func message(protocol, verb string, fields ...string) (m tape.Message, cut bool) {
	m = tape.Message{Protocol: protocol, Verb: bounded(verb, maxVerb, &cut)}
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i+1] == "" {
			continue
		}
		if m.Fields == nil {
			m.Fields = make(map[string]string)
		}
		m.Fields[fields[i]] = bounded(fields[i+1], maxField, &cut)
	}
	return m, cut
}

// bounded returns the printable start of text, at most limit bytes of text.
func bounded(text string, limit int, cut *bool) string {
	if len(text) > limit {
		*cut = true
		for limit > 0 && !utf8.RuneStart(text[limit]) && len(text)-limit < utf8.UTFMax {
			limit--
		}
		text = text[:limit]
	}
	return decode.Printable(text)
}

// await gives the client time for what it sends next.
func (s *Session) await() error { return s.Conn.SetReadDeadline(time.Now().Add(idle)) }

// next reads one byte.
func (s *Session) next() (byte, error) {
	if s.Reader.Buffered() == 0 {
		if err := s.await(); err != nil {
			return 0, err
		}
	}
	return s.Reader.ReadByte()
}

// write sends text.
func (s *Session) write(text string) error {
	if text == "" {
		return nil
	}
	if err := s.Conn.SetWriteDeadline(time.Now().Add(stuck)); err != nil {
		return err
	}
	_, err := io.WriteString(s.Conn, text)
	return err
}

func (s *Session) printf(format string, args ...any) error {
	return s.write(fmt.Sprintf(format, args...))
}

// line reads one line without its end and keeps at most [maxLine] bytes of it.
// A last line without an end counts.
func (s *Session) line() (string, error) {
	if err := s.await(); err != nil {
		return "", err
	}
	var kept []byte
	for {
		part, err := s.Reader.ReadSlice('\n')
		if room := maxLine - len(kept); len(part) > room {
			part, s.cut = part[:room], true
		}
		kept = append(kept, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil && (len(kept) == 0 || !errors.Is(err, io.EOF)):
			return "", err
		default:
			return strings.TrimRight(string(kept), "\r\n"), nil
		}
	}
}

// take reads n bytes and returns the first of them, at most [maxKept].
func (s *Session) take(n int) ([]byte, error) {
	if n < 0 {
		return nil, errMalformed
	}
	if err := s.await(); err != nil {
		return nil, err
	}
	kept := make([]byte, min(n, maxKept))
	if _, err := io.ReadFull(s.Reader, kept); err != nil {
		return nil, err
	}
	if rest := n - len(kept); rest > 0 {
		s.cut = true
		if _, err := io.CopyN(io.Discard, awaiting{s}, int64(rest)); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// decimal reads a number from 0 to most; it is -1 if text is none.
func decimal(text string, most int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return -1
	}
	return n
}

// awaiting reads from a session with a new deadline for every read.
type awaiting struct{ *Session }

func (a awaiting) Read(b []byte) (int, error) {
	if err := a.await(); err != nil {
		return 0, err
	}
	return a.Reader.Read(b)
}

// dialogue answers lines of a verb and the rest, until answer fails or wraps
// [errBye] beside its last reply.
func (s *Session) dialogue(answer func(verb, rest string) (reply string, err error)) error {
	for {
		line, err := s.line()
		if err != nil {
			return err
		}
		verb, rest, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
		reply, err := answer(strings.ToUpper(verb), strings.TrimSpace(rest))
		if werr := s.write(reply); werr != nil {
			return werr
		}
		if err != nil {
			return err
		}
	}
}

// offersTLS tells whether secure can work.
func (s *Session) offersTLS() bool { return s.StartTLS != nil && !s.TLS }

// secure tells the client to go ahead, and shakes hands.
func (s *Session) secure(goAhead string) error {
	if err := s.write(goAhead); err != nil {
		return err
	}
	if err := s.StartTLS(); err != nil {
		return fmt.Errorf("start TLS: %w", err)
	}
	s.TLS = true
	return nil
}

// name is how the server calls itself: the host that was asked for, if that is
// a name that may stand in any protocol.
func (s *Session) name() string {
	if s.Host == "" || len(s.Host) > 255 || strings.Trim(s.Host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") != "" {
		return "localhost"
	}
	return s.Host
}
