package service

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Codes with which a client of PostgreSQL begins, behind a length.
const (
	postgresV3     = 3 << 16
	postgresCancel = 80877102
	postgresTLS    = 80877103
	postgresGSS    = 80877104
)

const maxStartup = 10000 // bytes, as in the real server

func matchPostgres(head []byte) Recognition {
	if len(head) < 8 {
		if len(head) == 0 || head[0] == 0 && (len(head) < 2 || head[1] == 0) {
			return More
		}
		return No
	}
	n, code := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
	switch {
	case n == 8 && (code == postgresTLS || code == postgresGSS), n == 16 && code == postgresCancel, n > 8 && n <= maxStartup && code == postgresV3:
		return Yes
	}
	return No
}

// postgres is a database server that takes every password and answers every
// statement with no rows (PostgreSQL's protocol 3.0).
func postgres(s *Session) error {
	user, database, application, err := postgresStart(s)
	if err != nil {
		return err
	}
	if err := s.write(postgresMessage('R', "\x00\x00\x00\x03")); err != nil { // a password, in the clear
		return err
	}
	kind, body, err := postgresRead(s)
	if err != nil {
		return err
	}
	if kind != 'p' {
		return errMalformed
	}
	s.say("login", "user", user, "database", database, "agent", application, "password", strings.TrimRight(string(body), "\x00"))
	welcome := postgresMessage('R', "\x00\x00\x00\x00")
	for _, parameter := range []string{
		"server_version\x0015.6 (Debian 15.6-0+deb12u1)\x00", "server_encoding\x00UTF8\x00", "client_encoding\x00UTF8\x00",
		"DateStyle\x00ISO, MDY\x00", "integer_datetimes\x00on\x00", "standard_conforming_strings\x00on\x00", "is_superuser\x00on\x00",
	} {
		welcome += postgresMessage('S', parameter)
	}
	welcome += postgresMessage('K', "\x00\x00\x02\x64\x5e\xed\x5e\xed") // its number and the key to cancel
	if err := s.write(welcome + postgresReady); err != nil {
		return err
	}
	return postgresCommands(s)
}

// postgresStart gets through requests for encryption to who the client is.
func postgresStart(s *Session) (user, database, application string, err error) {
	for range 3 {
		head, err := s.take(8)
		if err != nil {
			return "", "", "", err
		}
		n, code := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
		switch {
		case code == postgresTLS && s.offersTLS():
			err = s.secure("S")
		case code == postgresTLS || code == postgresGSS:
			err = s.write("N")
		case code == postgresV3 && n >= 8 && n <= maxStartup:
			body, err := s.take(int(n) - 8)
			if err != nil {
				return "", "", "", err
			}
			of := postgresParameters(body)
			return of["user"], of["database"], of["application_name"], nil
		default: // a request to cancel is not answered
			return "", "", "", errBye
		}
		if err != nil {
			return "", "", "", err
		}
	}
	return "", "", "", errMalformed
}

// postgresParameters reads names and values in turn, up to an empty name.
func postgresParameters(b []byte) map[string]string {
	out := make(map[string]string)
	for range 32 {
		name, rest, ok := bytes.Cut(b, []byte{0})
		value, rest, ok2 := bytes.Cut(rest, []byte{0})
		if !ok || !ok2 || len(name) == 0 {
			break
		}
		out[string(name)], b = string(value), rest
	}
	return out
}

// postgresReady says that no transaction is under way.
const postgresReady = "Z\x00\x00\x00\x05I"

func postgresMessage(kind byte, body string) string {
	return string(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4))) + body
}

func postgresRead(s *Session) (kind byte, body []byte, err error) {
	head, err := s.take(5)
	if err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 || n > 1<<30 {
		return 0, nil, errMalformed
	}
	body, err = s.take(int(n) - 4)
	return head[0], body, err
}

func postgresCommands(s *Session) error {
	tag := "SELECT 0" // of the statement that was parsed last
	for {
		kind, body, err := postgresRead(s)
		if err != nil {
			return err
		}
		reply := ""
		switch kind {
		case 'Q':
			query, _, _ := strings.Cut(string(body), "\x00")
			s.say("query", "query", query)
			reply = postgresMessage('C', postgresTag(query)+"\x00") + postgresReady
		case 'P': // Parse: a name, the statement
			_, rest, _ := strings.Cut(string(body), "\x00")
			query, _, _ := strings.Cut(rest, "\x00")
			s.say("prepare", "query", query)
			tag, reply = postgresTag(query), postgresMessage('1', "")
		case 'B':
			reply = postgresMessage('2', "")
		case 'D': // no parameters, of a statement; no rows
			if len(body) > 0 && body[0] == 'S' {
				reply = postgresMessage('t', "\x00\x00")
			}
			reply += postgresMessage('n', "")
		case 'E':
			reply = postgresMessage('C', tag+"\x00")
		case 'C':
			reply = postgresMessage('3', "")
		case 'S':
			reply = postgresReady
		case 'H', 'd', 'c', 'f':
		case 'X':
			return nil
		default:
			return errMalformed
		}
		if err := s.write(reply); err != nil {
			return err
		}
	}
}

// postgresTag is what a statement is said to have done.
func postgresTag(query string) string {
	words := strings.Fields(strings.ToUpper(strings.TrimRight(query, "; \n")))
	if len(words) == 0 {
		return ""
	}
	switch words[0] {
	case "SELECT", "UPDATE", "DELETE", "COPY":
		return words[0] + " 0"
	case "INSERT":
		return "INSERT 0 1"
	case "CREATE", "DROP", "ALTER":
		if len(words) > 1 {
			return bounded(words[0]+" "+words[1], maxVerb, new(bool))
		}
	}
	return bounded(words[0], maxVerb, new(bool))
}
