package secret

import "regexp/syntax"

// A tail is a necessary condition on what follows a word of a rule: a row of
// positions, each a set of bytes, some of which may be left out or repeated. It is
// wider than the expression it is made of, and cheap: one step of bits for each byte.
//
// The states are numbered by the positions before them. See Navarro and Raffinot,
// "Flexible Pattern Matching in Strings", 4.2, on bits and optional characters.
type tail struct {
	at       [256]uint64 // the positions that a byte may be at
	optional uint64      // those that may be left out
	repeated uint64      // those, optional too, that may be met again
	last     uint64      // the state behind the last position that must be there
	n        int
	must     int // positions up to the last that is not optional
}

const maxPositions = 62

// newTail returns the condition that parts, one after the other, make; nil if they
// make none.
func newTail(parts []*syntax.Regexp) *tail {
	t := &tail{}
	for _, part := range parts {
		if !t.add(part, false) {
			break
		}
	}
	if t.must == 0 {
		return nil
	}
	t.last = 1 << t.must
	return t
}

// maxTail is after how many bytes it is taken for fulfilled if it is not clear.
const maxTail = 1 << 10

// follows tells whether the beginning of b may fulfil the condition, and after how
// many bytes that was clear.
func (t *tail) follows(b []byte) (ok bool, steps int) {
	if t == nil {
		return true, 0
	}
	states := t.skip(1)
	for i, c := range b[:min(len(b), maxTail)] {
		hit := states & t.at[c]
		states = t.skip(hit<<1 | hit&t.repeated)
		if states == 0 || states >= t.last {
			return states != 0, i
		}
	}
	return len(b) > maxTail, maxTail
}

// skip adds the states that are reached by leaving positions out: a sum carries a
// state through a row of ones.
func (t *tail) skip(states uint64) uint64 {
	return states | ((t.optional + states&t.optional) ^ t.optional)
}

// add adds a part; it returns false if what follows it can no longer be told.
func (t *tail) add(re *syntax.Regexp, optional bool) bool {
	switch re.Op {
	case syntax.OpCapture:
		return t.add(re.Sub[0], optional)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if !t.add(sub, optional) {
				return false
			}
		}
		return true
	case syntax.OpQuest:
		return t.add(re.Sub[0], true)
	case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		least, most := repeats(re)
		for range least {
			if !t.add(re.Sub[0], optional) {
				return false
			}
		}
		if least == most {
			return true
		}
		_, longest := lengths(re.Sub[0])
		if most == unbounded || longest == unbounded {
			return t.position(bytesOf(re.Sub[0]), true, true)
		}
		return t.positions(bytesOf(re.Sub[0]), 0, (most-least)*longest, true)
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			one := syntax.Regexp{Op: syntax.OpLiteral, Rune: []rune{r}, Flags: re.Flags}
			if !t.positions(bytesOf(&one), 1, len(string(r)), optional) {
				return false
			}
		}
		return true
	default: // a class or a choice
		least, most := lengths(re)
		if most == unbounded {
			return t.positions(bytesOf(re), least, least, optional) && t.position(bytesOf(re), true, true)
		}
		return t.positions(bytesOf(re), least, most, optional)
	}
}

func repeats(re *syntax.Regexp) (least, most int) {
	switch {
	case re.Op == syntax.OpStar:
		return 0, unbounded
	case re.Op == syntax.OpPlus:
		return 1, unbounded
	case re.Max < 0:
		return re.Min, unbounded
	}
	return re.Min, re.Max
}

// positions adds as many positions of one set as a part has bytes.
func (t *tail) positions(set *[256]bool, least, most int, optional bool) bool {
	for i := range most {
		if !t.position(set, optional || i >= least, false) {
			return false
		}
	}
	return true
}

func (t *tail) position(set *[256]bool, optional, repeated bool) bool {
	if t.n == maxPositions {
		return false
	}
	bit := uint64(1) << t.n
	for c, in := range set {
		if in {
			t.at[c] |= bit
		}
	}
	t.n++
	if optional {
		t.optional |= bit
	} else {
		t.must = t.n
	}
	if repeated {
		t.repeated |= bit
	}
	return true
}

// bytesOf is the set of bytes that matches of re are made of.
func bytesOf(re *syntax.Regexp) *[256]bool {
	set := &[256]bool{}
	gather(re, set)
	return set
}

func gather(re *syntax.Regexp, set *[256]bool) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			include(set, r, r)
			if re.Flags&syntax.FoldCase != 0 && r < 0x80 && isWord(byte(r)) && r != '_' && r > '9' {
				set[byte(r)|0x20], set[byte(r)&^0x20] = true, true
			}
		}
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			if !folds(re.Rune[i], re.Rune[i+1]) {
				include(set, re.Rune[i], re.Rune[i+1])
			}
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		include(set, 0, 0x80)
	default: // made of others, or between characters
	}
	for _, sub := range re.Sub {
		gather(sub, set)
	}
}

// include adds the bytes of a range of runes; of those beyond ASCII all that they,
// or broken ones, may be made of.
func include(set *[256]bool, lo, hi rune) {
	for r := lo; r <= min(hi, 0x7f); r++ {
		set[r] = true
	}
	if hi >= 0x80 {
		for c := 0x80; c < 0x100; c++ {
			set[c] = true
		}
	}
}
