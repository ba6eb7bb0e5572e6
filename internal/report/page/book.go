package page

import (
	"bytes"
	"cmp"
	"compress/flate"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"

	"github.com/detonaut/detonaut"
)

// Book collects the reports of many images for one file: a list, and each of them below it.
// They are kept compressed until they are written. The zero value is empty.
type Book struct {
	entries []bookEntry
}

type bookEntry struct {
	ID, Ref, Sentence string
	Word              detonaut.Word
	Vulnerability     detonaut.Severity
	Findings          int
	packed            []byte
}

// Add adds a report. It does not keep it.
func (b *Book) Add(r *detonaut.Report) error {
	id := fmt.Sprintf("r%d", len(b.entries)+1)
	m := newModel(View{Report: r, Chrome: Chrome{Single: true}}, id+"-")
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		return fmt.Errorf("keep page: %w", err)
	}
	if err := errors.Join(reportPage().ExecuteTemplate(w, "report", m), w.Close()); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	b.entries = append(b.entries, bookEntry{
		ID: id, Ref: cmp.Or(string(r.Image.Ref), string(r.Image.Digest)), Word: r.Verdict.Word, Sentence: r.Verdict.Sentence,
		Vulnerability: r.Verdict.Vulnerability, Findings: m.Findings.Deeds.Total, packed: packed.Bytes(),
	})
	return nil
}

// bookView is what the template of a book is executed with.
type bookView struct {
	Chrome
	Entries []bookEntry // as they were added
	Sorted  []bookEntry // the worst first
	Words   template.HTML
}

// Write writes the file.
func (b *Book) Write(w io.Writer) error {
	v := bookView{Chrome: Chrome{Title: "Detonaut: " + pluralOf(len(b.entries), "image"), Single: true}, Entries: b.entries, Sorted: slices.Clone(b.entries)}
	slices.SortStableFunc(v.Sorted, func(x, y bookEntry) int {
		return cmp.Or(cmp.Compare(y.Word.Rank(), x.Word.Rank()), cmp.Compare(y.Vulnerability.Rank(), x.Vulnerability.Rank()), cmp.Compare(x.Ref, y.Ref))
	})
	var err error
	if v.Words, err = Bars(Chart{Title: "Verdicts", ID: "verdicts", Counts: countWords(b.entries)}); err != nil {
		return err
	}
	if err := bookPage().ExecuteTemplate(w, "layout", v); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// Body is the page of a report, as it was written by its own template.
func (e bookEntry) Body() (template.HTML, error) {
	b, err := io.ReadAll(flate.NewReader(bytes.NewReader(e.packed)))
	if err != nil {
		return "", fmt.Errorf("read page: %w", err)
	}
	return template.HTML(b), nil //nolint:gosec // escaped by its template
}
