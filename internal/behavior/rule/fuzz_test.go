package rule

import (
	"bytes"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/rulebook"
	"github.com/detonaut/detonaut/rules"
)

// FuzzCompileRule takes any bytes for a rule. One that is accepted must hold
// to the bounds, and its examples must run.
func FuzzCompileRule(f *testing.F) {
	err := fs.WalkDir(rules.Behavior(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(rules.Behavior(), name)
		f.Add(data)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	lang, err := newLanguage()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := compile(lang, data)
		if err != nil {
			if err.Error() == "" {
				t.Error("refused without a reason")
			}
			return
		}
		if len(data) > rulebook.MaxDocument || len(r.steps) == 0 || len(r.steps) > maxSteps || r.Finding.ID == "" {
			t.Errorf("accepted: %d bytes, %d steps, id %q", len(data), len(r.steps), r.Finding.ID)
		}
		r.test()
	})
}

// FuzzRunTape takes any lines for the events of a tape, valid or not, and
// explains those that decode.
func FuzzRunTape(f *testing.F) {
	set, err := Load(rules.Behavior(), fstest.MapFS{
		"fuzz/all.yaml": {Data: []byte(`id: fuzz/all
title: T
meaning: M
severity: low
confidence: certain
on: [file.*, process.*, socket.*, memory.*, output.*, call.*, run.*, flow.*, dns.*, tls.*, http.*, message.*, bait.*, trust.*]
in: subtree
within: 1s
count: 3
key: event.file.path
distinct: event.socket.address.host() + process.command + string(process.nesting)
`)},
		"fuzz/network.yaml": {Data: []byte(`id: fuzz/network
title: T
meaning: M
severity: low
confidence: certain
on: [flow.*, dns.*, tls.*, http.*, message.*, bait.*, trust.*]
in: subtree
within: 1s
count: 6
regular: 0.9
key: event.http.url.host() + event.http.url.path() + event.http.header('host') + event.dns.name.domain() + event.message.fields.a
`)},
	})
	if err != nil || len(set.Problems()) > 0 {
		f.Fatal(err, set.Problems())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newDetector(set.index, new(facts), nil)
		a := behavior.NewAnalysis(d)
		for line := range bytes.Lines(data) {
			e, err := tape.Unmarshal(line)
			if err != nil {
				continue
			}
			if err := a.Record(e); err != nil {
				t.Fatal(err)
			}
		}
		r := a.Result()
		if d.budget.left < 0 || d.budget.left > maxState {
			t.Errorf("%d bytes of %d are left", d.budget.left, maxState)
		}
		if r.Coverage.Full != (len(r.Coverage.Gaps) == 0) {
			t.Errorf("full %t with gaps %q", r.Coverage.Full, r.Coverage.Gaps)
		}
		for _, x := range r.Findings {
			if x.Count < 1 || len(x.Evidence) == 0 || len(x.Evidence) > maxEvidence {
				t.Errorf("%s: count %d, %d pieces of evidence", x.ID, x.Count, len(x.Evidence))
			}
			for _, e := range x.Evidence {
				if len(e.Events) == 0 || len(e.Events) > maxEvents || len(e.Summary) > maxSummary+3 {
					t.Errorf("%s: evidence %+v", x.ID, e)
				}
			}
		}
		again := slices.Clone(r.Findings)
		behavior.Sort(again)
		for i := range again {
			if again[i].ID != r.Findings[i].ID {
				t.Errorf("findings are not sorted: %s before %s", r.Findings[i].ID, again[i].ID)
			}
		}
	})
}
