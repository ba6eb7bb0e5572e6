package query

import (
	"regexp"
	"strings"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

var (
	domain   = regexp.MustCompile(`^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})$`)
	advisory = regexp.MustCompile(`^(?:CVE-[0-9]{4}-[0-9]{4,19}|GHSA(?:-[0-9a-z]{4}){3})$`)
	ja4      = regexp.MustCompile(`^[tqd][0-9a-z]{2}[di][0-9]{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$`)
	likeness = regexp.MustCompile(`^(?:imphash|symbols|modules):[0-9a-f]{32,64}$`)
	upTo     = regexp.MustCompile(`^(?i)(?:h[tx]{2}ps?|ftp|wss?|tcp|udp|stratum(?:\+[a-z]+)?)://`)
)

// Direct recognises what is typed alone and is a fact in itself: the hash of a file, a digest,
// an address or a name of the internet, also within a URL and defanged ("evil[.]example"), a
// vulnerability, a technique, a wallet, a package URL, a fingerprint. Nothing is known of it yet:
// who finds no report that has it searches for the text instead. A digest comes back as that of
// a layer: the caller looks first whether it is that of an image.
func Direct(s string) (store.Fact, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > MaxLength {
		return store.Fact{}, false
	}
	lower := strings.ToLower(s)
	switch {
	case strings.HasPrefix(lower, "sha256:"), strings.HasPrefix(lower, "sha512:"):
		return of(store.Layer, s)
	case strings.HasPrefix(lower, "pkg:"):
		return of(store.Package, s)
	case likeness.MatchString(lower):
		return of(store.Likeness, s)
	case ja4.MatchString(lower):
		return of(store.Certificate, s)
	case fact.IsWallet(s):
		return of(store.Wallet, s)
	}
	if f, ok := of(store.CVE, s); ok && advisory.MatchString(f.Value) {
		return f, true
	}
	for _, k := range []store.Kind{store.SHA256, store.Technique} {
		if f, ok := of(k, s); ok {
			return f, true
		}
	}
	return host(s)
}

// host recognises who can be reached.
func host(s string) (store.Fact, bool) {
	s = strings.NewReplacer("[.]", ".", "(.)", ".", "[:]", ":").Replace(s)
	if scheme := upTo.FindString(s); scheme != "" {
		s = s[len(scheme):]
		if i := strings.IndexAny(s, "/?#"); i >= 0 {
			s = s[:i]
		}
		s = s[strings.LastIndexByte(s, '@')+1:]
	}
	if i := strings.LastIndexByte(s, ':'); i >= 0 && (strings.Count(s, ":") == 1 || s[i-min(i, 1)] == ']') && isPort(s[i+1:]) {
		s = s[:i]
	}
	if f, ok := of(store.IP, s); ok {
		return f, true
	}
	if f, ok := of(store.Domain, s); ok && domain.MatchString(f.Value) {
		return f, true
	}
	return store.Fact{}, false
}

func isPort(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func of(k store.Kind, value string) (store.Fact, bool) {
	v, ok := fact.Clean(k, value)
	if !ok {
		return store.Fact{}, false
	}
	return store.Fact{Kind: k, Value: v}, true
}
