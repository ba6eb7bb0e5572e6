package index

import (
	"bytes"
	"strings"

	"github.com/detonaut/detonaut"
)

// minDigest is how many digits of a digest make a word that is looked for among digests.
const minDigest = 6

// text is a word that is looked for, and where it is.
type text struct {
	places, tags, families, sentences set
	// across are repositories and tags between which it is: "nginx:1.27".
	across []across
	// prefix are so many digits with which a digest begins; word is for one of another kind.
	prefix [32]byte
	digits int
	word   string
}

type across struct{ places, tags set }

// text looks for a word in all dictionaries.
func (t *table) text(word string) *text {
	word = strings.ToLower(word)
	word, begins := strings.CutSuffix(word, "*")
	if word == "" {
		return nil
	}
	x := &text{
		places: t.places.having(word, begins), tags: t.tags.having(word, begins),
		families: t.families.having(word, begins), sentences: t.sentences.having(word, begins),
	}
	for i := range len(word) {
		if word[i] == ':' {
			x.across = append(x.across, across{t.places.ending(word[:i], begins), t.tags.beginning(word[i+1:])})
		}
	}
	if digits, ok := digestWord(word); ok {
		x.word, x.digits = word, len(digits)
		if len(digits) > 64 || !parseHex(digits+strings.Repeat("0", 64-len(digits)), x.prefix[:]) {
			x.digits = -1
		}
	}
	return x
}

// digestWord is what a word says of a digest, if it says enough.
func digestWord(word string) (digits string, ok bool) {
	digits, whole := strings.CutPrefix(word, "sha256:")
	return digits, whole && digits != "" || !whole && len(digits) >= minDigest && !strings.HasPrefix("sha256:", digits)
}

// in tells whether it is in a row.
func (x *text) in(t *table, b *block, i int, row uint32) bool {
	if x.places.has(b.place[i]) || x.sentences.has(b.sentence[i]) || x.families.has(b.family[i]) || x.tags.has(b.tag[i]) {
		return true
	}
	for _, a := range x.across {
		if a.places.has(b.place[i]) && a.tags.has(b.tag[i]) && len(t.tags.lower(b.tag[i])) > 0 {
			return true
		}
	}
	if x.word == "" {
		return false
	}
	if t.isOdd(row) {
		return digestBegins(t.digest(row), x.word)
	}
	if x.digits < 0 {
		return false
	}
	half := x.digits / 2
	return bytes.Equal(b.digest[i][:half], x.prefix[:half]) && (x.digits%2 == 0 || b.digest[i][half]&0xf0 == x.prefix[half])
}

// digestBegins tells whether a digest of any kind begins with a word, with or without the
// name of the hash.
func digestBegins(d detonaut.Digest, word string) bool {
	lower := strings.ToLower(string(d))
	_, digits, _ := strings.Cut(lower, ":")
	return strings.HasPrefix(lower, word) || strings.HasPrefix(digits, word)
}
