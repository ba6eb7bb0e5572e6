package pattern

import "bytes"

// text is a pattern that is a text.
type text struct {
	// forms are the bytes that it may be, in lower case if nocase is set: those of UTF-16
	// are the second.
	forms            [][]byte
	nocase, fullword bool
}

func compileText(p *Pattern) (matcher, []atom, error) {
	t := &text{forms: [][]byte{[]byte(p.Text)}, nocase: p.NoCase, fullword: p.FullWord}
	if p.NoCase {
		t.forms[0] = []byte(folded(t.forms[0]))
	}
	if p.Wide {
		t.forms = append(t.forms, wide(t.forms[0]))
	}
	var atoms []atom
	for i, form := range t.forms {
		from, to, score := best(form)
		if score == 0 {
			return nil, nil, errShort
		}
		atoms = append(atoms, atom{bytes: folded(form[from:to]), unit: i, offset: from})
	}
	return t, atoms, nil
}

// wide is a text in UTF-16, as far as it is of ASCII.
func wide(b []byte) []byte {
	made := make([]byte, 0, 2*len(b))
	for _, c := range b {
		made = append(made, c, 0)
	}
	return made
}

func (t *text) match(w window, at int, a *atom) (from, to int, ok bool) {
	form := t.forms[a.unit]
	from = at - a.offset
	to = from + len(form)
	if from < 0 || to > len(w.bytes) || !t.equal(w.bytes[from:to], form) {
		return 0, 0, false
	}
	return from, to, !t.fullword || !inWord(w.bytes[:from], a.unit, true) && !inWord(w.bytes[to:], a.unit, false)
}

func (t *text) equal(b, form []byte) bool {
	if !t.nocase {
		return bytes.Equal(b, form)
	}
	for i, c := range b {
		if fold[c] != form[i] {
			return false
		}
	}
	return true
}

// inWord tells whether the character at the end of b, or at its start, is of a word; in
// UTF-16 if unit is 1.
func inWord(b []byte, unit int, atEnd bool) bool {
	size := 1 + unit
	if len(b) < size {
		return false
	}
	c := b[:size]
	if atEnd {
		c = b[len(b)-size:]
	}
	if unit == 1 && c[1] != 0 {
		return false
	}
	return c[0] == '_' || c[0] >= '0' && c[0] <= '9' || fold[c[0]] >= 'a' && fold[c[0]] <= 'z'
}
