package indicator

import "strings"

// Defanged is the value so that nothing makes a link of it: a dot of a host is "[.]", http is
// "hxxp". It is not escaped.
func (i Indicator) Defanged() string {
	switch i.Kind {
	case Domain:
		return dots(i.Value)
	case IP:
		return strings.ReplaceAll(dots(i.Value), ":", "[:]")
	case URL:
		return defangURL(i.Value)
	case SHA256, Wallet, JA4: // no links
	}
	return Defang(i.Value)
}

// Defang is a text so that nothing makes a link of what is a URL in it.
func Defang(text string) string { return strings.ReplaceAll(text, "://", "[:]//") }

func dots(s string) string { return strings.ReplaceAll(s, ".", "[.]") }

func defangURL(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return Defang(s)
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if len(scheme) >= 3 && strings.EqualFold(scheme[:3], "htt") { // http, https
		scheme = scheme[:1] + "xx" + scheme[3:]
	}
	return scheme + "://" + dots(rest[:end]) + Defang(rest[end:])
}
