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

// Aim is a short name of what an analysis aims at, before it is known of which image: a
// fingerprint, with what is asked of every run instead of a plan. Two analyses of one digest
// with the same aim would find the same.
func Aim(f detonaut.Fingerprint, asked detonaut.Digest) string {
	f.Plan = asked
	return Key(f)
}
