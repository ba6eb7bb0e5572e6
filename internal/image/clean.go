package image

import (
	"strconv"
	"strings"
)

// maxMessage bounds what an error quotes of a server or an image, in bytes.
const maxMessage = 300

// clean is the text of an error that may quote a server or an image.
func clean(err error) string { return cleanString(err.Error()) }

// quoted is a name of the subject in quotes, as cleanString is without.
func quoted(s string) string {
	if len(s) > maxMessage {
		return strconv.Quote(s[:maxMessage]) + "..."
	}
	return strconv.Quote(s)
}

// cleanString makes a string of a server or an image fit to be shown: short,
// and with everything escaped that is not printable.
func cleanString(s string) string {
	cut := ""
	if len(s) > maxMessage {
		s, cut = s[:maxMessage], "..."
	}
	quoted := strconv.Quote(strings.TrimSpace(s))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`) + cut
}
