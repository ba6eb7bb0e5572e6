package report

import (
	"fmt"
	"regexp"
	"strings"
)

// placeholder is what SARIF replaces with an argument (3.11.5).
var placeholder = regexp.MustCompile(`\{(\d+\})`)

// plainMessage makes s safe as the text of a message of SARIF: one line of characters
// that print, in which nothing is a link (3.11.6) or a placeholder. Viewers differ in
// whether they undo escapes, so what would begin one is parted by a space.
func plainMessage(s string) string {
	s = Escape(s)
	s = strings.ReplaceAll(s, "](", "] (")
	return placeholder.ReplaceAllString(s, "{ $1")
}

// escapeURI makes a path, or a name, a relative reference to a URI (RFC 3986): without
// a scheme, a host, a query or dot segments, whatever is in it. Slashes stay.
func escapeURI(s string) string {
	s = strings.TrimLeft(s, "/")
	segments := strings.Split(s, "/")
	for i, segment := range segments {
		segments[i] = escapeSegment(segment)
	}
	if out := strings.Join(segments, "/"); out != "" {
		return out
	}
	return "%2F" // the root; an empty reference is the document itself
}

func escapeSegment(s string) string {
	if s == "." || s == ".." {
		return strings.ReplaceAll(s, ".", "%2E")
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; alphanumeric(c) || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
