package service

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// The protocols here are hardly answered: that they are spoken is what counts.

// torrentHello begins a connection of BitTorrent (BEP 3); 8 bytes of flags, the
// hash of a torrent and the name of a peer follow.
const torrentHello = "\x13BitTorrent protocol"

// bittorrent is a peer that has nothing.
func bittorrent(s *Session) error {
	head, err := s.take(len(torrentHello) + 8 + 20 + 20)
	if err != nil {
		return err
	}
	hash, peer := head[len(torrentHello)+8:][:20], head[len(torrentHello)+28:]
	s.say("handshake", "hash", hex.EncodeToString(hash), "client", string(peer))
	if err := s.write(torrentHello + strings.Repeat("\x00", 8) + string(hash) + "-TR4050-k8hj0wgej6ch"); err != nil {
		return err
	}
	return discard(s)
}

// matchRDP recognises a request to connect of X.224 in a TPKT (MS-RDPBCGR,
// 2.2.1.1).
func matchRDP(head []byte) Recognition {
	switch {
	case !bytes.HasPrefix([]byte{3, 0}, head[:min(len(head), 2)]):
		return No
	case len(head) < 6:
		return More
	case head[5] == 0xe0 && int(head[4]) == int(binary.BigEndian.Uint16(head[2:]))-5:
		return Yes
	}
	return No
}

// rdp takes the user out of the cookie of the request.
func rdp(s *Session) error {
	head, err := s.take(4)
	if err != nil {
		return err
	}
	request, err := s.take(int(binary.BigEndian.Uint16(head[2:])) - 4)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(request), "Cookie: mstshash=")
	user, _, _ := strings.Cut(rest, "\r\n")
	s.say("connect", "user", user)
	return discard(s)
}

// vnc is a screen that refuses (RFC 6143, section 7.1).
func vnc(s *Session) error {
	if err := s.write("RFB 003.008\n"); err != nil {
		return err
	}
	version, err := s.line()
	if err != nil {
		return err
	}
	s.say("version", "client", version)
	const reason = "Too many security failures"
	return s.write("\x00\x00\x00\x00" + string([]byte{byte(len(reason))}) + reason)
}

// matchSMB recognises SMB 1, 2 and 3 in a NetBIOS message.
func matchSMB(head []byte) Recognition {
	switch {
	case len(head) > 0 && head[0] != 0, len(head) > 1 && head[1] > 1:
		return No
	case len(head) < 8:
		return matchPrefix("\xffSMB", "\xfeSMB")(head[min(len(head), 4):])
	}
	return matchPrefix("\xffSMB", "\xfeSMB")(head[4:])
}

// matchGit recognises a request of git's own protocol: a length of four digits
// and the command.
func matchGit(head []byte) Recognition {
	digits := head[:min(len(head), 4)]
	if !isHex(string(digits)) {
		return No
	}
	return matchPrefix("git-upload-pack /", "git-receive-pack /")(head[len(digits):])
}
