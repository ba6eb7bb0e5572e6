package fact

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/detonaut/detonaut/internal/store"
)

// noContent is the SHA-256 of nothing, which says nothing of anybody.
const noContent = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// Clean writes a value as facts of its kind are written, so that one who searches finds it
// whatever the case, the final dot, the brackets. It is false of what can be no value of the
// kind, also because it says nothing: an address of the machine itself, the hash of nothing.
// What Clean returned it returns again. The value is valid UTF-8, without NUL, and not empty.
func Clean(kind store.Kind, value string) (string, bool) {
	value = strings.ReplaceAll(strings.ToValidUTF8(value, "\uFFFD"), "\x00", "\uFFFD")
	value = strings.TrimSpace(value)
	ok := true
	switch kind {
	case store.SHA256:
		value = strings.TrimPrefix(strings.ToLower(value), "sha256:")
		ok = isHex(value, 64) && value != noContent
	case store.Layer:
		value = strings.ToLower(value)
		ok = isDigest(value)
	case store.Domain:
		value, ok = cleanDomain(value)
	case store.IP:
		value, ok = cleanIP(value)
	case store.Port, store.Listen:
		value, ok = cleanPort(value)
	case store.Wallet:
		value = cleanWallet(value)
	case store.Technique:
		value = strings.ToUpper(value)
		ok = isTechnique(value)
	case store.CVE:
		value = cleanAdvisory(value)
	case store.Package:
		value, _, _ = strings.Cut(value, "#")
		value, _, _ = strings.Cut(value, "?")
		value = strings.TrimSpace(value)
		const scheme = "pkg:"
		if ok = len(value) > len(scheme) && strings.EqualFold(value[:len(scheme)], scheme); ok {
			value = scheme + value[len(scheme):]
		}
	case store.Likeness, store.Family, store.PackageName, store.RuleID, store.Certificate:
		value = strings.ToLower(value)
	case store.Process: // as it is: names of files are told apart by case
	default:
		ok = false
	}
	value = strings.TrimSpace(value)
	return value, ok && value != "" && len(value) <= MaxValue
}

// cleanDomain is a name in lower case without its final dot. What is no name in the world's
// DNS is none: one label, this machine, and questions for what name an address has.
func cleanDomain(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	if len(s) > 253 || !strings.Contains(strings.Trim(s, "."), ".") || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") ||
		strings.ContainsAny(s, " /:@[]\"\\?#*") || strings.Contains(s, "..") {
		return "", false
	}
	for _, own := range []string{".arpa", ".localhost", ".localdomain", ".local"} {
		if strings.HasSuffix(s, own) {
			return "", false
		}
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return "", false
	}
	return s, strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == utf8.RuneError }) < 0
}

// metadata is where clouds tell a machine about itself, credentials included: the one address
// that is no public one and says something of who asks.
var metadata = netip.AddrFrom4([4]byte{169, 254, 169, 254})

// cleanIP is an address of the internet, without a port.
func cleanIP(s string) (string, bool) {
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return "", false
	}
	a = a.Unmap().WithZone("")
	local := !a.IsGlobalUnicast() || a.IsPrivate()
	return a.String(), !local || a == metadata
}

// cleanPort is "tcp/3333", or "udp/53"; a number alone is one of TCP.
func cleanPort(s string) (string, bool) {
	network, number, ok := strings.Cut(strings.ToLower(s), "/")
	if !ok {
		network, number = "tcp", network
	}
	n, err := strconv.ParseUint(number, 10, 16)
	return network + "/" + strconv.FormatUint(n, 10), err == nil && n > 0 && (network == "tcp" || network == "udp")
}

// cleanAdvisory is the id of a vulnerability. Those of the best known lists are written in
// one case only; GitHub's have a tail in lower case.
func cleanAdvisory(s string) string {
	upper := strings.ToUpper(s)
	if tail, ok := strings.CutPrefix(upper, "GHSA-"); ok {
		return "GHSA-" + strings.ToLower(tail)
	}
	return upper
}

// isTechnique tells whether s is "T1496" or "T1059.004".
func isTechnique(s string) bool {
	id, sub, has := strings.Cut(s, ".")
	return len(id) == 5 && id[0] == 'T' && isDecimal(id[1:]) && (!has || len(sub) == 3 && isDecimal(sub))
}

// parentTechnique is the technique of which another is a part: who does the part does it.
func parentTechnique(s string) (string, bool) {
	id, _, has := strings.Cut(s, ".")
	return id, has
}

// isDigest tells whether s is "sha256:" and 64 digits, or the same of SHA-512.
func isDigest(s string) bool {
	if hex, ok := strings.CutPrefix(s, "sha256:"); ok {
		return isHex(hex, 64)
	}
	hex, ok := strings.CutPrefix(s, "sha512:")
	return ok && isHex(hex, 128)
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

func isDecimal(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
