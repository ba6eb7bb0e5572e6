// Package content tells what kind of content a file has, by its first bytes.
//
// It imports the standard library only, allocates little, and takes any bytes:
// they are the subject's. What the kinds are called, docs/tape.md lists.
package content

import "bytes"

// HeadSize is how many of the first bytes Type looks at; it takes fewer.
const HeadSize = 512

// Type names the kind of content that begins with head; empty for what is not
// recognised.
func Type(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return "elf"
	case bytes.HasPrefix(head, []byte("#!")):
		return "script"
	default:
		return ""
	}
}

// IsProgram tells whether what begins with head can be executed.
func IsProgram(head []byte) bool {
	switch Type(head) {
	case "elf", "script":
		return true
	default:
		return false
	}
}
