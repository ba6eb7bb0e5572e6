package secret

import (
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
)

// FuzzWords shows that the automaton finds each word wherever strings.Index does, in
// any case.
func FuzzWords(f *testing.F) {
	f.Add("key api token", "the API-key of the ToKeN")
	f.Add("a ab abc bc c", "ABCabcab")
	f.Add("aaa aa", "aaaaaaAAAA")
	f.Fuzz(func(t *testing.T, list, text string) {
		var all []string
		for _, w := range strings.Fields(list) {
			if len(w) < 32 && !strings.ContainsFunc(w, func(r rune) bool { return r >= 0x80 || 'A' <= r && r <= 'Z' }) && !slices.Contains(all, w) {
				all = append(all, w)
			}
		}
		distinct := map[rune]bool{}
		for _, r := range list {
			distinct[r] = true
		}
		if len(all) == 0 || len(all) > 50 || len(distinct) > row-2 || len(text) > 1<<12 {
			return
		}
		type place struct{ word, at int }
		var want, got []place
		lower := lowered(text)
		for i, w := range all {
			for at := range len(lower) {
				if strings.HasPrefix(lower[at:], w) {
					want = append(want, place{i, at})
				}
			}
		}
		w := newWords(all)
		state := uint16(0)
		for i := range len(lower) {
			state = w.next[int(state)*row+int(w.class[text[i]])]
			if state >= w.ends {
				for _, word := range w.found[state-w.ends] {
					got = append(got, place{int(word), i + 1 - w.length[word]})
				}
			}
		}
		order := func(a, b place) int { return (a.word-b.word)<<16 + a.at - b.at }
		slices.SortFunc(want, order)
		slices.SortFunc(got, order)
		if !slices.Equal(want, got) {
			t.Errorf("words %q in %q: got %v, want %v", all, text, got, want)
		}
	})
}

// lowered is text with the letters of ASCII in lower case, and all else as it is.
func lowered(text string) string {
	b := []byte(text)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

// FuzzAnchors shows that whatever an expression matches is around a word of it that is
// followed as it says.
func FuzzAnchors(f *testing.F) {
	r, err := loaded()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("curl -u someone:something https://example.com\n")
	f.Add("kind: Secret\nmetadata:\n  name: x\ndata:\n  some: c29tZXRoaW5nZWxzZQ==\n")
	f.Add("api_key = '0a1b2c3d4e5f6a7b8c9d'; zendesk token: 'abc'")
	f.Add(" sk_test_aaaaaaaaaaaaaaaa \n hooks.slack.com/services/a")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<12 || strings.ContainsAny(text, "\u212a\u017f") {
			return // two letters that are not looked for
		}
		for i := range r.all {
			if at := r.all[i].Regex.FindStringIndex(text); at != nil && !anchored(r, i, text, at) {
				t.Errorf("rule %s: a match at %v has no word to find it by", r.all[i].RuleID, at)
			}
		}
	})
}

// anchored tells whether a match of a rule would be looked for.
func anchored(r *rules, n int, text string, match []int) bool {
	for i := range r.all[n].anchors {
		a := &r.all[n].anchors[i]
		if a.near {
			return true // by a keyword in the vicinity
		}
		lower := lowered(text)
		for _, w := range a.words {
			for at := match[0]; at < match[1]; at++ {
				inside := at-match[0] <= a.before && match[1]-at-len(w) <= a.after
				if !strings.HasPrefix(lower[at:], w) || !inside {
					continue
				}
				if ok, _ := a.fits([]byte(text), at, at+len(w)); ok {
					return true
				}
			}
		}
	}
	return false
}

// TestRules shows that every rule can be found by words that are rare enough, that
// the automaton has room, and what of the rules is new.
func TestRules(t *testing.T) {
	r, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	if states := len(r.words.next) / row; states >= 1<<15 {
		t.Errorf("%d states are too many", states)
	}
	if classes := slices.Max(r.words.class[:]); classes >= row {
		t.Errorf("%d classes are too many", classes)
	}
	var vicinity, short []string
	for i := range r.all {
		one := &r.all[i]
		for j := range one.anchors {
			a := &one.anchors[j]
			if a.near {
				vicinity = append(vicinity, one.RuleID)
			}
			if a.tail == nil && slices.ContainsFunc(a.words, func(w string) bool { return len(w) < 4 }) {
				short = append(short, one.RuleID)
			}
		}
	}
	if want := []string{"facebook-access-token", "sourcegraph-access-token"}; !slices.Equal(vicinity, want) {
		t.Errorf("looked for near a keyword: %v, want %v", vicinity, want)
	}
	if len(short) > 0 {
		t.Errorf("found by short words that anything may follow: %v", short)
	}
	for id := range gates {
		if !slices.ContainsFunc(r.all, func(one rule) bool { return one.RuleID == id && one.Path != nil && one.gated }) {
			t.Errorf("rule %s has a gate, and is none for certain files", id)
		}
	}
	for i := range r.all {
		if one := &r.all[i]; one.Path != nil && gates[one.RuleID] == nil {
			t.Errorf("rule %s is for files of certain names: which words stand for them?", one.RuleID)
		}
		if len(r.all[i].RequiredRules) > 0 || r.all[i].SkipReport {
			t.Errorf("rule %s needs other rules, which is not done", r.all[i].RuleID)
		}
	}
}

func TestAnchors(t *testing.T) {
	for _, test := range []struct {
		expression    string
		words         []string
		before, after int
		follows, not  string
	}{
		{`ghp_[0-9a-z]{6}`, []string{"ghp_"}, 0, 6, "abc123", "abc-12"},
		{`\b(AB(?:C|D)_(?i)[a-z]{3})\b`, []string{"abc_", "abd_"}, 0, 3, "xYz", "12"},
		{`(?i)[\w.-]{0,50}?(?:one|three)[ ]{0,2}=[a-z]{10,150}`, []string{"one", "three"}, 50, 153, " =abcdefghij", "   =abcdefghij"},
		{`[a-z]{4}_end`, []string{"_end"}, 4, 0, "", ""},
		{`x(?:ab|cd)+yy`, []string{"ab", "cd"}, 1, unbounded, "", ""},
	} {
		found, err := anchors(test.expression)
		if err != nil || len(found) != 1 {
			t.Errorf("%s: got %v, %v", test.expression, found, err)
			continue
		}
		a := found[0]
		if !slices.Equal(a.words, test.words) || a.before != test.before || a.after != test.after {
			t.Errorf("%s: got %v, %d before and %d after", test.expression, a.words, a.before, a.after)
		}
		yes, _ := a.tail.follows([]byte(test.follows))
		if no, _ := a.tail.follows([]byte(test.not)); !yes || no && test.not != "" {
			t.Errorf("%s: what follows is misjudged", test.expression)
		}
	}
	if found, err := anchors(`[a-z]{40}`); found != nil || err != nil {
		t.Errorf("got %v, %v, want none", found, err)
	}
	if _, err := anchors(`(`); err == nil {
		t.Error("no expression: want an error")
	}
	if _, most := lengths(&syntax.Regexp{Op: syntax.OpNoMatch}); most != 0 {
		t.Errorf("nothing has %d bytes", most)
	}
}
