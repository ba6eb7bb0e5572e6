package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
)

func testRoundTrip(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	big := reporttest.Large()
	for i := range 20_000 { // some megabytes of JSON
		big.Findings = append(big.Findings, detonaut.Finding{
			ID: fmt.Sprintf("some/finding-%d", i), Title: strings.Repeat("<b>\u202e\x00\xff", 10), Severity: detonaut.Low, Count: 1,
			Evidence: []detonaut.Evidence{{Summary: fmt.Sprint(i), Events: []uint64{1, 1<<64 - 1}}},
		})
	}
	for _, e := range []store.Entry{
		entry(1),
		{Report: big, Name: store.Name{Registry: "docker.io", Repository: "library/large", Tag: "1"}, Blobs: map[string]string{"tape.jsonl.zst": "00", "payloads/aa": "aa"}},
		{Report: reporttest.Realistic(2)}, // no name, no blobs
	} {
		sum := put(t, s, e)
		r := e.Report
		same(t, "a summary", store.Summary{
			Seq: sum.Seq, Digest: r.Image.Digest, Key: store.Key(r.Fingerprint), Name: e.Name, Verdict: r.Verdict.Word, Sentence: r.Verdict.Sentence,
			Category: r.Verdict.Category, Family: r.Verdict.Family, Vulnerability: r.Verdict.Vulnerability, Platform: r.Image.Platform,
			Size: r.Image.Size, Pulls: -1, Analysed: r.Started,
		}, sum)
		for _, key := range []string{"", sum.Key} {
			kept := got(s.Get(t.Context(), r.Image.Digest, key))(t)
			sameReport(t, r, kept.Report)
			kept.Report, e.Report = nil, nil
			e.Key, e.Stored = sum.Key, c.Now()
			same(t, "an entry", &e, kept)
			e.Report = r
		}
		same(t, "the analyses of a digest", []store.Summary{sum}, got(s.Analyses(t.Context(), r.Image.Digest))(t))
	}
}

func testReplace(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	e := entry(1)
	e.Blobs = map[string]string{"tape": "aa"}
	first := put(t, s, e)
	e.Report.Verdict.Sentence = "Another sentence."
	e.Name.Tag = "2"
	e.Blobs = map[string]string{"tape": "bb"}
	second := put(t, s, e)
	if second.Seq <= first.Seq {
		t.Errorf("what was put later has Seq %d, what was put earlier %d", second.Seq, first.Seq)
	}
	same(t, "the analyses of a digest", []store.Summary{second}, got(s.Analyses(t.Context(), first.Digest))(t))
	kept := got(s.Get(t.Context(), first.Digest, first.Key))(t)
	sameReport(t, e.Report, kept.Report)
	same(t, "blobs", e.Blobs, kept.Blobs)
	same(t, "the blobs of all", []string{"bb"}, got(s.Named(t.Context(), "", 10))(t))
}

func testNewest(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	e := entry(1)
	d := e.Report.Image.Digest
	one, two, three := put(t, s, under(e, "1")), put(t, s, under(e, "2")), put(t, s, under(e, "3"))
	put(t, s, entry(2))
	newest := func(want ...store.Summary) {
		t.Helper()
		analyses := got(s.Analyses(t.Context(), d))(t)
		var a, b []string
		for _, v := range want {
			a = append(a, v.Key)
		}
		for _, v := range analyses {
			b = append(b, v.Key)
		}
		same(t, "the order of analyses", a, b)
		if !slices.IsSortedFunc(analyses, func(a, b store.Summary) int { return int(b.Seq - a.Seq) }) {
			t.Errorf("analyses are not in the order of Seq: %v", analyses)
		}
		if len(want) == 0 {
			if _, err := s.Get(t.Context(), d, ""); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a digest without reports has one, or %v", err)
			}
			return
		}
		if kept := got(s.Get(t.Context(), d, ""))(t); kept.Key != want[0].Key || kept.Report.Fingerprint.Tool == "" {
			t.Errorf("the newest report is that of %s, want %s", kept.Key, want[0].Key)
		}
	}
	newest(three, two, one)
	two = put(t, s, under(e, "2")) // again: now it is the newest
	newest(two, three, one)
	must(t, s.Drop(t.Context(), d, one.Key))
	newest(two, three)
	must(t, s.Drop(t.Context(), d, two.Key))
	newest(three)
	must(t, s.Drop(t.Context(), d, three.Key))
	newest()
	if err := s.Drop(t.Context(), d, three.Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a report that is not there is dropped, or %v", err)
	}
	one = put(t, s, under(e, "1"))
	newest(one)
	if _, err := s.Get(t.Context(), d, two.Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a report that was dropped is there, or %v", err)
	}
}

func testNoReport(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	for _, e := range []store.Entry{{}, {Report: &detonaut.Report{}}} {
		if _, err := s.Put(t.Context(), e); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("put what is no report: %v", err)
		}
	}
	if _, err := s.Get(t.Context(), "sha256:none", ""); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get what is not there: %v", err)
	}
	if all := got(s.Analyses(t.Context(), "sha256:none"))(t); len(all) > 0 {
		t.Errorf("analyses of a digest that is not known: %v", all)
	}
}

// strange are strings that mean something to some database, or are no text.
var strange = []string{
	"", "'", `"`, "'; DROP TABLE reports; --", "' OR '1'='1", "?", "$1", "%", "_", `\`, "\x00", "a\x00b", "\xff\xfe", "a\xc3", "\u202e", "\u0000",
	"\ufeff", "\U0001F4A5", "{}", "[1,2]", "null", "\n\r\t", strings.Repeat("long ", 20_000), strings.Repeat("\xff", 1000), strings.Repeat("\U0001F4A5", 300), "COLUMNS", "n.name",
}

func testHostile(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	texts := slices.Clone(strange)
	for _, p := range reporttest.Payloads() {
		texts = append(texts, p.Text)
	}
	for n, text := range texts {
		r := reporttest.Hostile(text)
		r.Image.Digest = detonaut.Digest(fmt.Sprintf("sha256:%d", n))
		r.Started = time.Unix(int64(n), 0).UTC()
		e := store.Entry{Report: r, Name: store.Name{Registry: text, Repository: text, Tag: text}, Blobs: map[string]string{text: "aa"}}
		sum, err := s.Put(t.Context(), e)
		if err != nil {
			t.Errorf("put a report of %.40q: %v", text, err)
			continue
		}
		kept := got(s.Get(t.Context(), sum.Digest, sum.Key))(t)
		sameReport(t, r, kept.Report)
		same(t, "the name", sum.Name, kept.Name)
		same(t, "the analyses of a digest", []store.Summary{sum}, got(s.Analyses(t.Context(), sum.Digest))(t))
		if text == "" {
			continue
		}
		history, _, err := s.History(t.Context(), text, text, text, store.Page{Limit: 200})
		must(t, err)
		if !slices.ContainsFunc(history, func(h store.Summary) bool { return h == sum }) {
			t.Errorf("the history of a repository that is called %.40q does not have its report", text)
		}
	}
}

// testHostileStrings has them in everything but reports. What is no text comes back with U+FFFD;
// everything is found by what it was called.
func testHostileStrings(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	for i, text := range strange {
		id := fmt.Sprint(i, text[:min(len(text), 400)])
		inJSON := string([]rune(text))
		is := strings.ReplaceAll(inJSON, "\x00", "\uFFFD")
		v := got(s.Submit(t.Context(), store.Submission{Ref: detonaut.Ref("a" + text), Key: id, Owner: id, Options: store.RunOptions{Profile: text}}))(t)
		if v.Ref != detonaut.Ref("a"+is) || v.Options.Profile != inJSON {
			t.Errorf("a submission of %.40q is of %.40q", text, v.Ref)
		}
		same(t, "a submission", v, got(s.Submit(t.Context(), store.Submission{Ref: "b", Key: id}))(t))
		recent, _, err := s.Recent(t.Context(), id, store.Page{Limit: 10})
		must(t, err)
		same(t, "the submissions of an owner", []store.Submission{*v}, recent)
		h := working(t, s, store.WorkOptions{Name: text})
		h.next().end(failed("x" + text))
		if v := becomes(t, s, v.ID, store.Failed); v.Failure != "x"+is {
			t.Errorf("a failure of %.40q is %.40q", text, v.Failure)
		}
		h.leave()
		must(t, s.AddProgress(t.Context(), v.ID, []store.Progress{{Kind: text}}))

		must(t, s.AddKey(t.Context(), store.APIKey{ID: id, Hash: id, Name: text, Scopes: []store.Scope{store.Scope(text)}}))
		if k := got(s.KeyOf(t.Context(), id))(t); k.Name != is || string(k.Scopes[0]) != inJSON {
			t.Errorf("a key of %.40q is of %.40q", text, k.Name)
		}
		must(t, s.Note(t.Context(), store.Deed{Who: text, From: text, What: text, About: text, Refused: text}))
		must(t, s.AddDispute(t.Context(), store.Dispute{ID: id, Digest: detonaut.Digest(id), Text: text, Contact: text}))
		disputes, _, err := s.Disputes(t.Context(), detonaut.Digest(id), store.Page{Limit: 10})
		must(t, err)
		if len(disputes) != 1 || disputes[0].Text != is {
			t.Errorf("disputes of %.40q are %v", text, disputes)
		}
		must(t, s.AddHook(t.Context(), store.Hook{ID: id, URL: text, Secret: text, Verdicts: []detonaut.Word{detonaut.Word("x" + text)}}))
		must(t, s.DropHook(t.Context(), id))
		must(t, s.PutRepository(t.Context(), store.Repository{Registry: "x" + text, Name: text, Description: text}))
		if r := got(s.Repository(t.Context(), "x"+text, text))(t); r.Description != is {
			t.Errorf("a repository of %.40q is described %.40q", text, r.Description)
		}
		for _, f := range []store.Fact{{Kind: store.Kind(text), Value: text}, domain(text)} {
			same(t, "what has a fact that nothing has", nil, having(t, s, f, 10))
			same(t, "how many have it", []int{0}, got(s.Prevalence(t.Context(), []store.Fact{f}))(t))
		}
		if _, err := s.Get(t.Context(), detonaut.Digest(text), text); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("get what is not there: %v", err)
		}
	}
	long := strings.Repeat("x", 100_000)
	for i, err := range []error{
		s.AddKey(t.Context(), store.APIKey{ID: long, Hash: "h"}), s.AddHook(t.Context(), store.Hook{ID: long}),
		s.AddDispute(t.Context(), store.Dispute{ID: "i", Digest: detonaut.Digest(long)}),
		func() error { _, err := s.Submit(t.Context(), store.Submission{Ref: "a", Key: long}); return err }(),
	} {
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("keep %d with an id that is too long: %v", i, err)
		}
	}
}

// testUnder finds what was analysed before under an aim, and nothing else.
func testUnder(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	e := entry(1)
	d := e.Report.Image.Digest
	none := func(aim string) {
		t.Helper()
		if key, err := s.Under(t.Context(), d, aim); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("under %q: got %q, %v, want ErrNotFound", aim, key, err)
		}
	}
	none("aim")
	put(t, s, e) // under no aim
	none("")
	e.Aim, e.Report.Fingerprint.Tool = "aim", "another"
	first := put(t, s, e)
	none("")
	none("other")
	e.Report.Fingerprint.Tool, e.Report.Fingerprint.Plan = "a third", "sha256:plan"
	second := put(t, s, e)
	e.Aim, e.Report.Fingerprint.Tool = "other", "a fourth"
	third := put(t, s, e)
	for aim, want := range map[string]string{"aim": second.Key, "other": third.Key} {
		same(t, "the key under "+aim, want, got(s.Under(t.Context(), d, aim))(t))
	}
	if err := s.Drop(t.Context(), d, second.Key); err != nil {
		t.Fatal(err)
	}
	same(t, "the key when the newest was dropped", first.Key, got(s.Under(t.Context(), d, "aim"))(t))
	if key, err := s.Under(t.Context(), "sha256:other", "aim"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of another digest: got %q, %v", key, err)
	}
}
