package secret

import (
	"bytes"
	"math"
	"slices"
	"strings"

	"github.com/zricethezav/gitleaks/v8/config"
)

// allowMark is what the authors of a file write beside what they know to be none.
const allowMark = "gitleaks:allow"

// check keeps a match if gitleaks would, by its rules on what is no secret.
func (s *scan) check(n int, at, end int64) {
	r := &s.rules.all[n]
	text := strings.Trim(string(s.buf[at-s.base:end-s.base]), "\n")
	line, start := s.lineAround(at, at+int64(len(text)))
	if bytes.Contains(line, []byte(allowMark)) {
		return
	}
	m := match{rule: n, at: at, line: start, text: text, secret: secretOf(r, text)}
	m.follows = strings.TrimLeft(string(s.buf[end-s.base:min(end-s.base+8, int64(len(s.buf)))]), " \t")
	if r.Entropy != 0 && entropy(m.secret) <= r.Entropy {
		return
	}
	// What is no value of a variable is for values: "false" is somewhere in one key of
	// twelve thousand, whose structure is looked at instead.
	if r.RuleID != privateKey && allowed(s.rules.allowed, &m, string(line)) || allowed(r.Allowlists, &m, string(line)) {
		return
	}
	s.count[n]++
	s.matches = append(s.matches, m)
}

// secretOf returns the group of a match that is the secret, or all of it.
func secretOf(r *rule, text string) string {
	groups := r.Regex.FindStringSubmatch(text)
	if r.SecretGroup > 0 && r.SecretGroup < len(groups) {
		return groups[r.SecretGroup]
	}
	for _, g := range groups[min(1, len(groups)):] {
		if g != "" {
			return g
		}
	}
	return text
}

// allowed tells whether a list has m. What a list says of paths and commits is not
// asked: a content has none.
func allowed(lists []*config.Allowlist, m *match, line string) bool {
	for _, l := range lists {
		target := m.secret
		switch l.RegexTarget {
		case "match":
			target = m.text
		case "line":
			target = line
		}
		stopped, _ := l.ContainsStopWord(m.secret)
		matched := l.RegexAllowed(target)
		if l.MatchCondition != config.AllowlistMatchAnd {
			if stopped || matched {
				return true
			}
			continue
		}
		if len(l.Paths)+len(l.Commits) == 0 && (len(l.Regexes) == 0 || matched) && (len(l.StopWords) == 0 || stopped) {
			return true
		}
	}
	return false
}

// entropy is Shannon's, in bits for each byte, as gitleaks computes it.
func entropy(s string) (bits float64) {
	counts := map[rune]int{}
	for _, r := range s {
		counts[r]++
	}
	for _, n := range counts {
		f := float64(n) / float64(len(s))
		bits -= f * math.Log2(f)
	}
	return bits
}

// specific leaves out what a rule for anything found where another one knows what it
// is.
func specific(r *rules, all []match) []match {
	generic := func(m *match) bool { return strings.Contains(r.all[m.rule].RuleID, "generic") }
	known := map[int64][]string{} // secrets by line
	for i := range all {
		if m := &all[i]; !generic(m) {
			known[m.line] = append(known[m.line], m.secret)
		}
	}
	return slices.DeleteFunc(all, func(m match) bool {
		return generic(&m) && slices.ContainsFunc(known[m.line], func(secret string) bool { return strings.Contains(secret, m.secret) })
	})
}
