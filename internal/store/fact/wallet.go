package fact

import (
	"bytes"
	"crypto/sha256"
	"math/big"
	"regexp"
	"strings"

	"github.com/detonaut/detonaut/internal/store"
)

// address matches what may be an address of Monero, Ethereum or Bitcoin, in this order. No
// more than shape is known of the first two; those of Bitcoin carry a sum, which is checked.
var address = regexp.MustCompile(`\b(?:[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}(?:[1-9A-HJ-NP-Za-km-z]{11})?|0x[0-9a-fA-F]{40}|bc1[02-9ac-hj-np-z]{11,71}|[13][1-9A-HJ-NP-Za-km-z]{25,34})\b`)

// maxSearched is how much of a string is searched for wallets, in bytes.
const maxSearched = 8 << 10

// wallets adds the addresses in a string.
func (c *collection) wallets(s string) {
	if len(s) < 26 {
		return
	}
	for _, a := range address.FindAllString(s[:min(len(s), maxSearched)], 32) {
		if IsWallet(a) {
			c.add(store.Wallet, a)
		}
	}
}

// IsWallet tells whether s, all of it, is an address of Monero, Ethereum or Bitcoin.
func IsWallet(s string) bool {
	if s == "" || len(s) > 128 || address.FindString(s) != s {
		return false
	}
	switch s[0] {
	case 'b':
		return bech32(s)
	case '1', '3':
		return base58check(s)
	default:
		return true
	}
}

// cleanWallet writes an address as others do; the name of an account stays as it is.
func cleanWallet(s string) string {
	if lower := strings.ToLower(s); strings.HasPrefix(lower, "0x") || strings.HasPrefix(lower, "bc1") {
		return lower
	}
	return s
}

// base58check tells whether the sum at the end of an address is right.
func base58check(s string) bool {
	const digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	n, base := new(big.Int), big.NewInt(int64(len(digits)))
	for _, r := range s {
		n.Mul(n, base)
		n.Add(n, big.NewInt(int64(strings.IndexRune(digits, r))))
	}
	if n.BitLen() > 25*8 {
		return false
	}
	var raw [25]byte
	n.FillBytes(raw[:])
	once := sha256.Sum256(raw[:21])
	twice := sha256.Sum256(once[:])
	return bytes.Equal(twice[:4], raw[21:])
}

// bech32 tells whether the sum at the end of an address is that of BIP 173, or of BIP 350.
func bech32(s string) bool {
	const digits = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	sum := uint32(1)
	step := func(v uint32) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ v
		for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	for _, v := range []uint32{'b' >> 5, 'c' >> 5, 0, 'b' & 31, 'c' & 31} {
		step(v)
	}
	for _, r := range s[len("bc1"):] {
		step(uint32(strings.IndexRune(digits, r)))
	}
	return sum == 1 || sum == 0x2bc830a3
}
