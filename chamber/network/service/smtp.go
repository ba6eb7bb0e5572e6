package service

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// smtp is a mail server (RFC 5321) that takes every mail and delivers none.
func smtp(s *Session) error {
	if err := s.printf("220 %s ESMTP Postfix\r\n", s.name()); err != nil {
		return err
	}
	return s.dialogue(func(verb, rest string) (string, error) {
		switch verb {
		case "EHLO", "HELO":
			s.say(verb, "client", rest)
			return smtpHello(s, verb == "EHLO"), nil
		case "STARTTLS":
			if !s.offersTLS() {
				return "502 5.5.1 Error: command not implemented\r\n", nil
			}
			return "", s.secure("220 2.0.0 Ready to start TLS\r\n")
		case "AUTH":
			return smtpAuth(s, rest)
		case "MAIL":
			s.say("MAIL", "from", mailbox(rest))
			return "250 2.1.0 Ok\r\n", nil
		case "RCPT":
			s.say("RCPT", "to", mailbox(rest))
			return "250 2.1.5 Ok\r\n", nil
		case "DATA":
			return smtpData(s)
		case "RSET", "NOOP":
			return "250 2.0.0 Ok\r\n", nil
		case "VRFY":
			return "252 2.0.0 Cannot VRFY user\r\n", nil
		case "QUIT":
			return "221 2.0.0 Bye\r\n", errBye
		}
		return "502 5.5.2 Error: command not recognized\r\n", nil
	})
}

func smtpHello(s *Session, extended bool) string {
	if !extended {
		return "250 " + s.name() + "\r\n"
	}
	lines := []string{s.name(), "PIPELINING", "SIZE 10240000"}
	if s.offersTLS() {
		lines = append(lines, "STARTTLS")
	}
	lines = append(lines, "AUTH PLAIN LOGIN", "ENHANCEDSTATUSCODES", "8BITMIME")
	return "250-" + strings.Join(lines, "\r\n250-") + "\r\n250 SMTPUTF8\r\n"
}

// mailbox takes the address out of "FROM:<a@b> SIZE=1".
func mailbox(rest string) string {
	_, address, found := strings.Cut(rest, "<")
	if !found {
		_, address, _ = strings.Cut(rest, ":")
		address, _, _ = strings.Cut(strings.TrimSpace(address), " ")
		return address
	}
	address, _, _ = strings.Cut(address, ">")
	return address
}

// smtpAuth takes any user and password (RFC 4954).
func smtpAuth(s *Session, rest string) (string, error) {
	mechanism, initial, _ := strings.Cut(rest, " ")
	ask := func(prompt string) (string, error) {
		if err := s.write("334 " + prompt + "\r\n"); err != nil {
			return "", err
		}
		return s.line()
	}
	var err error
	switch mechanism = strings.ToUpper(mechanism); mechanism {
	case "PLAIN":
		if initial == "" {
			if initial, err = ask(""); err != nil {
				return "", err
			}
		}
		user, password := plainLogin(initial)
		s.say("AUTH", "mechanism", mechanism, "user", user, "password", password)
	case "LOGIN":
		if initial == "" {
			if initial, err = ask("VXNlcm5hbWU6"); err != nil { // "Username:"
				return "", err
			}
		}
		password, err := ask("UGFzc3dvcmQ6") // "Password:"
		if err != nil {
			return "", err
		}
		s.say("AUTH", "mechanism", mechanism, "user", base64Text(initial), "password", base64Text(password))
	default:
		s.say("AUTH", "mechanism", mechanism)
		return "535 5.7.8 Error: authentication failed: Invalid authentication mechanism\r\n", nil
	}
	return "235 2.7.0 Authentication successful\r\n", nil
}

// plainLogin decodes SASL PLAIN (RFC 4616): a role, NUL, user, NUL, password.
func plainLogin(encoded string) (user, password string) {
	parts := strings.SplitN(base64Text(encoded), "\x00", 3)
	if len(parts) != 3 {
		return "", ""
	}
	return parts[1], parts[2]
}

func base64Text(encoded string) string {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return ""
	}
	return string(b)
}

// smtpData takes one mail: its subject, its size and the start of its text.
func smtpData(s *Session) (string, error) {
	if err := s.write("354 End data with <CR><LF>.<CR><LF>\r\n"); err != nil {
		return "", err
	}
	var subject, sender string
	var text strings.Builder
	size, header := 0, true
	for {
		line, err := s.line()
		if err != nil {
			return "", err
		}
		if line == "." {
			break
		}
		line = strings.TrimPrefix(line, ".") // RFC 5321, section 4.5.2
		size += len(line) + 2
		switch name, value, _ := strings.Cut(line, ":"); {
		case !header:
			if text.Len() <= maxField { // one too many, so that say sees that it is cut
				text.WriteString(line[:min(len(line), maxField)] + "\n")
			}
		case line == "":
			header = false
		case strings.EqualFold(name, "Subject"):
			subject = strings.TrimSpace(value)
		case strings.EqualFold(name, "From"):
			sender = strings.TrimSpace(value)
		}
	}
	s.say("DATA", "subject", subject, "from", sender, "size", strconv.Itoa(size), "text", text.String())
	return "250 2.0.0 Ok: queued as 4F1C32019A\r\n", nil
}
