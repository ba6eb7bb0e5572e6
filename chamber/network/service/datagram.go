package service

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"github.com/detonaut/detonaut/chamber/tape"
)

// A datagram is one packet to a server without connections.
type datagram struct {
	port uint16
	b    []byte
	from netip.AddrPort
	now  time.Time
	say  func(m tape.Message, cut bool)
}

// Datagram answers a packet that came to port, and names its protocol, "" if it
// is unknown. from is how the world sees its sender, now the run's clock. say
// is called at most once; the caller bounds how often a sender is recorded. The
// reply is nil where a server would have none, or none that could be made up.
func Datagram(port uint16, packet []byte, from netip.AddrPort, now time.Time, say func(m tape.Message, cut bool)) (reply []byte, protocol string) {
	d := &datagram{port, packet, from, now, say}
	for _, v := range datagrams() {
		if v.match(d) {
			if v.answer != nil {
				reply = v.answer(d, v.name)
			}
			return reply, v.name
		}
	}
	return nil, ""
}

// A datagramService is one server without connections.
type datagramService struct {
	name   string
	match  func(d *datagram) bool
	answer func(d *datagram, name string) []byte // nil: never a reply, nothing to record
}

// datagrams lists them in the order in which they are asked: what tells by
// content first.
func datagrams() []datagramService {
	return []datagramService{
		{"stun", isSTUN, stun},
		{"quic", isQUIC, nil},
		{"dtls", isDTLS, nil},
		{"wireguard", func(d *datagram) bool { return len(d.b) == 148 && d.starts("\x01\x00\x00\x00") }, nil},
		{"bittorrent-dht", func(d *datagram) bool { return d.starts("d1:ad2:id20:") || d.starts("d1:rd2:id20:") }, dht},
		{"bittorrent-tracker", isTracker, tracker},
		{"ssdp", func(d *datagram) bool {
			return d.starts("M-SEARCH * HTTP/1.1\r\n") || d.starts("NOTIFY * HTTP/1.1\r\n")
		}, nil},
		{"sip", func(d *datagram) bool { return sipRequest().Match(d.b) }, sip},
		{"syslog", func(d *datagram) bool { return syslogLine().Match(d.b) }, syslog},
		{"snmp", isSNMP, snmp},
		{"ntp", func(d *datagram) bool { return d.port == 123 && len(d.b) >= 48 && d.b[0]&7 == 3 }, ntp},
		{"ntp", func(d *datagram) bool { return d.port == 123 && len(d.b) >= 4 && d.b[0]&7 >= 6 }, ntpControl},
		{"tftp", isTFTP, tftp},
		{"memcached", func(d *datagram) bool { return d.port == 11211 && len(d.b) > 8 }, memcachedDatagram},
		{"openvpn", isOpenVPN, nil},
		{"utp", isUTP, nil},
		{"mdns", func(d *datagram) bool { return d.port == 5353 && len(d.b) >= 12 }, nil},
		{"llmnr", func(d *datagram) bool { return d.port == 5355 && len(d.b) >= 12 }, nil},
		{"netbios", func(d *datagram) bool { return (d.port == 137 || d.port == 138) && len(d.b) >= 12 }, nil},
		{"dhcp", func(d *datagram) bool { return len(d.b) >= 240 && string(d.b[236:240]) == "\x63\x82\x53\x63" }, nil},
	}
}

func (d *datagram) starts(text string) bool { return bytes.HasPrefix(d.b, []byte(text)) }

func (d *datagram) record(protocol, verb string, fields ...string) {
	d.say(message(protocol, verb, fields...))
}

// isSTUN recognises a request to bind (RFC 8489).
func isSTUN(d *datagram) bool {
	return len(d.b) >= 20 && d.starts("\x00\x01") && string(d.b[4:8]) == stunCookie && int(binary.BigEndian.Uint16(d.b[2:])) == len(d.b)-20
}

const stunCookie = "\x21\x12\xa4\x42"

// stun tells the sender its address, in XOR-MAPPED-ADDRESS.
func stun(d *datagram, name string) []byte {
	d.record(name, "binding")
	addr := d.from.Addr().Unmap().AsSlice()
	family := byte(1)
	if len(addr) == 16 {
		family = 2
	}
	mask := d.b[4:20] // cookie and transaction
	value := []byte{0, family}
	value = binary.BigEndian.AppendUint16(value, d.from.Port()^binary.BigEndian.Uint16(mask))
	for i, c := range addr {
		value = append(value, c^mask[i])
	}
	reply := binary.BigEndian.AppendUint16([]byte{1, 1}, uint16(4+len(value)))
	reply = append(append(reply, mask...), 0, 0x20, 0, byte(len(value)))
	return append(reply, value...)
}

// isQUIC recognises a first packet: a long header, a known version, and the
// size that RFC 9000 asks for in section 14.1. Without an answer clients fall
// back to TCP.
func isQUIC(d *datagram) bool {
	if len(d.b) < 1200 || d.b[0]&0xc0 != 0xc0 {
		return false
	}
	version := binary.BigEndian.Uint32(d.b[1:])
	return version == 1 || version == 0x6b3343cf || version>>8 == 0xff0000 || version>>24 == 'Q'
}

func isDTLS(d *datagram) bool {
	return len(d.b) >= 13 && d.b[0] == 0x16 && d.b[1] == 0xfe && (d.b[2] == 0xff || d.b[2] == 0xfd)
}

// isOpenVPN recognises a reset by a client: its opcode in the upper five bits,
// eight bytes of session, no acknowledgements, the number 0.
func isOpenVPN(d *datagram) bool {
	return (len(d.b) == 14 || d.port == 1194 && len(d.b) > 14) && (d.b[0] == 7<<3 || d.b[0] == 10<<3)
}

// isUTP recognises the first packet of a connection (BEP 29).
func isUTP(d *datagram) bool {
	return len(d.b) >= 20 && d.b[0] == 0x41 && d.b[1] <= 2 && len(d.b) <= 32
}

// dht takes the query and its hash out of a message of the DHT (BEP 5), without
// reading it whole: the keys of bencoded dictionaries are sorted, and so these
// stand where they stand.
func dht(d *datagram, name string) []byte {
	verb := "response"
	if m := dhtQuery().FindSubmatch(d.b); m != nil {
		verb = string(m[1])
	}
	hash := ""
	if _, rest, ok := bytes.Cut(d.b, []byte("9:info_hash20:")); ok && len(rest) >= 20 {
		hash = hex.EncodeToString(rest[:20])
	}
	d.record(name, verb, "hash", hash)
	return nil
}

var dhtQuery = compiled(`1:q\d{1,2}:(ping|find_node|get_peers|announce_peer|sample_infohashes)`)

// isTracker recognises a request to connect (BEP 15).
func isTracker(d *datagram) bool {
	return len(d.b) >= 16 && d.starts("\x00\x00\x04\x17\x27\x10\x19\x80\x00\x00\x00\x00")
}

func tracker(d *datagram, name string) []byte {
	d.record(name, "connect")
	reply := append(make([]byte, 4), d.b[12:16]...)
	return append(reply, "\x5a\x1c\x77\x02\x9e\x40\xd3\x18"...) // the connection
}

var (
	sipRequest = compiled(`^(REGISTER|INVITE|OPTIONS|SUBSCRIBE|MESSAGE) sip:([^ \r\n]{1,255}) SIP/2\.0\r\n`)
	syslogLine = compiled(`^<\d{1,3}>[1A-Za-z0-9]`)
)

func sip(d *datagram, name string) []byte {
	m := sipRequest().FindSubmatch(d.b)
	d.record(name, string(m[1]), "target", string(m[2]))
	return nil
}

// syslog takes a line of a log (RFC 5424; RFC 3164).
func syslog(d *datagram, name string) []byte {
	d.record(name, "log", "text", strings.TrimRight(string(d.b), "\r\n\x00"))
	return nil
}

// isSNMP recognises a message of SNMP 1 or 2c: a version and a community (RFC
// 3416).
func isSNMP(d *datagram) bool {
	_, _, ok := snmpCommunity(d.b)
	return ok
}

func snmpCommunity(b []byte) (community string, pdu byte, ok bool) {
	tag, body, _, ok := berNext(b)
	if !ok || tag != 0x30 {
		return "", 0, false
	}
	tag, version, rest, ok := berNext(body)
	if !ok || tag != 2 || len(version) != 1 || version[0] > 1 {
		return "", 0, false
	}
	tag, name, rest, ok := berNext(rest)
	if !ok || tag != 4 || len(rest) == 0 || rest[0]&0xf0 != 0xa0 {
		return "", 0, false
	}
	return string(name), rest[0], true
}

func snmp(d *datagram, name string) []byte {
	community, pdu, _ := snmpCommunity(d.b)
	verb := map[byte]string{0xa0: "get", 0xa1: "getnext", 0xa3: "set", 0xa5: "getbulk"}[pdu]
	if verb == "" {
		verb = "other"
	}
	d.record(name, verb, "community", community)
	return nil
}
