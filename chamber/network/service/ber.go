package service

import (
	"fmt"
	"strings"
)

// berNext takes the first element off b: BER with tags of one byte and
// definite lengths of at most four (X.690), as LDAP and SNMP have.
func berNext(b []byte) (tag byte, value, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	tag = b[0]
	n, size := int(b[1]), 2
	if n >= 0x80 {
		more := n & 0x7f
		if more == 0 || more > 4 || len(b) < 2+more {
			return 0, nil, nil, false
		}
		n = 0
		for _, c := range b[2 : 2+more] {
			n = n<<8 | int(c)
		}
		size += more
	}
	if n > len(b)-size {
		return 0, nil, nil, false
	}
	return tag, b[size : size+n], b[size+n:], true
}

// ber writes one element.
func ber(tag byte, parts ...string) string {
	body := strings.Join(parts, "")
	switch n := len(body); {
	case n < 0x80:
		return string([]byte{tag, byte(n)}) + body
	case n < 0x100:
		return string([]byte{tag, 0x81, byte(n)}) + body
	default:
		return string([]byte{tag, 0x82, byte(n >> 8), byte(n)}) + body
	}
}

const maxFilterDepth = 8

// ldapFilter writes a search filter as text (RFC 4515), as far as it can be
// read. Its bytes are the subject's.
func ldapFilter(b []byte, depth int) (text string, rest []byte) {
	tag, value, rest, ok := berNext(b)
	if !ok || depth == maxFilterDepth {
		return "", nil
	}
	switch tag {
	case 0xa0, 0xa1, 0xa2: // and, or, not
		var out strings.Builder
		for len(value) > 0 && out.Len() < maxField {
			text, value = ldapFilter(value, depth+1)
			out.WriteString(text)
		}
		return "(" + map[byte]string{0xa0: "&", 0xa1: "|", 0xa2: "!"}[tag] + out.String() + ")", rest
	case 0x87: // present
		return "(" + string(value) + "=*)", rest
	case 0xa3, 0xa5, 0xa6, 0xa8: // equal, greater or equal, less or equal, approximately
		_, name, after, _ := berNext(value)
		_, want, _, _ := berNext(after)
		return "(" + string(name) + map[byte]string{0xa3: "=", 0xa5: ">=", 0xa6: "<=", 0xa8: "~="}[tag] + string(want) + ")", rest
	case 0xa4: // substrings
		_, name, after, _ := berNext(value)
		_, parts, _, _ := berNext(after)
		return "(" + string(name) + "=" + ldapSubstrings(parts) + ")", rest
	}
	return fmt.Sprintf("(?%x)", tag), rest
}

func ldapSubstrings(parts []byte) string {
	var out strings.Builder
	last := byte(0x80)
	for range 16 {
		tag, value, rest, ok := berNext(parts)
		if !ok {
			break
		}
		if tag != 0x80 { // initial
			out.WriteByte('*')
		}
		out.Write(value)
		last, parts = tag, rest
	}
	if last != 0x82 { // final
		out.WriteByte('*')
	}
	return out.String()
}
