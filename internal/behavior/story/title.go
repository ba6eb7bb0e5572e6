package story

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// maxClauses is how many steps a title tells of.
const maxClauses = 5

// title says the weightiest steps in one sentence: "pid 7 fetched http://a/x, wrote
// /tmp/x, ran it, and connected to b:443".
func title(steps []*step) string {
	told := slices.DeleteFunc(slices.Clone(steps), func(s *step) bool { return s.seq == 0 })
	if len(told) == 0 {
		return cut(steps[0].text, maxSentence)
	}
	slices.SortStableFunc(told, func(a, b *step) int { return b.weight - a.weight })
	told = told[:min(len(told), maxClauses)]
	slices.SortStableFunc(told, func(a, b *step) int { return cmp.Compare(a.seq, b.seq) })
	var b strings.Builder
	it := ""
	for i, s := range told {
		text := s.clause(it)
		if s.path != "" {
			it = s.path
		}
		if i == 0 || s.pid != told[i-1].pid {
			text = somebody(s.pid) + " " + text
		}
		switch {
		case i == 0:
		case i < len(told)-1:
			b.WriteString(", ")
		case len(told) == 2:
			b.WriteString(" and ")
		default:
			b.WriteString(", and ")
		}
		b.WriteString(text)
	}
	if i := slices.IndexFunc(steps, func(s *step) bool { return s.seq == 0 }); i >= 0 {
		b.WriteString(" (" + steps[i].text + ")")
	}
	return cut(b.String(), maxSentence)
}

func somebody(pid int32) string {
	if pid == 0 {
		return "somebody"
	}
	return fmt.Sprintf("pid %d", pid)
}

// clause is what a title says of a step; it is the path that it spoke of last.
func (s *step) clause(it string) string {
	same := s.path != "" && s.path == it
	switch {
	case s.persists && s.path != "" && s.kind != tape.ProcessExec:
		return "persisted in " + s.path
	case same && s.kind == tape.ProcessExec:
		return "ran it"
	case same && (s.kind == tape.FileDelete || s.kind == tape.FileChmod):
		return strings.Replace(s.text, s.path, "it", 1)
	case s.kind == tape.MessageReceive:
		said, _, _ := strings.Cut(s.text, " with ")
		return said
	case s.brought && !strings.HasPrefix(s.text, "tried"):
		return "ran " + s.path // what it was called with is in the step
	case s.kind == tape.ProcessExec:
		return cut(s.text, maxString)
	default:
		return s.text
	}
}

// said is the claim of a finding, as part of a sentence.
func said(f *detonaut.Finding, events int) string {
	text := cut(cmp.Or(f.Title, f.ID), maxString)
	if r, size := utf8.DecodeRuneInString(text); size < len(text) {
		if next, _ := utf8.DecodeRuneInString(text[size:]); !unicode.IsUpper(next) { // names in capitals stay as they are
			text = string(unicode.ToLower(r)) + text[size:]
		}
	}
	if events > 1 {
		text += fmt.Sprintf(" (%d events)", events)
	}
	return text
}
