package service

import (
	"bufio"
	"bytes"
	"net/netip"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/detonaut/detonaut/chamber/tape"
)

// fuzzed are the services and the probe.
func fuzzed() []Service { return append(All(), Service{Name: "shell", talk: probe}) }

// Whatever a client says: no service panics, says more than it may, or records
// more than it may. That it ends is seen to by the input, which does.
func FuzzServe(f *testing.F) {
	index := make(map[string]byte)
	for i, v := range fuzzed() {
		index[v.Name] = byte(i)
	}
	for name, text := range map[string]string{
		"smtp": "EHLO a\r\nDATA\r\nSubject: x\r\n\r\ny\r\n.\r\n", "imap": "a LOGIN {1}\r\nx y\r\n", "ftp": "EPSV\r\nRETR x\r\n",
		"telnet": "a\r\nb\r\necho -e '\\x41' > x; cat x\r\n", "irc": "NICK a\r\nUSER a b c :d\r\nJOIN #a,#b\r\n", "redis": "*2\r\n$3\r\nGET\r\n$1\r\nx\r\n",
		"stratum": `{"id":1,"method":"login","params":{"algo":["x"]}}` + "\n", "ldap": "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00",
		"mqtt": "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00\x82\x06\x00\x01\x00\x01a\x00", "socks": "\x05\x01\x00\x05\x01\x00\x03\x01a\x00\x50",
	} {
		f.Add(index[name], []byte(text))
	}
	f.Fuzz(func(t *testing.T, which byte, input []byte) {
		all := fuzzed()
		conn := &script{in: bytes.NewReader(input)}
		said := 0
		s := &Session{Conn: conn, Reader: bufio.NewReader(conn), Host: "host.example", Now: wall, Say: func(m tape.Message, _ bool) {
			said++
			bound(t, m)
		}}
		s.StartTLS = func() error { return nil }
		s.Tunnel = func(string, uint16) error { return nil }
		_ = all[int(which)%len(all)].Serve(t.Context(), s) // what it makes of the end is not the point
		if said > maxMessages+1 {
			t.Errorf("recorded %d messages", said)
		}
		if most := 4<<10 + 300*len(input); conn.out.Len() > most {
			t.Errorf("answered %d bytes with %d", len(input), conn.out.Len())
		}
	})
}

// bound holds m to what [Session.say] promises. A byte becomes at most the
// four of \xNN.
func bound(t *testing.T, m tape.Message) {
	t.Helper()
	if m.Protocol == "" || len(m.Verb) > 4*maxVerb || !utf8.ValidString(m.Verb) || len(m.Fields) > 8 {
		t.Errorf("recorded %+v", m)
	}
	for name, v := range m.Fields {
		if len(v) > 4*maxField || !utf8.ValidString(v) {
			t.Errorf("recorded %d bytes of %s", len(v), name)
		}
	}
}

// A service is named exactly if it is sure.
func FuzzRecognise(f *testing.F) {
	for _, text := range []string{"", "SSH-2.0", "\x30\x84\x00\x00\x00\x10\x02\x01\x01\x63", `{"method":"login"}`, "\x05\x01\x00", "*1\r\n$"} {
		f.Add(uint16(34255), []byte(text))
	}
	f.Fuzz(func(t *testing.T, port uint16, head []byte) {
		v, sure := Recognise(port, head)
		if (sure == Yes) != (v.Name != "") {
			t.Errorf("got %q %v", v.Name, sure)
		}
	})
}

func FuzzDatagram(f *testing.F) {
	f.Add(uint16(123), bytes.Repeat([]byte{0x23}, 48))
	f.Add(uint16(69), []byte("\x00\x01a\x00octet\x00"))
	f.Add(uint16(161), []byte("\x30\x1a\x02\x01\x01\x04\x06public\xa0\x0d\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x02\x30\x00"))
	f.Add(uint16(3478), []byte("\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"))
	f.Add(uint16(5060), []byte("REGISTER sip:a SIP/2.0\r\n"))
	f.Fuzz(func(t *testing.T, port uint16, packet []byte) {
		said := 0
		reply, protocol := Datagram(port, packet, netip.MustParseAddrPort("[2001:db8::1]:9"), time.Unix(0, 0), func(m tape.Message, _ bool) {
			said++
			bound(t, m)
		})
		if said > 1 || len(reply) > 64 || len(reply) > 0 && protocol == "" {
			t.Errorf("recorded %d, answered %d bytes as %q", said, len(reply), protocol)
		}
	})
}
