package tables

import (
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// summaries begins a query of reports r, as they are called in n, which is r itself or a
// history. What is wanted in front of the columns of a summary stands for COLUMNS. Pulls are
// looked up for each line: PostgreSQL joins by reading all repositories when it does not know that
// there are few lines, which it does not in a statement that is prepared.
func summaries(columns, from, n string) string {
	return strings.NewReplacer("COLUMNS", columns, "n.", n+".").Replace(
		`SELECT COLUMNS r.seq, r.digest, r.key, n.registry, n.repository, n.tag, r.verdict, r.sentence, r.category, r.family,
  r.vulnerability, r.platform, r.size,
  COALESCE((SELECT p.pulls FROM repositories p WHERE p.registry = n.registry AND p.name = n.repository), -1), r.analysed
`) + from + " "
}

// ofReports is a query of reports r.
var ofReports = summaries("", "FROM reports r", "r")

// into are the places of the columns of a summary.
func into(s *store.Summary, analysed *int64) []any {
	return []any{
		&s.Seq, &s.Digest, &s.Key, &s.Name.Registry, &s.Name.Repository, &s.Name.Tag, &s.Verdict, &s.Sentence, &s.Category, &s.Family,
		&s.Vulnerability, &s.Platform, &s.Size, &s.Pulls, analysed,
	}
}

func scanSummary(row scanner) (s store.Summary, err error) {
	var analysed int64
	err = row.Scan(into(&s, &analysed)...)
	s.Analysed = moment(analysed)
	return s, err
}

// numbered scans a summary behind a number.
func numbered(row scanner) (l line[store.Summary], err error) {
	var analysed int64
	err = row.Scan(append([]any{&l.n}, into(&l.what, &analysed)...)...)
	l.what.Analysed = moment(analysed)
	return l, err
}

// summarize is the summary of a report, such as columns keep it, but for Seq and Pulls.
func summarize(r *detonaut.Report, n store.Name) store.Summary {
	return store.Summary{
		Digest:        detonaut.Digest(clean(r.Image.Digest)),
		Key:           store.Key(r.Fingerprint),
		Name:          cleanName(n),
		Verdict:       detonaut.Word(clean(r.Verdict.Word)),
		Sentence:      clean(r.Verdict.Sentence),
		Category:      detonaut.Category(clean(r.Verdict.Category)),
		Family:        clean(r.Verdict.Family),
		Vulnerability: detonaut.Severity(clean(r.Verdict.Vulnerability)),
		Platform:      clean(r.Image.Platform),
		Size:          r.Image.Size,
		Analysed:      moment(nanoseconds(r.Started)),
	}
}

// cleanName is a name as columns keep it, which have an index: no registry takes parts that are
// longer than these, and what is longer is cut.
func cleanName(n store.Name) store.Name {
	return store.Name{Registry: brief(n.Registry), Repository: brief(n.Repository), Tag: brief(n.Tag)}
}

// brief cleans and cuts a part of a name.
func brief(s string) string { return clean(s[:min(len(s), maxName)]) }

const maxName = 255
