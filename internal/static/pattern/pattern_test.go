package pattern

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detonaut/detonaut"
)

func compiled(tb testing.TB, patterns ...Pattern) *Set {
	tb.Helper()
	s, err := Compile(patterns)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// found is where one pattern is in a text, as "offset+length".
func found(tb testing.TB, p Pattern, text string) string {
	tb.Helper()
	hits, err := compiled(tb, p).Scan(tb.Context(), strings.NewReader(text), int64(len(text)), nil)
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for _, place := range verified(tb, hits, 1)[0].Places {
		all = append(all, fmt.Sprintf("%d+%d", place.Offset, place.Length))
	}
	return strings.Join(all, " ")
}

func TestFound(t *testing.T) {
	for name, tc := range map[string]struct {
		p    Pattern
		text string
		want string
	}{
		"text":                 {Pattern{Text: "stratum"}, "a stratum+tcp, stratum; Stratum", "2+7 15+7"},
		"text, overlapping":    {Pattern{Text: "abab"}, "ababab", "0+4 2+4"},
		"text in any case":     {Pattern{Text: "StraTum", NoCase: true}, "STRATUM stratum", "0+7 8+7"},
		"text in UTF-16":       {Pattern{Text: "cmd.exe", Wide: true}, "cmd.exe c\x00m\x00d\x00.\x00e\x00x\x00e\x00", "0+7 8+14"},
		"text, not in UTF-16":  {Pattern{Text: "cmd.exe"}, "c\x00m\x00d\x00.\x00e\x00x\x00e\x00", ""},
		"word":                 {Pattern{Text: "hydra", FullWord: true}, "hydra hydras xhydra _hydra (hydra) hydra", "0+5 28+5 35+5"},
		"word in UTF-16":       {Pattern{Text: "nmap", Wide: true, FullWord: true}, "xnmap n\x00m\x00a\x00p\x00s\x00 n\x00m\x00a\x00p\x00", "17+8"},
		"hex":                  {Pattern{Hex: "7f 45 4c 46"}, "\x7fELF \x7fELF", "0+4 5+4"},
		"hex with any byte":    {Pattern{Hex: "50 4b 03 04 ?? 00"}, "PK\x03\x04\x14\x00PK\x03\x04\x14\x01", "0+6"},
		"hex with half a byte": {Pattern{Hex: "50 4b 03 0? f?"}, "PK\x03\x0f\xf7PK\x03\x1f\xf7", "0+5"},
		"hex with gaps":        {Pattern{Hex: "616263 [2-4] 6465 [1] 66"}, "abc..de.f abc.de.f abc....de.f", "0+9 19+11"},
		"hex, nearest end":     {Pattern{Hex: "616263 [0-9] 64"}, "abcdd.d", "0+4"},
		"hex, gap before":      {Pattern{Hex: "61 [0-9] 626364"}, "aa..bcd", "1+6"},
		"regex":                {Pattern{Regex: `wallet=[a-z0-9]{4,8}`}, "wallet=abcd wallet=abc", "0+11"},
		"regex of words":       {Pattern{Regex: `(pool|miner)\.[a-z]+`}, "pool.one miner.two", "0+8 9+9"},
		"regex of like words":  {Pattern{Regex: `\b(?:gzinflate|gzdecode|str_rot13|strrev)\(`}, "reverse(gzdecode( strrev(", "8+9 18+7"},
		"regex with a limit":   {Pattern{Regex: `key=[0-9]{1,4};`}, "key=1;key=22;key=x;" + strings.Repeat(" ", 3000) + "key=333;", "0+6 6+7 3019+8"},
		"regex in any case":    {Pattern{Regex: `(?i)invoke-[a-z]+`}, "INVOKE-Thing", "0+12"},
		"regex of the start":   {Pattern{Regex: `^#!/bin/sh`}, "#!/bin/sh\n#!/bin/sh", "0+9"},
		"regex of the end":     {Pattern{Regex: `done$`}, "done done", "5+4"},
	} {
		if got := found(t, tc.p, tc.text); got != tc.want {
			t.Errorf("%s: found at %q, want %q", name, got, tc.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		p    Pattern
		want string
	}{
		{Pattern{}, "must have one of"},
		{Pattern{Text: "abc", Hex: "616263"}, "must have one of"},
		{Pattern{Text: "ab"}, "has no 3 bytes"},
		{Pattern{Text: strings.Repeat("a", maxLength+1)}, "has 1025 bytes, at most 1024"},
		{Pattern{Hex: "616263", NoCase: true}, "only a text"},
		{Pattern{Hex: "61 [2] 62 [2] 63"}, "has no 3 bytes"},
		{Pattern{Hex: "6162631"}, "pairs of the digits"},
		{Pattern{Hex: "616263 [4-2] 61"}, "pairs of the digits"},
		{Pattern{Hex: "616263 [4]"}, "pairs of the digits"},
		{Pattern{Hex: "[4] 616263"}, "pairs of the digits"},
		{Pattern{Hex: "616263 [1000] 616263 [1000] 61"}, "may have 2007 bytes, at most 1024"},
		{Pattern{Regex: "[a-z]+"}, "has no text that must be"},
		{Pattern{Regex: "(abc|[0-9])"}, "has no text that must be"},
		{Pattern{Regex: "ab?c"}, "has no 3 bytes"},
		{Pattern{Regex: "abc("}, "missing closing"},
		{Pattern{Regex: "abc(x{1,500}y{1,500}){1,2}"}, "instructions, at most"},
	} {
		tc.p.Name = "rule/p"
		err := Check(tc.p)
		if !errors.Is(err, detonaut.ErrUsage) || !strings.Contains(err.Error(), "rule/p: ") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: got %v, want %q", tc.p, err, tc.want)
		}
		_, again := Compile([]Pattern{{Name: "good", Text: "good"}, tc.p})
		if only := strings.Contains(tc.want, "instructions"); only != (again == nil) || !only && again.Error() != err.Error() {
			t.Errorf("%+v: compiled: %v, checked: %v", tc.p, again, err)
		}
	}
	if _, err := Compile(make([]Pattern, maxPatterns+1)); !errors.Is(err, detonaut.ErrLimit) {
		t.Errorf("too many patterns: %v", err)
	}
}

// However many patterns there are, their table is bounded, and that is said.
func TestTooManyStates(t *testing.T) {
	atoms := []atom{{bytes: "abcdef"}, {bytes: "abcxyz"}}
	if _, err := newAutomaton(atoms, 100); err != nil {
		t.Errorf("10 states in 100 cells: %v", err)
	}
	if _, err := newAutomaton(atoms, 60); !errors.Is(err, detonaut.ErrLimit) {
		t.Errorf("10 states in 60 cells: %v", err)
	}
	if maxCells > 1<<32/4 {
		t.Error("rows of the table have 32 bits")
	}
}

// What is found does not depend on how the file is read, and it is what a search of the
// whole file finds.
func TestScanInParts(t *testing.T) {
	patterns := []Pattern{
		{Text: "needle"}, {Text: "NEEDLE", NoCase: true}, {Hex: "6e6565 [0-900] 71"}, {Regex: `n[e]+dle[0-9]*\n?`}, {Text: "\x00\x00\x01"},
	}
	s := compiled(t, patterns...)
	random := rand.New(rand.NewPCG(1, 2))
	file := make([]byte, 0, 300_000)
	words := []string{"needle", "Needle7", "q", "\n", "nee", "\x00\x00\x01\x00", " ", "neeedle42"}
	for len(file) < 250_000 {
		for range random.IntN(20) {
			file = append(file, words[random.IntN(len(words))]...)
		}
		for range random.IntN(3000) {
			file = append(file, byte(random.IntN(4))) //nolint:gosec // small
		}
	}
	whole, err := s.scan(t.Context(), bytes.NewReader(file), int64(len(file)), nil, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	whole = verified(t, whole, len(patterns))
	for _, chunk := range []int{1, 1000, 4096, 65_537} {
		parts, err := s.scan(t.Context(), bytes.NewReader(file), int64(len(file)), nil, chunk)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole, verified(t, parts, len(patterns)), cmpopts.IgnoreUnexported(Hit{})); diff != "" {
			t.Errorf("in chunks of %d (-whole +parts):\n%s", chunk, diff)
		}
	}
	for i, want := range []int{
		bytes.Count(file, []byte("needle")), bytes.Count(bytes.ToLower(file), []byte("needle")), -1,
		len(regexp.MustCompile(patterns[3].Regex).FindAllIndex(file, -1)), bytes.Count(file, []byte("\x00\x00\x01")),
	} {
		if got := whole[i].Count; got != want && want >= 0 || got == 0 {
			t.Errorf("pattern %d: found %d times, want %d", i, got, want)
		}
		if len(whole[i].Places) != min(whole[i].Count, maxPlaces) {
			t.Errorf("pattern %d: %d places of %d", i, len(whole[i].Places), whole[i].Count)
		}
	}
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errors.New("no disk") }

func TestScanFails(t *testing.T) {
	s := compiled(t, Pattern{Text: "abc"})
	if _, err := s.Scan(t.Context(), broken{}, 10, nil); err == nil || !strings.Contains(err.Error(), "no disk") {
		t.Errorf("got %v", err)
	}
	if hits, err := compiled(t).Scan(t.Context(), broken{}, 10, nil); err != nil || len(hits) != 0 {
		t.Errorf("no patterns: %v, %v", hits, err)
	}
}

// FuzzScan compares what is found with a search for one pattern after the other.
func FuzzScan(f *testing.F) {
	f.Add("needle", []byte("a needle in a NEEDLE"), 7)
	f.Add("aaa", []byte("aaaaaaaa"), 1)
	f.Fuzz(func(t *testing.T, text string, file []byte, chunk int) {
		p := []Pattern{{Text: text}, {Text: text, NoCase: true, Wide: true}, {Regex: regexp.QuoteMeta(text)}, {Text: "other"}}
		s, err := Compile(p)
		if err != nil {
			return // it is refused, and nothing can be found
		}
		hits, err := s.scan(t.Context(), bytes.NewReader(file), int64(len(file)), nil, 1+chunk&0xffff)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for i := range file {
			if bytes.HasPrefix(file[i:], []byte(text)) {
				want++
			}
		}
		hits = verified(t, hits, 2)
		if hits[0].Count != min(want, maxCount) || hits[1].Count < hits[0].Count {
			t.Errorf("%q: found %d and %d times, want %d", text, hits[0].Count, hits[1].Count, want)
		}
		for _, place := range hits[0].Places {
			if got := file[place.Offset:][:place.Length]; string(got) != text {
				t.Errorf("%q at %d", got, place.Offset)
			}
		}
	})
}

// verified are the hits of all patterns.
func verified(tb testing.TB, hits []Hit, n int) []Hit {
	tb.Helper()
	all := Each(hits, 0, n)
	for i := range all {
		if err := all[i].Verify(); err != nil {
			tb.Fatal(err)
		}
	}
	return all
}
