package service

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// payload is what a file that is fetched has inside: a script that does
// nothing.
const payload = "#!/bin/sh\nexit 0\n"

// ftpTalk is one control connection.
type ftpTalk struct {
	*Session
	user   string
	accept func() (net.Conn, error) // the data connection that was offered; nil if none
}

// ftp is a file server (RFC 959) with every file that is asked for. It opens
// no connection: only passive transfers work, and only if the session can have
// a second connection.
func ftp(s *Session) error {
	if err := s.write("220 (vsFTPd 3.0.5)\r\n"); err != nil {
		return err
	}
	t := &ftpTalk{Session: s}
	return s.dialogue(t.answer)
}

func (t *ftpTalk) answer(verb, rest string) (string, error) {
	switch verb {
	case "USER":
		t.user = rest
		return "331 Please specify the password.\r\n", nil
	case "PASS":
		t.say("login", "user", t.user, "password", rest)
		return "230 Login successful.\r\n", nil
	case "AUTH":
		if !t.offersTLS() {
			return "530 Please login with USER and PASS.\r\n", nil
		}
		return "", t.secure("234 Proceed with negotiation.\r\n")
	case "SYST":
		return "215 UNIX Type: L8\r\n", nil
	case "FEAT":
		return "211-Features:\r\n EPSV\r\n PASV\r\n SIZE\r\n UTF8\r\n211 End\r\n", nil
	case "PWD", "XPWD":
		return "257 \"/\" is the current directory\r\n", nil
	case "PROT":
		if rest == "C" {
			return "200 PROT now Clear.\r\n", nil
		}
		return "536 Requested PROT level not supported.\r\n", nil
	case "PBSZ", "TYPE", "MODE", "STRU", "NOOP", "OPTS":
		return "200 OK.\r\n", nil
	case "SIZE":
		return fmt.Sprintf("213 %d\r\n", len(payload)), nil
	case "REST", "RNFR":
		return "350 Ready.\r\n", nil
	case "CWD", "CDUP", "DELE", "MKD", "RMD", "RNTO", "SITE":
		t.say(verb, "path", rest)
		return "250 Done.\r\n", nil
	case "EPSV", "PASV":
		return t.passive(verb), nil
	case "PORT", "EPRT":
		t.say(verb, "target", rest)
		return "500 Illegal PORT command.\r\n", nil
	case "RETR", "STOR", "APPE", "LIST", "NLST", "MLSD":
		return t.transfer(verb, rest)
	case "QUIT":
		return "221 Goodbye.\r\n", errBye
	}
	return "500 Unknown command.\r\n", nil
}

// passive offers a data connection (RFC 959; RFC 2428).
func (t *ftpTalk) passive(verb string) string {
	const refusal = "425 Can't open data connection.\r\n"
	if t.Passive == nil {
		return refusal
	}
	at, accept, err := t.Passive()
	addr := at.Addr().Unmap()
	if err != nil || verb == "PASV" && !addr.Is4() {
		return refusal
	}
	t.accept = accept
	if verb == "EPSV" {
		return fmt.Sprintf("229 Entering Extended Passive Mode (|||%d|)\r\n", at.Port())
	}
	a := addr.As4()
	return fmt.Sprintf("227 Entering Passive Mode (%d,%d,%d,%d,%d,%d).\r\n", a[0], a[1], a[2], a[3], at.Port()>>8, at.Port()&0xff)
}

// transfer moves one file or list over the data connection.
func (t *ftpTalk) transfer(verb, path string) (string, error) {
	accept := t.accept
	t.accept = nil
	if accept == nil {
		t.say(verb, "path", path)
		return "425 Use PORT or PASV first.\r\n", nil
	}
	if err := t.write("150 Opening data connection.\r\n"); err != nil {
		return "", err
	}
	conn, err := accept()
	if err != nil {
		t.say(verb, "path", path)
		return "425 Failed to establish connection.\r\n", nil
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(idle)); err != nil {
		return "", err
	}
	switch verb {
	case "STOR", "APPE":
		err = t.upload(conn, verb, path)
	case "RETR":
		t.say(verb, "path", path)
		_, err = io.WriteString(conn, payload)
	default: // the directory is empty
		t.say(verb, "path", path)
	}
	if err != nil {
		return "426 Failure reading or writing network stream.\r\n", nil
	}
	return "226 Transfer complete.\r\n", nil
}

// upload takes a file, and keeps its size and its start.
func (t *ftpTalk) upload(conn net.Conn, verb, path string) error {
	var head strings.Builder
	size, err := io.CopyN(&head, conn, maxField)
	if err == nil {
		var rest int64
		rest, err = io.Copy(io.Discard, conn)
		size, t.cut = size+rest, t.cut || rest > 0
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	t.say(verb, "path", path, "size", strconv.FormatInt(size, 10), "text", head.String())
	return err
}
