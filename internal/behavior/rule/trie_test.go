package rule

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestTriesFindWhatIsThere looks for words of two letters, which are in each other
// in all ways.
func TestTriesFindWhatIsThere(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	text := func(n int) string {
		var s strings.Builder
		for range n {
			s.WriteByte("abc"[r.IntN(3)])
		}
		return s.String()
	}
	for range 300 {
		var words []word
		for i := range 1 + r.IntN(100) {
			words = append(words, word{strings.ReplaceAll(text(r.IntN(6)), "c", "b"), uint16(i)})
		}
		for h, f := range map[how]func(s, word string) bool{beginning: strings.HasPrefix, ending: strings.HasSuffix, within: strings.Contains} {
			trie := newTrie(h, words)
			if n := len(trie.next); n > cells(words) {
				t.Fatalf("%d entries, %d were estimated", n, cells(words))
			}
			for range 10 {
				s := text(r.IntN(20))
				got, want := make(marks, 2), make(marks, 2)
				trie.find(s, got)
				for _, w := range words {
					if f(s, w.text) {
						want.add([]uint16{w.offer})
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%d: %v in %q: got %b, want %b", h, words, s, got, want)
				}
			}
		}
	}
}

func TestMarksAreFoundInTheirOrder(t *testing.T) {
	m := make(marks, 3)
	want := []uint16{0, 63, 64, 100, 191}
	m.add(want)
	var got []uint16
	for i := m.next(0); i >= 0; i = m.next(i + 1) {
		got = append(got, uint16(i))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRequiredWords(t *testing.T) {
	for pattern, want := range map[string][]string{
		"abc":                       {"abc"},
		"^/dev/(sd|vd)[a-z]$":       {"/dev/"},
		"(curl|wget)\\b[^|]*\\|\\s": {"curl", "wget"},
		"a*":                        nil,
		"(abc)?":                    nil,
		"(abc)+x{2}":                {"abc"},
		"(abc|d*)":                  nil,
		"(?i)abc":                   nil,
		"abc(?i)defg":               {"abc"},
		"(a|b)(long|words)":         {"long", "words"},
		"\ufffdabc|x":               nil,
		"[.](onion|i2p)$":           {"onion", "i2p"},
		"":                          nil,
		"(":                         nil,
	} {
		if got := required(pattern); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
}
