package service

import (
	"bytes"
	"strings"
)

// Telnet's commands (RFC 854).
const (
	telnetSE   = 240
	telnetSB   = 250
	telnetWill = 251
	telnetDont = 254
	telnetIAC  = 255
)

// matchTelnet recognises a client that begins to negotiate.
func matchTelnet(head []byte) Recognition {
	switch {
	case len(head) > 0 && head[0] != telnetIAC || len(head) > 1 && (head[1] < telnetSB || head[1] > telnetDont):
		return No
	case len(head) < 3:
		return More
	}
	return Yes
}

// telnet is the shell of a small device, as the malware of the internet of
// things looks for: any user and password, and then busybox.
func telnet(s *Session) error {
	// It echoes and suppresses go-ahead: RFC 857, RFC 858.
	if err := s.write("\xff\xfb\x01\xff\xfb\x03\r\nlogin: "); err != nil {
		return err
	}
	user, err := telnetLine(s)
	if err != nil {
		return err
	}
	if err := s.write("\r\nPassword: "); err != nil {
		return err
	}
	password, err := telnetLine(s)
	if err != nil {
		return err
	}
	s.say("login", "user", user, "password", password)
	var box busybox
	reply := "\r\n\r\nBusyBox v1.22.1 built-in shell (ash)\r\nEnter 'help' for a list of built-in commands.\r\n\r\n"
	for {
		if err := s.write(reply + "# "); err != nil {
			return err
		}
		command, err := telnetLine(s)
		if err != nil {
			return err
		}
		if command == "exit" {
			return nil
		}
		if command != "" {
			s.say("command", "command", command)
		}
		reply = "\r\n" + strings.ReplaceAll(box.run(command), "\n", "\r\n")
	}
}

// telnetLine reads one line and leaves out what was negotiated in it.
func telnetLine(s *Session) (string, error) {
	var line bytes.Buffer
	for {
		b, err := s.next()
		switch {
		case err != nil:
			return "", err
		case b == telnetIAC:
			if err := telnetSkip(s); err != nil {
				return "", err
			}
			continue
		case b == '\n':
			return line.String(), nil
		case b == '\r':
			// RFC 854: a CR has LF or NUL after it. Some clients send it alone.
			if s.Reader.Buffered() > 0 {
				if next, _ := s.Reader.Peek(1); next[0] == '\n' || next[0] == 0 {
					_, _ = s.Reader.Discard(1) // it was peeked at
				}
			}
			return line.String(), nil
		case b == 0:
			continue
		}
		if line.Len() < maxLine {
			line.WriteByte(b)
		} else {
			s.cut = true
		}
	}
}

// telnetSkip reads the rest of a command that began with IAC.
func telnetSkip(s *Session) error {
	verb, err := s.next()
	if err != nil || verb < telnetSB || verb > telnetDont {
		return err
	}
	option, err := s.next()
	if err != nil || verb >= telnetWill {
		return err
	}
	// A subnegotiation ends with IAC SE.
	for last := option; ; {
		b, err := s.next()
		if err != nil || last == telnetIAC && b == telnetSE {
			return err
		}
		last = b
	}
}
