package service

import (
	"bytes"
	"encoding/binary"
)

// Bytes of RMI's transport (Java's specification of RMI, chapter 10).
const (
	rmiStream = 0x4b
	rmiAck    = 0x4e
	rmiCall   = 0x50
)

// rmi is a registry of Java objects without an answer: a client says what it
// looks for, and the connection ends.
func rmi(s *Session) error {
	head, err := s.take(7) // JRMI, version, protocol
	if err != nil {
		return err
	}
	if head[6] == rmiStream {
		host := s.name()
		ack := append([]byte{rmiAck}, byte(len(host)>>8), byte(len(host)))
		ack = binary.BigEndian.AppendUint32(append(ack, host...), uint32(s.Port))
		if err := s.write(string(ack)); err != nil {
			return err
		}
		size, err := s.take(2) // the client's own address, and port
		if err != nil {
			return err
		}
		if _, err := s.take(int(binary.BigEndian.Uint16(size)) + 4); err != nil {
			return err
		}
	}
	if err := s.await(); err != nil {
		return err
	}
	call := make([]byte, maxField)
	n, err := s.Reader.Read(call)
	if err != nil {
		return err
	}
	s.say("call", "name", rmiName(call[:n]))
	return nil
}

// rmiName is the string of a lookup: 't', its length and itself, the first in
// the serialised arguments.
func rmiName(call []byte) string {
	at := bytes.Index(call, []byte("\xac\xed\x00\x05"))
	if len(call) == 0 || call[0] != rmiCall || at < 0 {
		return ""
	}
	// Object, operation and hash are one block of 34 bytes behind a head of two.
	rest := call[at+4:]
	if len(rest) < 36+3 || rest[36] != 't' {
		return ""
	}
	n := int(binary.BigEndian.Uint16(rest[37:]))
	return string(rest[39:min(39+n, len(rest))])
}
