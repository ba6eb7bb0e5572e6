package secret

import (
	"bytes"
	"cmp"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/detect"

	"github.com/detonaut/detonaut/chamber/content"
)

// told is what a detector says of one match.
type told struct{ rule, match, secret string }

func (t told) compare(o told) int {
	return cmp.Or(cmp.Compare(t.rule, o.rule), cmp.Compare(t.match, o.match), cmp.Compare(t.secret, o.secret))
}

// shown is t without what must not be shown.
func (t told) shown() string {
	return t.rule + " " + redactor{salt: []byte("of a test: 16 bytes")}.show(t.secret, "")
}

func ours(t *testing.T, text []byte) (all []told) {
	t.Helper()
	r, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	found, err := r.find(t.Context(), bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range found {
		if got := string(text[m.at:][:min(len(m.text)+2, len(text)-int(m.at))]); !strings.Contains(got, m.text) {
			t.Errorf("rule %s: its match is not at %d", r.all[m.rule].RuleID, m.at)
		}
		all = append(all, told{r.all[m.rule].RuleID, m.text, m.secret})
	}
	slices.SortFunc(all, told.compare)
	return all
}

// theirs is gitleaks' detector with its own rules, of which those for certain paths
// are for any.
func theirs(t testing.TB) func(text []byte) []told {
	t.Helper()
	c, err := gitleaks()
	if err != nil {
		t.Fatal(err)
	}
	for id, r := range c.Rules {
		if r.Path != nil {
			if r.Path = nil; r.Regex == nil {
				delete(c.Rules, id)
				continue
			}
			c.Rules[id] = r
		}
	}
	d := detect.NewDetector(c)
	return func(text []byte) (all []told) {
		for _, f := range d.DetectBytes(text) {
			all = append(all, told{f.RuleID, f.Match, f.Secret})
		}
		slices.SortFunc(all, told.compare)
		return all
	}
}

// compare tells which matches only one of both has.
func compare(a, b []told) (onlyA, onlyB []told) {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].compare(b[0]) < 0:
			onlyA, a = append(onlyA, a[0]), a[1:]
		case len(a) == 0 || a[0].compare(b[0]) > 0:
			onlyB, b = append(onlyB, b[0]), b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	return onlyA, onlyB
}

// TestSynthetic makes texts that the expression of each rule matches, between others
// and at the edges of blocks, and wants of each what gitleaks finds.
func TestSynthetic(t *testing.T) {
	r, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	reference := theirs(t)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range r.all {
		rule := &r.all[i]
		re, err := syntax.Parse(rule.Regex.String(), syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for range 40 {
			text := made(random, re)
			if !rule.Regex.MatchString(text) {
				continue
			}
			var all strings.Builder
			for _, k := range append(rule.Keywords, gates[rule.RuleID]...) {
				all.WriteString(k + "\n")
			}
			// Near enough to the keywords for those rules that want them near.
			all.WriteString(filler(random, random.IntN(400)) + "\n" + text + "\n" + filler(random, random.IntN(600)) + "\n")
			all.WriteString(strings.Join(rule.Keywords, " ") + "\n" + text)
			want := reference([]byte(all.String()))
			got := ours(t, []byte(all.String()))
			missed, extra := compare(want, got)
			for _, m := range missed {
				t.Errorf("rule %s: gitleaks alone finds %s", rule.RuleID, m.shown())
			}
			for _, m := range extra {
				t.Errorf("rule %s: only we find %s", rule.RuleID, m.shown())
			}
			if slices.ContainsFunc(got, func(o told) bool { return o.rule == rule.RuleID }) {
				seen++
			}
		}
		if seen == 0 {
			t.Errorf("rule %s: no text that was made is found", rule.RuleID)
		}
	}
}

// filler is text of words as there are in files.
func filler(random *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		for range 1 + random.IntN(9) {
			b.WriteByte("abcdefghijklmnopqrstuvwxyzKEY_-.=:\"'"[random.IntN(36)])
		}
		b.WriteByte(" \n\t "[random.IntN(4)])
	}
	return b.String()
}

// made makes a text that re matches, if what is around it allows it.
func made(random *rand.Rand, re *syntax.Regexp) string {
	var b strings.Builder
	var emit func(re *syntax.Regexp)
	times := func(re *syntax.Regexp, least, most int) {
		if most < 0 {
			most = least + 12
		}
		for range least + random.IntN(most-least+1) {
			emit(re.Sub[0])
		}
	}
	emit = func(re *syntax.Regexp) {
		switch re.Op {
		case syntax.OpLiteral:
			b.WriteString(string(re.Rune))
		case syntax.OpCharClass:
			b.WriteRune(oneOf(random, re.Rune))
		case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			b.WriteByte(byte(' ' + random.IntN(90)))
		case syntax.OpStar:
			times(re, 0, -1)
		case syntax.OpPlus:
			times(re, 1, -1)
		case syntax.OpQuest:
			times(re, 0, 1)
		case syntax.OpRepeat:
			times(re, re.Min, re.Max)
		case syntax.OpAlternate:
			emit(re.Sub[random.IntN(len(re.Sub))])
		case syntax.OpWordBoundary:
			if b.Len() > 0 && isWord(b.String()[b.Len()-1]) {
				return
			}
			if b.Len() == 0 {
				b.WriteByte(' ')
			}
		default:
			for _, sub := range re.Sub {
				emit(sub)
			}
		}
	}
	emit(re)
	return b.String()
}

// oneOf chooses a rune of a class, of ASCII if there is one that can be seen.
func oneOf(random *rand.Rand, class []rune) rune {
	var all []rune
	for i := 0; i < len(class); i += 2 {
		for r := max(class[i], '!'); r <= min(class[i+1], '~'); r++ {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return class[0]
	}
	return all[random.IntN(len(all))]
}

// TestFiles wants of the texts of this machine what gitleaks finds in them. Into every
// second one something is put that a rule matches.
func TestFiles(t *testing.T) {
	const most = 8 << 20 // bytes of each directory
	r, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	reference, random := theirs(t), rand.New(rand.NewPCG(3, 4))
	files, total, both := 0, 0, 0
	for _, root := range []string{"/etc", "/usr/lib", "/usr/share", "/usr/local"} {
		size := 0
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || size > most {
				return nil //nolint:nilerr // what cannot be read is not compared
			}
			b, err := os.ReadFile(p)
			if err != nil || len(b) > 4<<20 || !isText(content.Type(b[:min(len(b), content.HeadSize)])) {
				return nil //nolint:nilerr // as above
			}
			if files++; files%2 == 0 {
				b = slices.Insert(b, random.IntN(len(b)+1), planted(t, random, r)...)
			}
			size += len(b)
			want, got := reference(b), ours(t, b)
			missed, extra := compare(want, got)
			both += len(want) - len(missed)
			for _, m := range missed {
				if gates[m.rule] == nil { // else it is no file of that kind
					t.Errorf("%s: gitleaks alone finds %s", p, m.shown())
				}
			}
			for _, m := range extra {
				// What is known better there is not in a file of another kind.
				better := func(o told) bool { return gates[o.rule] != nil && strings.Contains(o.secret, m.secret) }
				if !slices.ContainsFunc(missed, better) {
					t.Errorf("%s: only we find %s", p, m.shown())
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		total += size
	}
	t.Logf("%d files of %d bytes, %d matches that both find", files, total, both)
	if both == 0 {
		t.Error("there are no texts below /usr and /etc to compare with gitleaks by")
	}
}

// planted is a text that a rule matches; not one of those that are found near a
// keyword only.
func planted(t *testing.T, random *rand.Rand, r *rules) []byte {
	t.Helper()
	for {
		one := &r.all[random.IntN(len(r.all))]
		re, err := syntax.Parse(one.Regex.String(), syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if text := made(random, re); !one.anchors[0].near && one.Regex.MatchString(text) {
			return []byte(text)
		}
	}
}
