package service

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// Messages and a reason of SSH (RFC 4253, section 12 and 11.1).
const (
	sshDisconnect  = 1
	sshKexInit     = 20
	sshTooManyConn = 12
)

// maxSSHPacket is the most that an implementation must take (RFC 4253, 6.1).
const maxSSHPacket = 35000

// ssh exchanges versions and algorithms, and then has too many connections:
// what comes after is encrypted, and needs a host key.
func ssh(s *Session) error {
	if err := s.write("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n" + sshPacket(sshOffer())); err != nil {
		return err
	}
	client, err := s.line()
	if err != nil {
		return err
	}
	hello, err := sshRead(s)
	if err != nil {
		s.say("version", "client", client)
		return err
	}
	s.say("version", "client", client, "hassh", hassh(hello))
	bye := append([]byte{sshDisconnect, 0, 0, 0, sshTooManyConn}, sshString("Too many connections")...)
	return s.write(sshPacket(append(bye, sshString("")...)))
}

// sshRead reads the payload of one packet that is not encrypted: its length,
// the length of its padding, payload, padding.
func sshRead(s *Session) ([]byte, error) {
	head, err := s.take(5)
	if err != nil {
		return nil, err
	}
	n, padding := binary.BigEndian.Uint32(head), int(head[4])
	if n < 1 || n > maxSSHPacket {
		return nil, errMalformed
	}
	body, err := s.take(int(n) - 1)
	if err != nil || padding > len(body) {
		return nil, errMalformed
	}
	return body[:len(body)-padding], nil
}

// sshPacket puts payload into a packet that is a multiple of 8 bytes long and
// has at least 4 of padding.
func sshPacket(payload []byte) string {
	padding := 8 - (len(payload)+5)%8
	if padding < 4 {
		padding += 8
	}
	packet := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+padding))
	packet = append(append(packet, byte(padding)), payload...)
	return string(append(packet, make([]byte, padding)...))
}

func sshString(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// sshOffer is the SSH_MSG_KEXINIT of OpenSSH, with a cookie of zeros.
func sshOffer() []byte {
	const ciphers = "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com"
	const macs = "umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1"
	offer := append([]byte{sshKexInit}, make([]byte, 16)...)
	for _, list := range []string{
		"sntrup761x25519-sha512@openssh.com,curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group14-sha256",
		"rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256,ssh-ed25519",
		ciphers, ciphers, macs, macs, "none,zlib@openssh.com", "none,zlib@openssh.com", "", "",
	} {
		offer = append(offer, sshString(list)...)
	}
	return append(offer, make([]byte, 5)...) // no guess follows; reserved
}

// hassh is the fingerprint of a client by its offer (github.com/salesforce/hassh):
// the MD5 of its key exchanges, ciphers, MACs and compressions toward the
// server. Empty if hello is no offer.
func hassh(hello []byte) string {
	if len(hello) < 17 || hello[0] != sshKexInit {
		return ""
	}
	rest := hello[17:]
	var lists [8]string
	for i := range lists {
		if len(rest) < 4 {
			return ""
		}
		n := binary.BigEndian.Uint32(rest)
		if uint64(n) > uint64(len(rest)-4) {
			return ""
		}
		lists[i] = string(rest[4 : 4+n])
		rest = rest[4+n:]
	}
	// 0 key exchange, 1 host key, 2 and 3 ciphers, 4 and 5 MACs, 6 and 7 compression.
	sum := md5.Sum([]byte(strings.Join([]string{lists[0], lists[2], lists[4], lists[6]}, ";")))
	return hex.EncodeToString(sum[:])
}
