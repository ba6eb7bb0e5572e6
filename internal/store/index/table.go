package index

import (
	"encoding/hex"
	"hash/maphash"
	"math"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// blockRows is how many rows are in a block. Blocks are made one by one, so that a table
// that grows is never copied.
const blockRows = 4096

// block holds columns of rows.
type block struct {
	seq     [blockRows]int64
	digest  [blockRows][32]byte
	key     [blockRows][8]byte
	seconds [blockRows]int64 // of the analysis, since 1970
	nanos   [blockRows]uint32
	size    [blockRows]int64
	// Numbers in the dictionaries of the table.
	place, tag, sentence, family, platform [blockRows]uint32
	verdict, category, severity            [blockRows]uint8
}

// table has a row for each report that is, or was, the newest of its digest, in the order of
// Seq.
type table struct {
	blocks []*block
	n      int
	live   set // those that are
	alive  int
	last   int64 // Seq of the last row

	// slots are rows and 1, by the hash of their digest: of each the last that had it.
	slots   []uint32
	digests int
	seed    maphash.Seed
	// odd are the digests and keys of rows that are not written as ours are.
	odd map[uint32]odd

	// places are "registry/repository", marked with the length of the registry.
	places     dictionary
	registryOf []uint32 // of a place
	pulls      []int64  // of a place

	tags, sentences, families, platforms, registries dictionary
	verdicts, categories, severities                 words
}

type odd struct{ digest, key string }

func newTable() *table {
	return &table{
		slots: make([]uint32, 64), seed: maphash.MakeSeed(), odd: make(map[uint32]odd),
		places: newDictionary(), tags: newDictionary(), sentences: newDictionary(), families: newDictionary(),
		platforms: newDictionary(), registries: newDictionary(),
	}
}

// words gives the words of a small list numbers.
type words []string

// number is that of a word; beyond 255 of them, which are never ours, it is that of the last.
func (w *words) number(s string) uint8 {
	for i, have := range *w {
		if have == s {
			return uint8(i) //nolint:gosec // there are at most 256
		}
	}
	if len(*w) <= math.MaxUint8 {
		*w = append(*w, strings.Clone(s))
	}
	return uint8(len(*w) - 1) //nolint:gosec // as above
}

// at returns the block of a row, and its place there.
func (t *table) at(row uint32) (*block, int) { return t.blocks[row/blockRows], int(row % blockRows) }

// put adds a report, and has it be the one of its digest. One whose Seq is not greater than
// all others is there already, and left out.
func (t *table) put(s *store.Summary) {
	if s.Seq <= t.last {
		return
	}
	if t.n%blockRows == 0 {
		t.blocks = append(t.blocks, new(block))
	}
	row := uint32(t.n) //nolint:gosec // memory is full long before
	b, i := t.at(row)
	b.seq[i], b.size[i] = s.Seq, s.Size
	b.seconds[i], b.nanos[i] = s.Analysed.Unix(), uint32(s.Analysed.Nanosecond()) //nolint:gosec // less than 1e9
	b.place[i] = t.place(s.Name.Registry, s.Name.Repository)
	t.pulls[b.place[i]] = s.Pulls
	b.tag[i] = t.tags.number(cut(s.Name.Tag), 0)
	b.sentence[i] = t.sentences.number(cut(s.Sentence), 0)
	b.family[i] = t.families.number(cut(s.Family), 0)
	b.platform[i] = t.platforms.number(cut(s.Platform), 0)
	b.verdict[i] = t.verdicts.number(cut(string(s.Verdict)))
	b.category[i] = t.categories.number(cut(string(s.Category)))
	b.severity[i] = t.severities.number(cut(string(s.Vulnerability)))
	if !parseDigest(s.Digest, &b.digest[i]) || !parseKey(s.Key, &b.key[i]) {
		b.digest[i] = [32]byte{}
		t.odd[row] = odd{strings.Clone(string(s.Digest)), strings.Clone(s.Key)}
	}
	t.n, t.last = t.n+1, s.Seq
	t.live.add(row)
	t.alive++
	slot, before := t.lookup(s.Digest)
	if before != 0 {
		t.kill(before - 1)
	} else {
		t.digests++
	}
	t.slots[slot] = row + 1
	if t.digests*4 > len(t.slots)*3 {
		t.grow()
	}
}

// drop forgets the report of a digest, if its Seq is less than that of the change.
func (t *table) drop(d detonaut.Digest, change int64) {
	if _, row := t.lookup(d); row != 0 {
		if b, i := t.at(row - 1); b.seq[i] < change {
			t.kill(row - 1)
		}
	}
}

func (t *table) kill(row uint32) {
	if t.live.has(row) {
		t.live.remove(row)
		t.alive--
	}
}

// place is the number of a repository.
func (t *table) place(registry, repository string) uint32 {
	registry, repository = cut(registry), cut(repository)
	name := repository
	if registry != "" {
		name = registry + "/" + repository
	}
	p := t.places.number(name, uint32(len(registry))) //nolint:gosec // it was cut
	if int(p) == len(t.pulls) {
		t.pulls = append(t.pulls, -1)
		t.registryOf = append(t.registryOf, t.registries.number(registry, 0))
	}
	return p
}

// lookup returns the slot of a digest, and the row in it and 1; 0 if there is none.
func (t *table) lookup(d detonaut.Digest) (slot int, row uint32) {
	var sum [32]byte
	plain := parseDigest(d, &sum)
	mask := len(t.slots) - 1
	for slot = int(maphash.String(t.seed, string(d))) & mask; t.slots[slot] != 0; slot = (slot + 1) & mask { //nolint:gosec // the mask makes it small
		row = t.slots[slot]
		if b, i := t.at(row - 1); plain && b.digest[i] == sum && !t.isOdd(row-1) || t.isOdd(row-1) && t.odd[row-1].digest == string(d) {
			return slot, row
		}
	}
	return slot, 0
}

func (t *table) isOdd(row uint32) bool {
	b, i := t.at(row)
	if b.digest[i] != ([32]byte{}) {
		return false
	}
	_, ok := t.odd[row]
	return ok
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]uint32, 2*len(old))
	mask := len(t.slots) - 1
	for _, row := range old {
		if row == 0 {
			continue
		}
		slot := int(maphash.String(t.seed, string(t.digest(row-1)))) & mask //nolint:gosec // as above
		for t.slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		t.slots[slot] = row
	}
}

func (t *table) digest(row uint32) detonaut.Digest {
	if t.isOdd(row) {
		return detonaut.Digest(t.odd[row].digest)
	}
	b, i := t.at(row)
	var text [len("sha256:") + 64]byte
	copy(text[:], "sha256:")
	hex.Encode(text[len("sha256:"):], b.digest[i][:])
	return detonaut.Digest(text[:])
}

// summary is what was put in a row.
func (t *table) summary(row uint32) store.Summary {
	b, i := t.at(row)
	key := hex.EncodeToString(b.key[i][:])
	if t.isOdd(row) {
		key = t.odd[row].key
	}
	registry, repository := t.name(b.place[i])
	analysed := time.Unix(b.seconds[i], int64(b.nanos[i])).UTC()
	if analysed.IsZero() {
		analysed = time.Time{}
	}
	return store.Summary{
		Seq: b.seq[i], Digest: t.digest(row), Key: key,
		Name:    store.Name{Registry: registry, Repository: repository, Tag: t.tags.string(b.tag[i])},
		Verdict: detonaut.Word(t.verdicts[b.verdict[i]]), Sentence: t.sentences.string(b.sentence[i]),
		Category: detonaut.Category(t.categories[b.category[i]]), Family: t.families.string(b.family[i]),
		Vulnerability: detonaut.Severity(t.severities[b.severity[i]]), Platform: t.platforms.string(b.platform[i]),
		Size: b.size[i], Pulls: t.pulls[b.place[i]], Analysed: analysed,
	}
}

// name takes a place apart.
func (t *table) name(place uint32) (registry, repository string) {
	name := t.places.string(place)
	if n := t.places.mark(place); n > 0 {
		return name[:n], name[n+1:]
	}
	return "", name
}

// compact returns a table of what is alive.
func (t *table) compact() *table {
	small := newTable()
	for row := range uint32(t.n) { //nolint:gosec // as in put
		if t.live.has(row) {
			s := t.summary(row)
			small.put(&s)
		}
	}
	small.last = t.last
	return small
}

// maxText is how much of a string is kept, in bytes. What is longer is the subject's, and no
// line of a list needs more of it.
const maxText = 1024

func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "")
}

// parseDigest reads a digest as it is usually written.
func parseDigest(d detonaut.Digest, sum *[32]byte) bool {
	text, ok := strings.CutPrefix(string(d), "sha256:")
	return ok && len(text) == 64 && parseHex(text, sum[:])
}

func parseKey(key string, b *[8]byte) bool { return len(key) == 16 && parseHex(key, b[:]) }

// parseHex reads digits in lower case.
func parseHex(text string, b []byte) bool {
	if strings.ToLower(text) != text {
		return false
	}
	_, err := hex.Decode(b, []byte(text))
	return err == nil
}
