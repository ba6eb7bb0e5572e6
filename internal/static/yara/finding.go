package yara

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
)

// maxWords is how many bytes of what a rule says of itself are told.
const maxWords = 200

// name makes the finding of each rule. No two have the same ID.
func (a *Analyzer) name(rules []match, sources []source) {
	titles := map[string]string{}
	for _, s := range sources {
		titles[s.space] = s.title
	}
	slices.SortFunc(rules, func(p, q match) int {
		return cmp.Or(strings.Compare(titles[p.space], titles[q.space]), strings.Compare(p.space, q.space), strings.Compare(p.rule, q.rule))
	})
	a.rules, a.summary = map[name]detonaut.Finding{}, map[name]string{}
	used := map[string]bool{}
	for _, m := range rules {
		title, ok := titles[m.space]
		if _, have := a.rules[m.name]; !ok || have {
			continue // it is ours
		}
		f := describe(m, title)
		id := f.ID
		for n := 2; used[f.ID]; n++ {
			f.ID = id + "-" + strconv.Itoa(n)
		}
		used[f.ID] = true
		a.rules[m.name], a.summary[m.name] = f, summary(m, title)
	}
}

// describe is the finding of a rule. Whatever the rule says, it is not worse than
// suspicious: nobody here knows how it was tested.
func describe(m match, title string) detonaut.Finding {
	f := detonaut.Finding{
		ID:       "yara/" + slug(title) + "/" + slug(m.rule),
		Title:    "Matches the YARA rule " + clip(m.rule),
		Meaning:  "A rule that was brought along by whoever reads this image matches it.",
		Severity: severity(m), Confidence: detonaut.Tentative, Count: 1,
	}
	if said := m.said("description", "desc"); said != "" {
		f.Meaning = "The rule says: " + said
	}
	return f
}

// summary says whose rule it is.
func summary(m match, title string) string {
	parts := []string{fmt.Sprintf("rule %s of %s", clip(m.rule), clip(title))}
	if author := m.said("author", "authors"); author != "" {
		parts = append(parts, "by "+author)
	}
	if licence := m.said("license", "licence"); licence != "" {
		parts = append(parts, "licence "+licence)
	}
	if len(m.tags) > 0 {
		parts = append(parts, "tags "+clip(strings.Join(m.tags, " ")))
	}
	return strings.Join(parts, ", ")
}

// said is the first value that the rule has for one of the keys.
func (m match) said(keys ...string) string {
	for _, have := range m.meta {
		if slices.Contains(keys, strings.ToLower(have.key)) && have.value != "" {
			return clip(have.value)
		}
	}
	return ""
}

// severity is medium, or what the rule says if that is less.
func severity(m match) detonaut.Severity {
	least := detonaut.Medium
	for _, have := range m.meta {
		s := detonaut.Medium
		switch strings.ToLower(have.key) {
		case "severity", "threat_level", "threatlevel", "threat level":
			s = word(have.value, 10)
		case "score":
			s = word(have.value, 100)
		}
		if s.Rank() < least.Rank() {
			least = s
		}
	}
	for _, tag := range m.tags {
		if s := word(tag, 0); s.Rank() < least.Rank() {
			least = s
		}
	}
	return least
}

// word is what a word or a number means. A number is out of a hundred; if it is at most
// ten it may be out of that.
func word(text string, ten int) detonaut.Severity {
	switch strings.ToLower(text) {
	case "low":
		return detonaut.Low
	case "none", "info", "informational", "negligible", "harmless":
		return detonaut.Negligible
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || ten == 0:
		return detonaut.Medium
	case n <= 0:
		return detonaut.Negligible
	case n <= 10 && ten == 10:
		n *= 10
	}
	if n < 40 {
		return detonaut.Low
	}
	return detonaut.Medium
}

// slug is a text in small letters, digits and single dashes.
func slug(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	s := b.String()
	s = strings.Trim(s[:min(len(s), maxWords)], "-")
	return cmp.Or(s, "x")
}

// clip is a text in one line, of bounded length.
func clip(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxWords {
		return strings.ToValidUTF8(text[:maxWords], "") + "..."
	}
	return text
}
