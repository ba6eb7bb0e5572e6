package service

import (
	"net"
	"strings"
)

// Operations of LDAP (RFC 4511).
const (
	ldapBind       = 0x60
	ldapBound      = 0x61
	ldapUnbind     = 0x42
	ldapSearch     = 0x63
	ldapEntry      = 0x64
	ldapDone       = 0x65
	ldapAbandon    = 0x50
	ldapExtended   = 0x77
	ldapExtendedOK = 0x78
)

const ldapStartTLS = "1.3.6.1.4.1.1466.20037"

// matchLDAP recognises a sequence of a message's number and an operation with
// which clients begin.
func matchLDAP(head []byte) Recognition {
	if len(head) > 0 && head[0] != 0x30 {
		return No
	}
	if len(head) < 2 {
		return More
	}
	at := 2
	if head[1] > 0x80 {
		if at += int(head[1] & 0x7f); at > 6 {
			return No
		}
	}
	if len(head) < at+2 {
		return More
	}
	if head[at] != 2 || head[at+1] == 0 || head[at+1] > 4 {
		return No
	}
	if at += 2 + int(head[at+1]); len(head) <= at {
		return More
	}
	switch head[at] {
	case ldapBind, ldapSearch, ldapExtended:
		return Yes
	}
	return No
}

// ldap is a directory that takes every user and has an entry at every name.
// The entry is a reference as JNDI follows it, to a class file on a web server
// of the same simulated host. No such class is there.
func ldap(s *Session) error {
	for {
		id, op, body, err := ldapRead(s)
		if err != nil {
			return err
		}
		answer := func(op byte, parts ...string) string { return ber(0x30, id, ber(op, parts...)) }
		const success = "\x0a\x01\x00\x04\x00\x04\x00" // no name, no message
		reply := ""
		switch op {
		case ldapBind:
			user, password, mechanism := ldapLogin(body)
			s.say("bind", "user", user, "password", password, "mechanism", mechanism)
			reply = answer(ldapBound, success)
		case ldapSearch:
			dn, filter := ldapQuestion(body)
			s.say("search", "dn", dn, "filter", filter)
			reply = answer(ldapEntry, ldapReference(s, dn)) + answer(ldapDone, success)
		case ldapExtended:
			_, name, _, _ := berNext(body)
			s.say("extended", "name", string(name))
			if string(name) == ldapStartTLS && s.offersTLS() {
				if err := s.secure(answer(ldapExtendedOK, success)); err != nil {
					return err
				}
				continue
			}
			reply = answer(ldapExtendedOK, "\x0a\x01\x02\x04\x00\x04\x00") // protocolError
		case ldapAbandon:
		case ldapUnbind:
			return nil
		default:
			s.say("operation", "name", ldapOperation(op))
			reply = answer(op+1, success) // RFC 4511: an answer's tag follows that of its request
		}
		if err := s.write(reply); err != nil {
			return err
		}
	}
}

func ldapOperation(op byte) string {
	switch op {
	case 0x66:
		return "modify"
	case 0x68:
		return "add"
	case 0x4a:
		return "delete"
	case 0x6c:
		return "rename"
	case 0x6e:
		return "compare"
	}
	return "other"
}

// ldapRead reads one message: its number as it was written, and its operation.
func ldapRead(s *Session) (id string, op byte, body []byte, err error) {
	head, err := s.take(2)
	if err != nil {
		return "", 0, nil, err
	}
	n := int(head[1])
	if n >= 0x80 {
		more, err := s.take(n & 0x7f)
		if err != nil || len(more) > 4 {
			return "", 0, nil, errMalformed
		}
		n = 0
		for _, c := range more {
			n = n<<8 | int(c)
		}
	}
	if head[0] != 0x30 || n > maxKept {
		return "", 0, nil, errMalformed
	}
	message, err := s.take(n)
	if err != nil {
		return "", 0, nil, err
	}
	tag, number, rest, ok := berNext(message)
	if !ok || tag != 2 || len(number) > 4 {
		return "", 0, nil, errMalformed
	}
	op, body, _, ok = berNext(rest)
	if !ok {
		return "", 0, nil, errMalformed
	}
	return ber(2, string(number)), op, body, nil
}

// ldapLogin reads a BindRequest: a version, a name, and a password or the name
// of a SASL mechanism.
func ldapLogin(body []byte) (user, password, mechanism string) {
	_, _, rest, _ := berNext(body)
	_, name, rest, _ := berNext(rest)
	switch tag, value, _, _ := berNext(rest); tag {
	case 0x80:
		return string(name), string(value), "simple"
	case 0xa3:
		_, mechanism, _, _ := berNext(value)
		return string(name), "", string(mechanism)
	}
	return string(name), "", ""
}

// ldapQuestion reads a SearchRequest: base, four numbers, typesOnly, filter.
func ldapQuestion(body []byte) (dn, filter string) {
	_, base, rest, _ := berNext(body)
	for range 5 {
		_, _, rest, _ = berNext(rest)
	}
	filter, _ = ldapFilter(rest, 0)
	return string(base), filter
}

// ldapReference is the body of an entry by which JNDI finds an object (RFC
// 2713): a factory's class and where its code is.
func ldapReference(s *Session, dn string) string {
	attribute := func(name, value string) string { return ber(0x30, ber(4, name), ber(0x31, ber(4, value))) }
	if dn == "" { // the root: what there is
		return ber(4) + ber(0x30, attribute("objectClass", "top"), attribute("supportedLDAPVersion", "3"))
	}
	host := s.name()
	if strings.Contains(host, ":") {
		host = net.JoinHostPort(host, "80")
	}
	return ber(4, dn) + ber(0x30,
		attribute("objectClass", "javaNamingReference"), attribute("javaClassName", "Main"),
		attribute("javaCodeBase", "http://"+host+"/"), attribute("javaFactory", "Main"))
}
