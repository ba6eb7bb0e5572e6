package pattern

import (
	_ "embed"
	"sync"
)

// atom are bytes by which a pattern is found, with letters of ASCII in lower case, as the
// automaton has them.
type atom struct {
	bytes   string
	pattern int
	// unit and offset are where in the pattern it is: of what its matcher makes of that.
	unit, offset int
}

// fold is the lower case of a letter of ASCII, and any other byte itself.
var fold = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if i >= 'A' && i <= 'Z' {
			t[i] += 'a' - 'A'
		}
	}
	return t
}()

func folded(b []byte) string {
	made := make([]byte, len(b))
	for i, c := range b {
		made[i] = fold[c]
	}
	return string(made)
}

// best is where in b the bytes are that files have least often, at most maxAtom of them,
// and how good they are; 0 if there are too few.
func best(b []byte) (from, to, score int) {
	for i := 0; i+minAtom <= len(b); i++ {
		end := min(i+maxAtom, len(b))
		if s := worth(b[i:end]); s > score {
			from, to, score = i, end, s
		}
	}
	return from, to, score
}

// worth tells how seldom some bytes are: by the rarest three of them, and those that do not
// overlap with these.
func worth(b []byte) (score int) {
	three := func(i int) int {
		t := [3]byte{fold[b[i]], fold[b[i+1]], fold[b[i+2]]}
		if t[0] == t[1] && t[1] == t[2] { // where there is one there are many
			return 1
		}
		if r, ok := frequent()[t]; ok {
			return r
		}
		return rare
	}
	for i := range len(b) - 2 {
		s := three(i) + len(b)
		for _, j := range []int{i - 3, i + 3} {
			if j >= 0 && j+2 < len(b) {
				s = max(s, three(i)+len(b)+three(j)/2)
			}
		}
		score = max(score, s)
	}
	return score
}

// frequentBytes are three bytes each, and how seldom they are: to how many bytes there is one
// of these, as a power of two. Command frequent made it.
//
//go:embed frequent.bin
var frequentBytes string

// rare is how seldom all others are, at least.
const rare = 20

var frequent = sync.OnceValue(func() map[[3]byte]int {
	all := make(map[[3]byte]int, len(frequentBytes)/4)
	for i := 0; i+3 < len(frequentBytes); i += 4 {
		all[[3]byte([]byte(frequentBytes[i:i+3]))] = int(frequentBytes[i+3])
	}
	return all
})
