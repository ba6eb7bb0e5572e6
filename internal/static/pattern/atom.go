package pattern

import (
	"slices"
	"strings"
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

// worth tells how seldom some bytes are: those that fill space, and what is in every
// text and program, is worth little; the same byte again is worth nothing.
func worth(b []byte) (score int) {
	var seen [256]bool
	for _, c := range b {
		c = fold[c]
		switch {
		case seen[c]:
		case c == 0, c == 0xff, c == ' ', c == '\n':
			score++
		case c == 'e', c == 't', c == 'a', c == 'o', c == 'i', c == 'n', c == 's', c == 'r', c == '.', c == '/', c == '_', c == '-', c == 0x48, c == 0x8b:
			score += 4
		default:
			score += 6
		}
		seen[c] = true
	}
	if slices.ContainsFunc(frequent, func(w string) bool { return strings.Contains(folded(b), w) }) {
		score /= 3
	}
	return score
}

// frequent is what is in most texts, and in many programs.
var frequent = []string{"http", "://", "www", "eval", "exec", "echo", "this", "user", "pass", "file", "name", "the ", "for ", "ing ", "tion", "post", "get", "import", "return", "function", "var ", "#inc"}
