package study_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/measure"
	"github.com/detonaut/detonaut/internal/survey/study"
)

func write(t *testing.T, format string, r *study.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := study.Write(&b, format, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What a small survey reads like, a whole one and a sample.
func TestGolden(t *testing.T) {
	p := grow(5, 24)
	whole := report(t, p.store())
	sample := report(t, grow(6, 400).draw(store.SampleStratified, 120, 1).store())
	golden.Check(t, "whole.md", write(t, "markdown", whole))
	golden.Check(t, "sample.md", write(t, "markdown", sample))
	golden.Check(t, "sample.html", bytes.ReplaceAll(write(t, "html", sample), style(t, sample), nil))
	golden.Check(t, "whole.csv", write(t, "csv", whole))
	first := *sample
	first.Tables, first.Uses = sample.Tables[:3], sample.Uses[:1]
	golden.Check(t, "sample.json", write(t, "json", &first))
}

// style is the style sheet of a page, which is tested elsewhere.
func style(t *testing.T, r *study.Report) []byte {
	t.Helper()
	found := regexp.MustCompile(`(?s)<style>.*</style>`).Find(write(t, "html", r))
	if len(found) < 1000 {
		t.Fatalf("the page has no style: %q", found)
	}
	return found
}

// The same survey is the same bytes.
func TestDeterministic(t *testing.T) {
	p := grow(7, 500)
	for _, format := range study.Formats() {
		if a, b := write(t, format, report(t, p.store())), write(t, format, report(t, p.store())); !bytes.Equal(a, b) {
			t.Errorf("two different reports as %s", format)
		}
	}
	if err := study.Write(&bytes.Buffer{}, "docx", &study.Report{}); err == nil || !strings.Contains(err.Error(), "markdown") {
		t.Errorf("an unknown format: %v", err)
	}
}

// JSON and CSV have every figure, with all its digits.
func TestExact(t *testing.T) {
	want := report(t, grow(8, 300).draw(store.SampleRandom, 100, 1).store())
	var got study.Report
	if err := json.Unmarshal(write(t, "json", want), &got); err != nil || !reflect.DeepEqual(&got, want) {
		t.Errorf("JSON comes back as another: %v", err)
	}
	lines, err := csv.NewReader(bytes.NewReader(write(t, "csv", want))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	has := map[string][]string{}
	for _, l := range lines[1:] {
		key := strings.Join(l[:5], "\x00")
		if has[key] != nil {
			t.Fatalf("twice: %q", l)
		}
		has[key] = l[5:]
	}
	checked := 0
	for _, table := range want.Tables {
		for _, p := range table.Parts {
			for _, row := range append([]study.Row{p.Base}, p.Rows...) {
				l := has[strings.Join([]string{table.ID, p.By, p.Group, row.Name, "repositories share"}, "\x00")]
				if len(l) != 4 {
					t.Fatalf("no line of %s, %s, %q", table.ID, p.Group, row.Name)
				}
				for i, v := range []float64{row.Repositories.Share.Value, row.Repositories.Share.Low, row.Repositories.Share.High, row.Repositories.Seen} {
					if n, err := strconv.ParseFloat(l[i], 64); err != nil || n != v {
						t.Fatalf("%q, want %v", l, v)
					}
					checked++
				}
			}
		}
	}
	if checked < 1000 {
		t.Errorf("looked at %d figures", checked)
	}
}

// hostile is a survey in which all that is the subject's attacks whoever shows it.
func hostile(t *testing.T) *study.Report {
	t.Helper()
	s := study.New(study.Options{Survey: store.Survey{Name: "truth", State: store.SurveyDone, Sources: []string{"<script>alert(1)</script>"}}})
	for i, p := range reporttest.Payloads() {
		r := reporttest.Hostile(p.Text)
		m := measure.Of(r)
		m.Base, m.Run.Listens = p.Text, []string{p.Text} // as if somebody had changed what is stored
		c := store.Candidate{Number: int64(i + 1), State: store.CandidateLooked, Class: store.Class(p.Text)}
		s.Add(store.Result{Candidate: c, Item: &store.Item{Number: 1, State: store.ItemDone, Digest: r.Image.Digest}, Measured: m})
		s.Add(store.Result{Candidate: c, Item: &store.Item{Number: 2, State: store.ItemFailed, Reason: store.Reason(p.Text), Digest: detonaut.Digest(p.Text)}})
		skipped := store.Candidate{Number: int64(i + 1000), State: store.CandidateSkipped, Reason: store.Reason(p.Text)}
		s.Add(store.Result{Candidate: skipped})
	}
	return s.Report()
}

func TestHostile(t *testing.T) {
	r := hostile(t)
	body, err := study.Body(r)
	if err != nil {
		t.Fatal(err)
	}
	own := regexp.MustCompile(`<(/?)(a|b|bdi|body|col|colgroup|details|div|dl|dd|dt|footer|h1|h2|head|header|html|i|li|main|meta|nav|p|path|rect|circle|section|span|style|summary|svg|table|tbody|td|th|thead|title|tr|ul|!DOCTYPE)\b[^<>]*>`)
	for name, text := range map[string]string{"page": string(write(t, "html", r)), "body": string(body)} {
		rest := own.ReplaceAllString(strings.ReplaceAll(text, string(style(t, r)), ""), "")
		if i := strings.IndexAny(rest, "<"); i >= 0 {
			t.Errorf("the %s has an element that is not ours: %q", name, rest[i:min(len(rest), i+100)])
		}
		for _, tag := range own.FindAllString(text, -1) {
			if strings.Contains(tag, "href=") && !strings.Contains(tag, `href="#`) {
				t.Errorf("the %s leads away: %s", name, tag)
			}
			if regexp.MustCompile(`\s(on\w+|style|src)=`).MatchString(tag) {
				t.Errorf("the %s has a script: %s", name, tag)
			}
		}
	}
	for _, format := range study.Formats() {
		text := string(write(t, format, r))
		if !utf8.ValidString(text) {
			t.Errorf("%s is no UTF-8", format)
		}
		for _, c := range text {
			if c != '\n' && format != "json" && !unicode.IsPrint(c) {
				t.Errorf("%s has %U in it", format, c)
				break
			}
		}
	}
	formula := regexp.MustCompile(`(?m)(^|,)"[ '"]*[=+@-]`)
	for _, line := range strings.Split(string(write(t, "csv", r)), "\n") {
		if formula.MatchString(line) && !strings.Contains(line, `"'`) {
			t.Errorf("a spreadsheet calculates %q", line)
		}
	}
	for _, line := range strings.Split(string(write(t, "markdown", r)), "\n") {
		code := regexp.MustCompile("`+[^`]*`+").ReplaceAllString(line, "")
		if strings.ContainsAny(code, "<[]") && !strings.HasPrefix(line, "|") {
			t.Errorf("Markdown makes something of %q", line)
		}
	}
}
