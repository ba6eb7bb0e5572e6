// Package service has the servers of the simulated internet besides names, TLS
// and the web: mail, files, shells, chat, databases, directories, brokers,
// mining pools, proxies. Each says just enough for a client to go on, and
// records what the client says.
//
// Nothing here opens a connection or a file. Whatever is read was written by
// the subject: what is kept of it and what is answered have bounds, and only
// the owner of a connection bounds how much comes over it.
package service

import (
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"sync"
)

// Recognition says how sure one is of a protocol.
type Recognition int

// Recognitions.
const (
	No   Recognition = iota
	More             // more bytes would tell
	Yes
)

// Service is one server.
type Service struct {
	// Name is that of the protocol: "smtp".
	Name string
	// First are the ports at which the server speaks first. It does so too at
	// those of them that belong inside TLS, once it is there.
	First []uint16
	// Match tells by the first bytes of a client; nil for a server that
	// always speaks first.
	Match func(head []byte) Recognition
	// hint are the only ports at which Match is asked, if there are any: its
	// bytes alone do not tell.
	hint []uint16
	talk func(s *Session) error
}

// All returns every service. The order is that in which they are asked.
func All() []Service {
	return []Service{
		{Name: "ssh", First: []uint16{22, 2222}, Match: matchPrefix("SSH-"), talk: ssh},
		{Name: "smtp", First: []uint16{25, 26, 465, 587, 2525}, Match: matchPrefix("EHLO ", "HELO ", "MAIL FROM:"), talk: smtp},
		{Name: "ftp", First: []uint16{21, 990, 2121}, talk: ftp},
		{Name: "pop3", First: []uint16{110, 995}, talk: pop3},
		{Name: "imap", First: []uint16{143, 993}, Match: matchIMAP, talk: imap},
		{Name: "telnet", First: []uint16{23, 2323}, Match: matchTelnet, talk: telnet},
		{Name: "irc", Match: matchPrefix("NICK ", "USER ", "PASS ", "CAP LS", "CAP REQ"), talk: irc},
		{Name: "stratum", Match: matchStratum, talk: stratum},
		{Name: "stratum2", Match: matchStratum2, hint: []uint16{3336, 34254, 34255, 34265}, talk: stratum2},
		{Name: "redis", Match: matchRedis, talk: redis},
		{Name: "memcached", Match: matchPrefix("stats\r\n", "version\r\n", "get ", "gets ", "set ", "add ", "flush_all"), talk: memcached},
		{Name: "mysql", First: []uint16{3306}, talk: mysql},
		{Name: "postgresql", Match: matchPostgres, talk: postgres},
		{Name: "mongodb", Match: matchMongo, talk: mongo},
		{Name: "ldap", Match: matchLDAP, talk: ldap},
		{Name: "rmi", Match: matchPrefix("JRMI"), talk: rmi},
		{Name: "socks", Match: matchSOCKS, talk: socks},
		{Name: "mqtt", Match: matchMQTT, talk: mqtt},
		{Name: "amqp", Match: matchPrefix("AMQP\x00\x00\x09\x01"), talk: amqp},
		{Name: "bittorrent", Match: matchPrefix(torrentHello), talk: bittorrent},
		{Name: "rdp", Match: matchRDP, talk: rdp},
		{Name: "vnc", First: []uint16{5900, 5901}, Match: matchPrefix("RFB 00"), talk: vnc},
		{Name: "smb", Match: matchSMB, talk: discard},
		{Name: "x11", Match: matchPrefix("l\x00\x0b\x00\x00\x00", "B\x00\x00\x0b\x00\x00"), talk: discard},
		{Name: "adb", Match: matchPrefix("CNXN\x00\x00\x00\x01", "CNXN\x01\x00\x00\x01"), talk: discard},
		{Name: "git", Match: matchGit, talk: discard},
		{Name: "shell", Match: matchShell, talk: shell},
	}
}

// ByPort returns the server that speaks first at port.
func ByPort(port uint16) (Service, bool) {
	for _, v := range All() {
		if slices.Contains(v.First, port) {
			return v, true
		}
	}
	return Service{}, false
}

// Recognise returns the service whose client begins with head. The port helps
// only where no content tells.
func Recognise(port uint16, head []byte) (Service, Recognition) {
	best := No
	for _, v := range All() {
		if v.Match == nil || v.hint != nil && !slices.Contains(v.hint, port) {
			continue
		}
		switch v.Match(head) {
		case Yes:
			return v, Yes
		case More:
			best = More
		case No:
		}
	}
	return Service{}, best
}

// Serve talks to one client until either says goodbye or ctx is done; it
// closes the connection in the second case only. A client that goes away is no
// error.
func (v Service) Serve(ctx context.Context, s *Session) error {
	conn := s.Conn
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	s.protocol = v.Name
	err := v.talk(s)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errBye) {
		return nil
	}
	return err
}

// matchPrefix recognises clients that begin with one of texts.
func matchPrefix(texts ...string) func(head []byte) Recognition {
	return func(head []byte) Recognition {
		best := No
		for _, text := range texts {
			switch n := min(len(head), len(text)); {
			case string(head[:n]) != text[:n]:
			case n == len(text):
				return Yes
			default:
				best = More
			}
		}
		return best
	}
}

// discard takes what a client says and answers nothing.
func discard(s *Session) error {
	_, err := io.Copy(io.Discard, awaiting{s})
	return err
}

// compiled makes an expression when it is first used: every process of the
// chamber would pay for it at its start.
func compiled(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
