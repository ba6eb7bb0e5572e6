package index

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/store"
)

// anyText is of few letters, so that much is found by chance, also across two strings.
func anyText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(7) {
		b.WriteString([]string{"a", "b", "A", "B", "-", ":", "é", "É", "İ", "\xff"}[r.IntN(10)])
	}
	return b.String()
}

// A dictionary finds what a look at each string does, and gives back what was put in.
func TestDictionary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 30 {
		d := newDictionary()
		var list []string
		numbers := map[string]uint32{}
		for range 200 {
			s, mark := anyText(r), uint32(r.IntN(2))
			key := fmt.Sprint(mark, s)
			n := d.number(s, mark)
			if before, ok := numbers[key]; ok != (n < uint32(len(list))) || ok && before != n {
				t.Fatalf("%q is number %d, was %d, of %d", s, n, before, len(list))
			} else if !ok {
				numbers[key] = n
				list = append(list, s)
			}
			if d.string(n) != s || d.mark(n) != mark {
				t.Fatalf("%q with %d comes back as %q with %d", s, mark, d.string(n), d.mark(n))
			}
		}
		for range 200 {
			word := strings.ToLower(anyText(r))
			if word == "" {
				continue
			}
			check(t, &d, word)
		}
	}
}

func check(t *testing.T, d *dictionary, word string) {
	t.Helper()
	having, starting := d.having(word, false), d.having(word, true)
	ending, endingSo, beginning, equal := d.ending(word, false), d.ending(word, true), d.beginning(word), d.equal([]string{strings.ToUpper(word), "none"})
	for n := range uint32(d.len()) {
		s := strings.ToLower(d.string(n))
		starts := false
		for i := range s {
			starts = starts || strings.HasPrefix(s[i:], word) && beginsWord([]byte(s), i)
		}
		for name, is := range map[string][2]bool{
			"having": {having.has(n), strings.Contains(s, word)}, "starting": {starting.has(n), starts},
			"ending":    {ending.has(n), strings.HasSuffix(s, word)},
			"endingSo":  {endingSo.has(n), strings.HasSuffix(s, word) && beginsWord([]byte(s), len(s)-len(word))},
			"beginning": {beginning.has(n), strings.HasPrefix(s, word)},
			"equal":     {equal.has(n), s == strings.ToLower(strings.ToUpper(word))},
		} {
			if is[0] != is[1] {
				t.Fatalf("%s %q: %q is found: %t", name, word, s, is[0])
			}
		}
	}
}

func TestTop(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 20 {
		counts := make([]int, r.IntN(2000))
		var want []store.Count
		for i := range counts {
			counts[i] = r.IntN(100)
			if i > 0 && counts[i] > 0 {
				want = append(want, store.Count{Value: fmt.Sprint(i), Count: counts[i]})
			}
		}
		slices.SortFunc(want, func(a, b store.Count) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		got := top(counts, func(i uint32) string {
			if i == 0 {
				return ""
			}
			return fmt.Sprint(i)
		})
		if !slices.Equal(got, want[:min(20, len(want))]) {
			t.Fatalf("of %d:\n got %v\nwant %v", len(counts), got, want[:min(20, len(want))])
		}
	}
}

// A cursor that is read is one that is written, and leads to the same place.
func FuzzCursor(f *testing.F) {
	f.Add("n0.1", "newest")
	f.Add("w1k.zz", "worst")
	f.Add("p-1.-1", "pulls")
	f.Fuzz(func(t *testing.T, cursor, order string) {
		p, ok, err := readCursor(cursor, store.Order(order))
		if err != nil || !ok {
			return
		}
		again, ok, err := readCursor(p.cursor(store.Order(order)), store.Order(order))
		if err != nil || !ok || again != p {
			t.Errorf("cursor %q of %q is %v, then %v, %v", cursor, order, p, again, err)
		}
	})
}
