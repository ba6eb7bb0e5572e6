package hello

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// JA4 is the fingerprint of the hello as FoxIO specifies it for TLS over TCP
// (technical_details/JA4.md of github.com/FoxIO-LLC/ja4), for example
// t13d1516h2_8daaf6152771_e5627efa2ab1.
func (h *Hello) JA4() string {
	ciphers, extensions := meant(h.Ciphers), meant(h.Extensions)
	destination := 'i'
	if slices.Contains(extensions, extServerName) {
		destination = 'd'
	}
	a := fmt.Sprintf("t%s%c%02d%02d%s", h.version(), destination, min(len(ciphers), 99), min(len(extensions), 99), h.protocol())

	slices.Sort(ciphers)
	slices.Sort(extensions)
	extensions = slices.DeleteFunc(extensions, func(n uint16) bool { return n == extServerName || n == extALPN })
	c := list(extensions)
	if schemes := meant(h.SignatureSchemes); c != "" && len(schemes) > 0 {
		c += "_" + list(schemes)
	}
	return a + "_" + digest(list(ciphers)) + "_" + digest(c)
}

// version is that of JA4: the highest one offered.
func (h *Hello) version() string {
	highest := h.Version
	if versions := meant(h.Versions); len(versions) > 0 {
		highest = slices.Max(versions)
	}
	switch highest {
	case 0x0304:
		return "13"
	case 0x0303:
		return "12"
	case 0x0302:
		return "11"
	case 0x0301:
		return "10"
	case 0x0300:
		return "s3"
	case 0x0002:
		return "s2"
	}
	return "00"
}

// protocol is the first and last character of the first protocol of ALPN, or
// of its bytes in hexadecimal if one of the two is no letter or digit.
func (h *Hello) protocol() string {
	if len(h.ALPN) == 0 || h.ALPN[0] == "" {
		return "00"
	}
	p := h.ALPN[0]
	if !alphanumeric(p[0]) || !alphanumeric(p[len(p)-1]) {
		p = hex.EncodeToString([]byte(p))
	}
	return string([]byte{p[0], p[len(p)-1]})
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// meant is a copy of the numbers without those of GREASE, which mean nothing:
// 0x0a0a, 0x1a1a and so on (RFC 8701, section 2).
func meant(all []uint16) []uint16 {
	return slices.DeleteFunc(slices.Clone(all), func(n uint16) bool { return n&0x0f0f == 0x0a0a && n>>8 == n&0xff })
}

// list writes numbers as JA4 hashes them.
func list(numbers []uint16) string {
	var b strings.Builder
	for i, n := range numbers {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%04x", n)
	}
	return b.String()
}

// digest is the start of the SHA-256 of s, and zeros for nothing.
func digest(s string) string {
	if s == "" {
		return "000000000000"
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
