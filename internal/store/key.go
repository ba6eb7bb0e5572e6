package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/detonaut/detonaut"
)

// Key is a short name of a fingerprint: equal ones have equal keys.
func Key(f detonaut.Fingerprint) string {
	b, _ := json.Marshal(f) // of strings alone
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
