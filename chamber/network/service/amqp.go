package service

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Methods of AMQP 0-9-1: class and number.
const (
	amqpStart   = "\x00\x0a\x00\x0a"
	amqpStartOK = "\x00\x0a\x00\x0b"
	amqpTune    = "\x00\x0a\x00\x1e"
	amqpOpen    = "\x00\x0a\x00\x28"
	amqpOpenOK  = "\x00\x0a\x00\x29"
	amqpClose   = "\x00\x0a\x00\x32"
	amqpCloseOK = "\x00\x0a\x00\x33"
	channelOpen = "\x00\x14\x00\x0a"
	channelOK   = "\x00\x14\x00\x0b"
)

// amqp is a broker that takes every user, and lets a client open channels. It
// has no queues: what a client declares is not answered.
func amqp(s *Session) error {
	if _, err := s.take(8); err != nil {
		return err
	}
	long := func(text string) string { return string(binary.BigEndian.AppendUint32(nil, uint32(len(text)))) + text }
	if err := s.write(amqpFrame(0, amqpStart+"\x00\x09"+long("")+long("PLAIN")+long("en_US"))); err != nil {
		return err
	}
	for {
		channel, method, rest, err := amqpRead(s)
		if err != nil {
			return err
		}
		reply := ""
		switch method {
		case amqpStartOK:
			user, password := amqpLogin(rest)
			s.say("login", "user", user, "password", password)
			reply = amqpFrame(0, amqpTune+"\x07\xff\x00\x02\x00\x00\x00\x3c") // channels, bytes of a frame, seconds
		case amqpOpen:
			reply = amqpFrame(0, amqpOpenOK+"\x00")
		case channelOpen:
			reply = amqpFrame(channel, channelOK+long(""))
		case amqpClose:
			return s.last(amqpFrame(0, amqpCloseOK))
		}
		if err := s.write(reply); err != nil {
			return err
		}
	}
}

func amqpFrame(channel uint16, body string) string {
	head := binary.BigEndian.AppendUint16([]byte{1}, channel)
	return string(binary.BigEndian.AppendUint32(head, uint32(len(body)))) + body + "\xce"
}

// amqpRead reads a frame; method is empty unless it is a method's.
func amqpRead(s *Session) (channel uint16, method string, rest []byte, err error) {
	head, err := s.take(7)
	if err != nil {
		return 0, "", nil, err
	}
	n := binary.BigEndian.Uint32(head[3:])
	if n > 128<<10 { // as was tuned
		return 0, "", nil, errMalformed
	}
	body, err := s.take(int(n))
	if err != nil {
		return 0, "", nil, err
	}
	if _, err := s.take(1); err != nil {
		return 0, "", nil, err
	}
	if head[0] != 1 || len(body) < 4 {
		return 0, "", nil, nil
	}
	return binary.BigEndian.Uint16(head[1:]), string(body[:4]), body[4:], nil
}

// amqpLogin reads Start-Ok: a table, a mechanism, and its answer, of PLAIN a
// user and a password behind a NUL each.
func amqpLogin(b []byte) (user, password string) {
	if len(b) < 4 {
		return "", ""
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n)+5 > uint64(len(b)) {
		return "", ""
	}
	b = b[4+n:]
	b = bytes.TrimPrefix(b, []byte("\x05PLAIN"))
	if len(b) < 4 {
		return "", ""
	}
	parts := strings.SplitN(string(b[4:min(uint64(len(b)), 4+uint64(binary.BigEndian.Uint32(b)))]), "\x00", 3)
	if len(parts) != 3 {
		return "", ""
	}
	return parts[1], parts[2]
}
