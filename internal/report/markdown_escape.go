package report

import (
	"strings"
	"unicode"
)

// markdownText makes s safe in Markdown (CommonMark, as GitHub and GitLab extend it):
// as it is if it is plain words, else as code. Nothing in a code span is markup, HTML,
// a link, a mention or the number of an issue.
func markdownText(s string) string {
	if plainWords(s) {
		return s
	}
	return markdownCode(s)
}

// plainWords tells whether s has no character of which any dialect of Markdown makes
// something inside a line.
func plainWords(s string) bool {
	if s == "" || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	previous := ' '
	for i, r := range s {
		switch {
		case r < unicode.MaxASCII && alphanumeric(byte(r)):
		case r == ' ' && previous != ' ':
		case strings.ContainsRune(",;'()/%", r):
		case strings.ContainsRune(".-+", r) && previous != ' ':
		case r == ':' && strings.HasPrefix(s[i+1:], " "):
		default:
			return false
		}
		previous = r
	}
	return !strings.Contains(strings.ToLower(s), "www.")
}

// markdownCode is s as a code span, on one line. Its fence is longer than any in it.
func markdownCode(s string) string {
	s = Escape(s)
	if strings.TrimSpace(s) == "" {
		return "(nothing)"
	}
	longest, run := 0, 0
	for i := range len(s) {
		if run++; s[i] != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	// One space is taken off at each end where both have one.
	if edge := s[:1] + s[len(s)-1:]; strings.ContainsAny(edge, "` ") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// markdownCell is s, which is Markdown already, inside a row of a table, where a bar
// ends a cell, even in code; backslashes before it are read in two ways. It is shown as
// a broken one.
func markdownCell(s string) string { return strings.ReplaceAll(s, "|", "¦") }
