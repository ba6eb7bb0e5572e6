package pattern

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// hex is a pattern of bytes: some, a gap, some more, and so on.
type hex struct{ parts []part }

// part are bytes after a gap. Of each byte the bits of its mask count.
type part struct {
	min, max    int // of the gap before it
	value, mask []byte
}

var errHex = errors.New("want pairs of the digits 0-9 a-f and ?, and gaps like [4] and [2-8] between them")

func compileHex(s string) (matcher, []atom, error) {
	h, err := parseHex(strings.Join(strings.Fields(s), ""))
	if err != nil {
		return nil, nil, err
	}
	length := 0
	var a atom
	most := 0
	for i := range h.parts {
		p := &h.parts[i]
		length += p.max + len(p.value)
		for _, run := range p.runs() {
			from, to, score := best(p.value[run[0]:run[1]])
			if score > most {
				most = score
				a = atom{bytes: folded(p.value[run[0]+from : run[0]+to]), unit: i, offset: run[0] + from}
			}
		}
	}
	switch {
	case length > maxLength:
		return nil, nil, fmt.Errorf("may have %d bytes, at most %d", length, maxLength)
	case most == 0:
		return nil, nil, errShort
	}
	return h, []atom{a}, nil
}

func parseHex(s string) (*hex, error) {
	h := &hex{parts: []part{{}}}
	for s != "" {
		last := &h.parts[len(h.parts)-1]
		if s[0] == '[' {
			inside, rest, ok := strings.Cut(s[1:], "]")
			if !ok || len(last.value) == 0 || rest == "" {
				return nil, errHex
			}
			gap, err := parseGap(inside)
			if err != nil {
				return nil, err
			}
			h.parts = append(h.parts, gap)
			s = rest
			continue
		}
		if len(s) < 2 {
			return nil, errHex
		}
		var value, mask byte
		for _, c := range []byte(s[:2]) {
			value, mask = value<<4, mask<<4
			if c == '?' {
				continue
			}
			digit, err := strconv.ParseUint(string(c), 16, 4)
			if err != nil {
				return nil, errHex
			}
			value, mask = value|byte(digit), mask|0xf
		}
		last.value, last.mask = append(last.value, value), append(last.mask, mask)
		s = s[2:]
	}
	return h, nil
}

func parseGap(s string) (p part, err error) {
	low, high, isRange := strings.Cut(s, "-")
	if !isRange {
		high = low
	}
	from, err1 := strconv.ParseUint(low, 10, 16)
	to, err2 := strconv.ParseUint(high, 10, 16)
	if err1 != nil || err2 != nil || from > to || to > maxLength {
		return part{}, errHex
	}
	return part{min: int(from), max: int(to)}, nil
}

// runs are where there are bytes of which every bit counts.
func (p *part) runs() (runs [][2]int) {
	from := 0
	for i := range len(p.mask) + 1 {
		if i < len(p.mask) && p.mask[i] == 0xff {
			continue
		}
		if i > from {
			runs = append(runs, [2]int{from, i})
		}
		from = i + 1
	}
	return runs
}

// at tells whether its bytes are there.
func (p *part) at(b []byte, i int) bool {
	if i < 0 || i+len(p.value) > len(b) {
		return false
	}
	for j, v := range p.value {
		if b[i+j]&p.mask[j] != v {
			return false
		}
	}
	return true
}

func (h *hex) match(w window, at int, a *atom) (from, to int, ok bool) {
	start := at - a.offset
	if !h.parts[a.unit].at(w.bytes, start) {
		return 0, 0, false
	}
	if to = h.forward(w.bytes, a.unit, start); to < 0 {
		return 0, 0, false
	}
	from = h.backward(w.bytes, a.unit, start)
	return from, to, from >= 0
}

// forward is where the nearest end of the pattern is whose part i is at start; -1 if the
// rest is not there. Each place is compared with each part once, however the gaps add up.
func (h *hex) forward(b []byte, i, start int) int {
	ends := []int{start + len(h.parts[i].value)} // ascending
	for i++; i < len(h.parts) && len(ends) > 0; i++ {
		p := &h.parts[i]
		var next []int
		from := 0
		for _, e := range ends {
			for from = max(from, e+p.min); from <= e+p.max; from++ {
				if p.at(b, from) {
					next = append(next, from+len(p.value))
				}
			}
		}
		ends = next
	}
	if len(ends) == 0 {
		return -1
	}
	return ends[0]
}

// backward is where the nearest beginning of the pattern is whose part i is at start.
func (h *hex) backward(b []byte, i, start int) int {
	starts := []int{start} // descending
	for ; i > 0 && len(starts) > 0; i-- {
		gap, p := &h.parts[i], &h.parts[i-1]
		var next []int
		end := len(b)
		for _, s := range starts {
			for end = min(end, s-gap.min); end >= s-gap.max; end-- {
				if p.at(b, end-len(p.value)) {
					next = append(next, end-len(p.value))
				}
			}
		}
		starts = next
	}
	if len(starts) == 0 {
		return -1
	}
	return starts[0]
}
