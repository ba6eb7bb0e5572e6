package service

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
)

func TestDatagrams(t *testing.T) {
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	for _, tc := range []struct {
		name     string
		port     uint16
		packet   string
		protocol string
		said     []tape.Message
		reply    string
	}{
		{
			"stun", 19302, "\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl", "stun",
			[]tape.Message{say("stun", "binding")},
			// 203.0.113.9 and 4660, each with the cookie taken off (RFC 8489, 14.2).
			"\x01\x01\x00\x0c\x21\x12\xa4\x42abcdefghijkl\x00\x20\x00\x08\x00\x01\x33\x26\xea\x12\xd5\x4b",
		},
		{"quic", 443, "\xc3\x00\x00\x00\x01" + zeros(1195), "quic", nil, ""},
		{"too short for quic", 443, "\xc3\x00\x00\x00\x01" + zeros(95), "", nil, ""},
		{"dtls", 4433, "\x16\xfe\xfd" + zeros(20), "dtls", nil, ""},
		{"wireguard", 51820, "\x01\x00\x00\x00" + zeros(144), "wireguard", nil, ""},
		{"openvpn", 1194, "\x38" + "sessionA" + zeros(5), "openvpn", nil, ""},
		{
			"dht", 6881, "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe", "bittorrent-dht",
			[]tape.Message{say("bittorrent-dht", "get_peers", "hash", "6d6e6f707172737475767778797a313233343536")},
			"",
		},
		{
			"tracker", 1337, "\x00\x00\x04\x17\x27\x10\x19\x80\x00\x00\x00\x00\xca\xfe\xba\xbe", "bittorrent-tracker",
			[]tape.Message{say("bittorrent-tracker", "connect")},
			"\x00\x00\x00\x00\xca\xfe\xba\xbe\x5a\x1c\x77\x02\x9e\x40\xd3\x18",
		},
		{"utp", 6881, "\x41\x00" + zeros(18), "utp", nil, ""},
		{"ssdp", 1900, "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n", "ssdp", nil, ""},
		{"mdns", 5353, zeros(20), "mdns", nil, ""},
		{"sip", 5060, "REGISTER sip:pbx.example SIP/2.0\r\n", "sip", []tape.Message{say("sip", "REGISTER", "target", "pbx.example")}, ""},
		{"syslog", 514, "<34>Oct 11 22:14:15 web su: failed\n", "syslog", []tape.Message{say("syslog", "log", "text", "<34>Oct 11 22:14:15 web su: failed")}, ""},
		{"snmp", 161, "\x30\x1a\x02\x01\x01\x04\x06public\xa0\x0d\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x02\x30\x00", "snmp", []tape.Message{say("snmp", "get", "community", "public")}, ""},
		{"monlist", 123, "\x17\x00\x03\x2a" + zeros(4), "ntp", []tape.Message{say("ntp", "monlist")}, ""},
		{"tftp read", 69, "\x00\x01bot.mips\x00octet\x00", "tftp", []tape.Message{say("tftp", "read", "path", "bot.mips")}, "\x00\x03\x00\x01" + payload},
		{"tftp write", 69, "\x00\x02loot\x00NetASCII\x00", "tftp", []tape.Message{say("tftp", "write", "path", "loot")}, "\x00\x04\x00\x00"},
		{"tftp data", 69, "\x00\x03\x00\x01root:x", "tftp", []tape.Message{say("tftp", "data", "size", "6", "text", "root:x")}, "\x00\x04\x00\x01"},
		{"memcached", 11211, zeros(8) + "stats items\r\n", "memcached", []tape.Message{say("memcached", "stats", "arguments", "items")}, ""},
		{"unknown", 4444, "hello", "", nil, ""},
		{"empty", 4444, "", "", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var said []tape.Message
			reply, protocol := Datagram(tc.port, []byte(tc.packet), netip.MustParseAddrPort("203.0.113.9:4660"), wall(), func(m tape.Message, _ bool) { said = append(said, m) })
			if protocol != tc.protocol {
				t.Errorf("got %q, want %q", protocol, tc.protocol)
			}
			if diff := cmp.Diff(tc.said, said); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
			if string(reply) != tc.reply {
				t.Errorf("got  %q\nwant %q", reply, tc.reply)
			}
		})
	}
}

func TestNTP(t *testing.T) {
	query := make([]byte, 48)
	query[0], query[2] = 0x23, 6 // version 4, a client
	copy(query[40:], "12345678")
	b, protocol := Datagram(123, query, netip.AddrPort{}, wall(), func(tape.Message, bool) {})
	if protocol != "ntp" || len(b) != 48 {
		t.Fatalf("got %q, %d bytes", protocol, len(b))
	}
	type answer struct {
		Head      string
		Origin    string
		Received  uint64
		Sent      bool // after it was received
		Reference bool // before
	}
	received := uint64(1_700_000_000+secondsTo1970)<<32 | 1<<31
	at := func(i int) uint64 { return binary.BigEndian.Uint64(b[i:]) }
	got := answer{string(b[:4]), string(b[24:32]), at(32), at(40) > at(32), at(16) < at(32)}
	if diff := cmp.Diff(answer{"\x24\x02\x06\xec", "12345678", received, true, true}, got); diff != "" {
		t.Error(diff)
	}
}
