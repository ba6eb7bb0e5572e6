package service

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Capabilities of MySQL's protocol 4.1.
const (
	mysqlConnectWithDB      = 1 << 3
	mysqlProtocol41         = 1 << 9
	mysqlTLS                = 1 << 11
	mysqlTransactions       = 1 << 13
	mysqlSecure             = 1 << 15
	mysqlPluginAuth         = 1 << 19
	mysqlLengthAuth         = 1 << 21
	mysqlOffer              = mysqlConnectWithDB | mysqlProtocol41 | mysqlTransactions | mysqlSecure | mysqlPluginAuth | 1 // long passwords
	mysqlPlugin             = "mysql_native_password"
	mysqlSalt               = "q7N#x2Vd" + "Lm4&rT9zKb1e" // of 8 and 12 bytes, none of them 0
	mysqlHello         byte = 10
)

// mysql is a database server that takes every user and answers every
// statement with no rows (the protocol of MySQL 4.1 and MariaDB).
func mysql(s *Session) error {
	if err := s.write(mysqlPacket(0, mysqlGreeting(s.offersTLS()))); err != nil {
		return err
	}
	seq, login, err := mysqlRead(s)
	if err != nil {
		return err
	}
	if len(login) == 32 && binary.LittleEndian.Uint32(login)&mysqlTLS != 0 && s.offersTLS() {
		if err := s.secure(""); err != nil {
			return err
		}
		if seq, login, err = mysqlRead(s); err != nil {
			return err
		}
	}
	user, database, ok := mysqlLogin(login)
	if !ok {
		return errMalformed
	}
	s.say("login", "user", user, "database", database)
	if err := s.write(mysqlPacket(seq+1, mysqlOK)); err != nil {
		return err
	}
	return mysqlCommands(s)
}

// mysqlOK says that no row was affected and no id made.
const mysqlOK = "\x00\x00\x00\x02\x00\x00\x00"

func mysqlGreeting(tls bool) string {
	offer := uint32(mysqlOffer)
	if tls {
		offer |= mysqlTLS
	}
	b := append([]byte{mysqlHello}, "5.5.5-10.11.6-MariaDB-0+deb12u1\x00"...)
	b = append(b, 31, 0, 0, 0) // the connection's number
	b = append(append(b, mysqlSalt[:8]...), 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(offer&0xffff))
	b = append(b, 45, 2, 0) // utf8mb4_general_ci; autocommit
	b = binary.LittleEndian.AppendUint16(b, uint16(offer>>16))
	b = append(b, byte(len(mysqlSalt)+1))
	b = append(b, make([]byte, 10)...)
	b = append(append(b, mysqlSalt[8:]...), 0)
	return string(append(b, mysqlPlugin+"\x00"...))
}

// mysqlPacket puts payload behind its length, of three bytes, and its number.
func mysqlPacket(seq byte, payload string) string {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(payload))|uint32(seq)<<24)
	return string(head) + payload
}

func mysqlRead(s *Session) (seq byte, payload []byte, err error) {
	head, err := s.take(4)
	if err != nil {
		return 0, nil, err
	}
	payload, err = s.take(int(head[0]) | int(head[1])<<8 | int(head[2])<<16)
	return head[3], payload, err
}

// mysqlLogin reads a HandshakeResponse41: capabilities, limits, 23 zeros, user,
// proof and database.
func mysqlLogin(b []byte) (user, database string, ok bool) {
	if len(b) < 32 {
		return "", "", false
	}
	offer, rest := binary.LittleEndian.Uint32(b), b[32:]
	name, rest, ok := bytes.Cut(rest, []byte{0})
	if !ok || offer&mysqlConnectWithDB == 0 {
		return string(name), "", ok
	}
	proof := 0
	if offer&(mysqlSecure|mysqlLengthAuth) != 0 && len(rest) > 0 {
		proof, rest = int(rest[0]), rest[1:]
	}
	if proof > len(rest) {
		return string(name), "", true
	}
	schema, _, _ := bytes.Cut(rest[proof:], []byte{0})
	return string(name), string(schema), true
}

// Commands of MySQL that are told apart.
const (
	mysqlQuit      = 1
	mysqlInitDB    = 2
	mysqlQuery     = 3
	mysqlFieldList = 4
	mysqlPing      = 14
	mysqlPrepare   = 22
)

func mysqlCommands(s *Session) error {
	for {
		_, b, err := mysqlRead(s)
		if err != nil {
			return err
		}
		if len(b) == 0 {
			return errMalformed
		}
		reply := mysqlOK
		switch text := string(b[1:]); b[0] {
		case mysqlQuit:
			return nil
		case mysqlInitDB:
			s.say("use", "database", text)
		case mysqlQuery:
			s.say("query", "query", strings.TrimSpace(text))
		case mysqlFieldList:
			reply = "\xfe\x00\x00\x02\x00" // no columns
		case mysqlPing:
		case mysqlPrepare:
			s.say("prepare", "query", strings.TrimSpace(text))
			reply = "\xff\x0f\x05#HY000This command is not supported in the prepared statement protocol yet" // 1295
		default:
			reply = "\xff\x17\x04#08S01Unknown command" // 1047
		}
		if err := s.write(mysqlPacket(1, reply)); err != nil {
			return err
		}
	}
}
