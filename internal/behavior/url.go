package behavior

import (
	"net/netip"
	"slices"
	"strings"
)

// URLAddress is the "host:port" of a URL; the port is that of its scheme where
// it names none. What is no URL comes back as it is. URLs are the subject's:
// they are taken apart, not checked.
func URLAddress(s string) string {
	scheme, authority, _ := splitURL(s)
	if scheme == "" {
		return s
	}
	authority = authority[strings.LastIndexByte(authority, '@')+1:]
	if _, port := SplitAddress(authority); port >= 0 {
		return authority
	}
	switch scheme {
	case "http", "ws":
		return authority + ":80"
	case "https", "wss":
		return authority + ":443"
	default:
		return authority
	}
}

// URLPath is the path of a URL without its query; "/" if it has none.
func URLPath(s string) string {
	if scheme, _, rest := splitURL(s); scheme != "" {
		s = rest
	}
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i]
	}
	if s == "" {
		return "/"
	}
	return s
}

// splitURL takes a URL apart; scheme, in lower case, is empty if it is none.
func splitURL(s string) (scheme, authority, rest string) {
	scheme, authority, ok := strings.Cut(s, "://")
	scheme = strings.ToLower(scheme)
	if !ok || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != "" {
		return "", "", ""
	}
	if i := strings.IndexAny(authority, "/?#"); i >= 0 {
		return scheme, authority[:i], authority[i:]
	}
	return scheme, authority, ""
}

// IsIP tells whether a host is an IP address, not a name.
func IsIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// secondLevel are labels below which names are registered in the domains of
// many countries: example.co.uk, example.com.au.
var secondLevel = []string{"ac", "co", "com", "edu", "go", "gob", "gov", "gv", "ne", "net", "or", "org"}

// Domain is the part of a name that somebody registered: its last two labels,
// or three where the last but one is of secondLevel and the last a country's.
// It is a guess that needs no list of all registries; it is good enough to tell
// which names belong together, not who owns them. In lower case; an IP is its
// own domain.
func Domain(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if IsIP(name) {
		return name
	}
	labels := 2
	if parts := lastLabels(name, 2); len(parts) == 2 && len(parts[1]) == 2 && slices.Contains(secondLevel, parts[0]) {
		labels = 3
	}
	return strings.Join(lastLabels(name, labels), ".")
}

// lastLabels are the last n labels of a name, fewer if it has no more.
func lastLabels(name string, n int) (labels []string) {
	for len(labels) < n && name != "" {
		i := strings.LastIndexByte(name, '.')
		labels = append(labels, name[i+1:])
		name = name[:max(i, 0)]
	}
	slices.Reverse(labels)
	return labels
}
