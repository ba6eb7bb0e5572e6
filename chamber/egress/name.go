package egress

import (
	"errors"
	"slices"
	"strings"
)

// maxName and maxLabel are those of RFC 1035, section 2.3.4, as text without
// the final dot.
const (
	maxName  = 253
	maxLabel = 63
)

// parseName returns a host name in lower case and without a final dot. What
// some resolver might take for an address in disguise ("127.1", "0x7f000001")
// is no name.
func parseName(s string) (string, error) {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > maxName {
		return "", errors.New("an empty name, or a long one")
	}
	name := strings.ToLower(s)
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if l == "" || len(l) > maxLabel {
			return "", errors.New("a name with an empty or long label")
		}
		if strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", errors.New("a name with other characters than letters, digits, - and _")
		}
	}
	// The URL standard's "ends in a number".
	last := labels[len(labels)-1]
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == "" {
		return "", errors.New("a name that ends in a number")
	}
	return name, nil
}

// inwardDomains belong to the network that one is on. To ask for a name below
// them would show the subject which machines the operator has (RFC 6761,
// RFC 6762, RFC 8375, RFC 7686, ICANN's .internal, and common usage).
var inwardDomains = []string{
	"localhost", "local", "internal", "intranet", "private", "corp", "home", "lan", "localdomain",
	"home.arpa", "test", "invalid", "onion", "alt",
}

// inward tells whether a parsed name has only meaning on the network that one
// is on.
func inward(name string) bool {
	return !strings.Contains(name, ".") || slices.ContainsFunc(inwardDomains, func(d string) bool {
		return strings.HasSuffix(name, "."+d)
	})
}
