package service

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// matchSOCKS recognises SOCKS4, whose request ends with NUL, and the list of
// methods of SOCKS5, whose length is told.
func matchSOCKS(head []byte) Recognition {
	switch {
	case len(head) == 0:
		return More
	case head[0] == 4:
		return matchSOCKS4(head)
	case head[0] != 5:
		return No
	case len(head) == 1:
		return More
	}
	n := int(head[1])
	if n == 0 || n > 10 || len(head) > 2+n {
		return No
	}
	for _, method := range head[2:] {
		if method > 9 && method < 0x80 { // not assigned
			return No
		}
	}
	if len(head) < 2+n {
		return More
	}
	return Yes
}

func matchSOCKS4(head []byte) Recognition {
	switch {
	case len(head) > 1 && head[1] != 1 && head[1] != 2, len(head) > 300:
		return No
	case len(head) < 9 || head[len(head)-1] != 0:
		return More
	}
	return Yes
}

// socks is a proxy (SOCKS4, SOCKS4a, RFC 1928): it tells the target, and what
// comes next is a connection to it.
func socks(s *Session) error {
	version, err := s.take(1)
	if err != nil {
		return err
	}
	ask, granted := socks5, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	if version[0] == 4 {
		ask, granted = socks4, "\x00\x5a\x00\x00\x00\x00\x00\x00"
	}
	host, port, err := ask(s)
	if err != nil {
		return err
	}
	s.say("connect", "target", net.JoinHostPort(host, strconv.Itoa(int(port))))
	if s.Tunnel == nil {
		return nil // there are tunnels enough: it ends
	}
	if err := s.write(granted); err != nil {
		return err
	}
	// The deadlines were ours: what comes next has its own.
	if err := errors.Join(s.Conn.SetReadDeadline(time.Time{}), s.Conn.SetWriteDeadline(time.Time{})); err != nil {
		return err
	}
	return s.Tunnel(host, port)
}

// socks4 reads command, port, address, user, and a name if the address is
// 0.0.0.x.
func socks4(s *Session) (host string, port uint16, err error) {
	b, err := s.take(7)
	if err != nil {
		return "", 0, err
	}
	user, err := s.untilNUL()
	if err != nil {
		return "", 0, err
	}
	if user != "" {
		s.say("login", "user", user)
	}
	host = netip.AddrFrom4([4]byte(b[3:7])).String()
	if bytes.HasPrefix(b[3:], []byte{0, 0, 0}) && b[6] != 0 {
		if host, err = s.untilNUL(); err != nil {
			return "", 0, err
		}
	}
	if b[0] != 1 { // only CONNECT
		return "", 0, s.last("\x00\x5b\x00\x00\x00\x00\x00\x00")
	}
	return host, binary.BigEndian.Uint16(b[1:]), nil
}

// socks5 has the client log in if it can, and reads its request.
func socks5(s *Session) (host string, port uint16, err error) {
	n, err := s.take(1)
	if err != nil {
		return "", 0, err
	}
	methods, err := s.take(int(n[0]))
	if err != nil {
		return "", 0, err
	}
	switch {
	case bytes.IndexByte(methods, 2) >= 0:
		if err := socks5Login(s); err != nil {
			return "", 0, err
		}
	case bytes.IndexByte(methods, 0) >= 0:
		if err := s.write("\x05\x00"); err != nil {
			return "", 0, err
		}
	default:
		return "", 0, s.last("\x05\xff")
	}
	b, err := s.take(4)
	if err != nil {
		return "", 0, err
	}
	if b[0] != 5 || b[1] != 1 { // only CONNECT
		return "", 0, s.last("\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00")
	}
	if host, err = socks5Host(s, b[3]); err != nil {
		return "", 0, err
	}
	if b, err = s.take(2); err != nil {
		return "", 0, err
	}
	return host, binary.BigEndian.Uint16(b), nil
}

// socks5Login takes any user and password (RFC 1929).
func socks5Login(s *Session) error {
	if err := s.write("\x05\x02"); err != nil {
		return err
	}
	if _, err := s.take(1); err != nil {
		return err
	}
	user, err := s.short()
	if err != nil {
		return err
	}
	password, err := s.short()
	if err != nil {
		return err
	}
	s.say("login", "user", user, "password", password)
	return s.write("\x01\x00")
}

func socks5Host(s *Session, kind byte) (string, error) {
	switch kind {
	case 3:
		return s.short()
	case 1, 4:
		size := 4
		if kind == 4 {
			size = 16
		}
		b, err := s.take(size)
		if err != nil {
			return "", err
		}
		addr, _ := netip.AddrFromSlice(b)
		return addr.String(), nil
	}
	return "", s.last("\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00")
}

// last sends a refusal and ends the session.
func (s *Session) last(text string) error {
	if err := s.write(text); err != nil {
		return err
	}
	return errBye
}

// short reads a string behind its length of one byte.
func (s *Session) short() (string, error) {
	n, err := s.take(1)
	if err != nil {
		return "", err
	}
	text, err := s.take(int(n[0]))
	return string(text), err
}

// untilNUL reads a string up to NUL, and no longer than a name may be.
func (s *Session) untilNUL() (string, error) {
	var text []byte
	for len(text) <= 255 {
		b, err := s.next()
		switch {
		case err != nil:
			return "", err
		case b == 0:
			return string(text), nil
		}
		text = append(text, b)
	}
	return "", errMalformed
}
