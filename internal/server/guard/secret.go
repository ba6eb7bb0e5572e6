package guard

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// The secret of a key is prefix, 26 random characters (130 bits) and 7 of a checksum: what
// was cut or mistyped is told from a key without a look into the store, and what looks for
// secrets in files knows one for sure.
const (
	prefix   = "dtn_"
	random   = 26
	checksum = 7
)

// maxName bounds the name of a key, in bytes.
const maxName = 100

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewKey makes a key, and its secret, which is known from here on to whoever gets it alone.
// It does not expire if lifetime is 0.
func NewKey(name string, scopes []store.Scope, lifetime time.Duration, now time.Time) (k store.APIKey, secret string, err error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > maxName {
		return k, "", fmt.Errorf("make key: a name has 1 to %d bytes", maxName)
	}
	if len(scopes) == 0 {
		return k, "", errors.New("make key: it is good for nothing: give it scopes")
	}
	for _, s := range scopes {
		if !slices.Contains(Scopes(), s) {
			return k, "", fmt.Errorf("make key: no scope %q: use read, submit, download or admin", s)
		}
	}
	if lifetime < 0 {
		return k, "", errors.New("make key: it has expired already")
	}
	body := prefix + rand.Text()[:random]
	secret = body + sum(body)
	scopes = slices.Clone(scopes)
	slices.SortFunc(scopes, func(a, b store.Scope) int { return slices.Index(Scopes(), a) - slices.Index(Scopes(), b) })
	k = store.APIKey{ID: NewID("key"), Name: name, Hash: Hash(secret), Scopes: slices.Compact(scopes), Created: now.UTC()}
	if lifetime > 0 {
		k.Expires = now.UTC().Add(lifetime)
	}
	return k, secret, nil
}

// NewID makes a name for something of a kind that nothing else has.
func NewID(kind string) string { return kind + "-" + strings.ToLower(rand.Text()[:16]) }

// Hash is how the secret of a key is stored. It has 130 bits of chance in it: a slow hash
// would protect nothing.
func Hash(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}

// Wellformed tells whether s is written as the secret of a key is.
func Wellformed(s string) bool {
	n := len(prefix) + random
	return len(s) == n+checksum && strings.HasPrefix(s, prefix) && s[n:] == sum(s[:n])
}

func sum(s string) string {
	return base32Text.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s))))
}
