package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// redactor tells of a value what may be told: the prefix that every value of its kind
// has, its length, and a hash under a salt.
type redactor struct{ salt []byte }

// MinSalt is the shortest salt that is used, in bytes: with less there are no hashes.
const MinSalt = 16

func (a Analyzer) redactor() redactor {
	if len(a.Salt) < MinSalt {
		return redactor{}
	}
	return redactor{a.Salt}
}

// maxPrefix is the most of a prefix that is shown, in bytes.
const maxPrefix = 16

// show tells of a value; prefix is that of its kind, and shown only if it has it.
func (r redactor) show(value, prefix string) string {
	shown := fmt.Sprintf("<%d characters", len([]rune(value)))
	if prefix != "" && len(prefix) < len(value) && strings.HasPrefix(value, prefix) {
		shown = fmt.Sprintf("<%s... of %d characters", prefix[:min(len(prefix), maxPrefix)], len([]rune(value)))
	}
	if r.salt != nil {
		shown += ", hash " + r.sum("value", value)
	}
	return shown + ">"
}

// mark stands for the salt.
func (r redactor) mark() string {
	if r.salt == nil {
		return ""
	}
	return r.sum("salt", "")[:8]
}

// sum is a keyed hash, of 64 bits.
func (r redactor) sum(purpose, value string) string {
	mac := hmac.New(sha256.New, r.salt)
	_, _ = mac.Write([]byte("detonaut secret " + purpose + "\x00" + value)) // a hash takes everything
	return hex.EncodeToString(mac.Sum(nil)[:8])
}
