package study

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// A group is a part of all repositories. They are numbered: first all of them, then those of each
// class, of each age and of each popularity.
type group struct{ By, Name string }

// How repositories are divided.
const (
	byAll   = "all"
	byClass = "class"
	byAge   = "age"
	byPulls = "pulls"
)

const (
	firstClass = 1
	firstAge   = firstClass + 3
	firstPulls = firstAge + 6
	allGroups  = firstPulls + 12
	fewGroups  = firstAge // all, and the classes
)

// groups lists them in the order of their numbers.
func groups() []group {
	all := []group{{byAll, "all"}}
	for _, c := range []store.Class{store.ClassOfficial, store.ClassVerified, store.ClassCommunity} {
		all = append(all, group{byClass, string(c)})
	}
	for _, name := range []string{"under 1 year", "1 to 2 years", "2 to 3 years", "3 to 5 years", "5 years and more", "unknown"} {
		all = append(all, group{byAge, name})
	}
	all = append(all, group{byPulls, "0"})
	for _, name := range []string{
		"1 to 9", "10 to 99", "100 to 999", "1,000 to 9,999", "10,000 to 99,999", "100,000 to 999,999",
		"1 to 10 million", "10 to 100 million", "100 million to a billion", "a billion and more", "unknown",
	} {
		all = append(all, group{byPulls, name})
	}
	return all
}

// member are the groups of a repository, one of each division, the first all.
type member [4]uint8

// groupSet is a set of groups, by their numbers. Seen from a repository it is a set of its four.
type groupSet uint32

// whole is all four of a repository.
const whole groupSet = 0b1111

// set are the groups themselves.
func (m member) set() (s groupSet) {
	for _, g := range m {
		s |= 1 << g
	}
	return s
}

// fresh are those of the four that are not in a set of groups.
func (m member) fresh(seen groupSet) (s groupSet) {
	for i, g := range m {
		if seen&(1<<g) == 0 {
			s |= 1 << i
		}
	}
	return s
}

// years are the bounds of ages.
var years = []int{1, 2, 3, 5}

func groupsOf(c *store.Candidate, first *store.Item, now time.Time) member {
	m := member{}
	switch c.Class {
	case store.ClassOfficial:
		m[1] = firstClass
	case store.ClassVerified:
		m[1] = firstClass + 1
	default:
		m[1] = firstClass + 2
	}
	pushed := c.Updated
	if pushed.IsZero() && first != nil {
		pushed = first.Pushed
	}
	m[2] = firstAge + uint8(len(years))
	for i, y := range years {
		if pushed.After(now.AddDate(-y, 0, 0)) {
			m[2] = firstAge + uint8(i)
			break
		}
	}
	if pushed.IsZero() {
		m[2] = firstAge + uint8(len(years)) + 1
	}
	switch {
	case c.Pulls < 0:
		m[3] = allGroups - 1
	case c.Pulls == 0:
		m[3] = firstPulls
	default:
		m[3] = firstPulls + uint8(min(len(strconv.FormatInt(c.Pulls, 10)), 10))
	}
	return m
}

// key is a digest as it is held: 16 bytes of a hash.
type key [16]byte

func keyOf(d detonaut.Digest) (k key) {
	const prefix = len("sha256:")
	var b [32]byte
	if len(d) == prefix+2*len(b) && d[:prefix] == "sha256:" {
		if _, err := hex.Decode(b[:], []byte(d[prefix:])); err == nil {
			copy(k[:], b[:])
			return k
		}
	}
	b = sha256.Sum256([]byte(d))
	copy(k[:], b[:])
	return k
}

// part is of which of so many parts it is.
func (k key) part(of int) int {
	return int(binary.LittleEndian.Uint64(k[:8]) % uint64(of))
}
