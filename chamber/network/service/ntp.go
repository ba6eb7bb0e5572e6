package service

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"time"
)

// secondsTo1970 are those from NTP's epoch, 1900, to that of Unix.
const secondsTo1970 = 2208988800

// ntp tells the time (RFC 5905, section 7.3): a server of stratum 2 that has
// just been set.
func ntp(d *datagram, name string) []byte {
	d.record(name, "time")
	reply := make([]byte, 48)
	reply[0] = d.b[0]&0x38 | 4 // the client's version, as a server
	reply[1] = 2
	reply[2] = d.b[2]                                   // the client's interval
	reply[3] = 0xec                                     // precision: 2^-20 s
	binary.BigEndian.PutUint32(reply[4:], 0x00000a00)   // delay to the reference: 39 ms
	binary.BigEndian.PutUint32(reply[8:], 0x00000200)   // dispersion: 8 ms
	copy(reply[12:], "\xc0\x05\x29\x28")                // the reference: 192.5.41.40
	ntpTime(reply[16:], d.now.Add(-13*time.Second))     // when it was set
	copy(reply[24:32], d.b[40:48])                      // when the client asked
	ntpTime(reply[32:], d.now)                          // when that came
	ntpTime(reply[40:], d.now.Add(20*time.Microsecond)) // when this left
	return reply
}

// ntpTime writes seconds since 1900, modulo 2^32, and their fraction.
func ntpTime(b []byte, t time.Time) {
	binary.BigEndian.PutUint32(b, uint32(t.Unix()+secondsTo1970))
	binary.BigEndian.PutUint32(b[4:], uint32((uint64(t.Nanosecond())<<32)/1e9))
}

// ntpControl records questions about a server, among them the list of clients
// with which others are flooded (monlist). They are not answered.
func ntpControl(d *datagram, name string) []byte {
	verb := "control"
	if d.b[0]&7 == 7 && d.b[3] == 42 { // MON_GETLIST_1
		verb = "monlist"
	}
	d.record(name, verb)
	return nil
}

// Packets of TFTP (RFC 1350).
const (
	tftpRead  = 1
	tftpWrite = 2
	tftpData  = 3
)

func isTFTP(d *datagram) bool {
	if len(d.b) < 4 || d.b[0] != 0 {
		return false
	}
	switch d.b[1] {
	case tftpRead, tftpWrite:
		_, mode := tftpRequest(d.b)
		switch string(bytes.ToLower([]byte(mode))) {
		case "octet", "netascii":
			return true
		}
	case tftpData:
		return d.port == 69
	}
	return false
}

func tftpRequest(b []byte) (path, mode string) {
	parts := bytes.SplitN(b[2:], []byte{0}, 3)
	if len(parts) < 3 {
		return "", ""
	}
	return string(parts[0]), string(parts[1])
}

// tftp gives every file that is read, in one block, and takes every one that
// is written.
func tftp(d *datagram, name string) []byte {
	path, _ := tftpRequest(d.b)
	switch d.b[1] {
	case tftpRead:
		d.record(name, "read", "path", path)
		return append([]byte{0, tftpData, 0, 1}, payload...)
	case tftpWrite:
		d.record(name, "write", "path", path)
		return []byte{0, 4, 0, 0}
	}
	d.record(name, "data", "size", strconv.Itoa(len(d.b)-4), "text", string(d.b[4:]))
	return []byte{0, 4, d.b[2], d.b[3]}
}

// memcachedDatagram records a command behind a header of eight bytes. It is
// not answered: others are flooded with such answers.
func memcachedDatagram(d *datagram, name string) []byte {
	verb, rest, _ := bytes.Cut(bytes.TrimRight(d.b[8:], "\r\n"), []byte(" "))
	d.record(name, string(verb), "arguments", string(rest))
	return nil
}
