package page

import (
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// share is a part of a whole.
type share struct {
	Word, Class string
	Count       int
}

// bar is a whole in parts, side by side.
type bar struct {
	Parts []barPart
}

type barPart struct {
	share
	X, W int
}

const barWidth = 1000

func newBar(parts []share) bar {
	b := bar{}
	all := 0
	for _, p := range parts {
		all += p.Count
	}
	if all == 0 {
		return b
	}
	sum := 0
	for _, p := range parts {
		x := sum * barWidth / all
		sum += p.Count
		b.Parts = append(b.Parts, barPart{share: p, X: x, W: max(2, sum*barWidth/all-x-2)})
	}
	return b
}

// Chart is numbers with a name, as [Bars] and [Days] draw them.
type Chart struct {
	Title string
	// ID is of the chart, and unlike others on the page: "verdicts".
	ID     string
	Counts []store.Count
	// Href leads from a value to what it counts; nil leads nowhere.
	Href func(value string) string
}

// Bars draws a bar for each count, the words beside them: a table that looks like a chart. What
// is a verdict or a severity has its colour and its icon.
func Bars(c Chart) (template.HTML, error) { return draft("bars", barsOf(c)) }

// Days draws a column for each day, "2026-11-30", of a month or more, up to the last of them;
// what is no day is left out. A table says the same.
func Days(c Chart) (template.HTML, error) { return draft("days", daysOf(c)) }

// draft executes a template: what comes out is HTML because html/template made it.
func draft(name string, data any) (template.HTML, error) {
	var b strings.Builder
	if err := charts().ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("draw %s: %w", name, err)
	}
	return template.HTML(b.String()), nil //nolint:gosec // escaped by its template
}

var charts = sync.OnceValue(func() *template.Template {
	return template.Must(Layout().ParseFS(templates, "templates/chart.html"))
})

type barsView struct {
	Chart
	Rows  []barsRow
	Total int
}

type barsRow struct {
	Value, Href, Kind, Percent string
	Count, Width               int
}

func barsOf(c Chart) barsView {
	v := barsView{Chart: c}
	most := 0
	for _, n := range c.Counts {
		most = max(most, n.Count)
		v.Total += max(0, n.Count)
	}
	for _, n := range c.Counts {
		row := barsRow{Value: n.Value, Count: n.Count, Kind: wordKind(n.Value)}
		if most > 0 {
			row.Width = int(int64(max(0, n.Count)) * 200 / int64(most))
			row.Percent = fmt.Sprintf("%.1f %%", 100*float64(n.Count)/float64(max(1, v.Total)))
		}
		if n.Count > 0 {
			row.Width = max(1, row.Width)
		}
		if c.Href != nil {
			row.Href = c.Href(n.Value)
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// wordKind tells whether a word is one of a verdict, a severity, or another.
func wordKind(s string) string {
	for _, w := range detonaut.Words() {
		if string(w) == s {
			return "verdict"
		}
	}
	for _, w := range detonaut.Severities() {
		if string(w) == s {
			return "severity"
		}
	}
	return ""
}

// Measures of a chart of days, in pixels.
const (
	daysWidth  = 720
	daysHeight = 120
	maxDays    = 370
	minDays    = 29 // behind the last
)

type daysView struct {
	Chart
	Width, Height int
	Columns       []dayColumn
	Most          int
	First, Last   string
	Rows          []barsRow
}

type dayColumn struct {
	X, Y, W, H int
	Title      string
}

func daysOf(c Chart) daysView {
	v := daysView{Chart: c, Width: daysWidth, Height: daysHeight}
	at := map[string]int{}
	var first, last time.Time
	for _, n := range c.Counts {
		day, err := time.Parse(time.DateOnly, n.Value)
		if err != nil || n.Count < 0 {
			continue
		}
		if first.IsZero() || day.Before(first) {
			first = day
		}
		if day.After(last) {
			last = day
		}
		at[n.Value] += n.Count
		v.Most = max(v.Most, at[n.Value])
	}
	if first.IsZero() {
		return v
	}
	if last.Sub(first) > maxDays*24*time.Hour {
		first = last.AddDate(0, 0, -maxDays)
	} else if last.Sub(first) < minDays*24*time.Hour {
		first = last.AddDate(0, 0, -minDays)
	}
	days := int(last.Sub(first)/(24*time.Hour)) + 1
	step := float64(daysWidth) / float64(days)
	for i := range days {
		day := first.AddDate(0, 0, i).Format(time.DateOnly)
		n := at[day]
		h := int(int64(n) * daysHeight / int64(max(1, v.Most)))
		if n > 0 {
			h = max(h, 2)
			v.Rows = append(v.Rows, barsRow{Value: day, Count: n})
		}
		x := int(float64(i) * step)
		v.Columns = append(v.Columns, dayColumn{X: x, W: max(1, int(float64(i+1)*step)-x-1), Y: daysHeight - h, H: h, Title: fmt.Sprintf("%s: %d", day, n)})
	}
	v.First, v.Last = dateOf(first), dateOf(last)
	return v
}

// Badge writes a badge with the word of a verdict, as SVG.
func Badge(w io.Writer, word detonaut.Word) error {
	const left, pad, char = 74, 8, 7
	text := verdictClass(word)
	width := len(text)*char + 2*pad
	colors := map[string]string{"malicious": "#b3201f", "unwanted": "#8a3a94", "suspicious": "#95590a", "inconclusive": "#515d6b", "clean": "#1c7244"}
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="Detonaut: %[2]s"><title>Detonaut: %[2]s</title>`+
		`<rect width="%[1]d" height="20" rx="4" fill="#2b323a"/><path d="M%[3]d 0h%[4]dq4 0 4 4v12q0 4-4 4h-%[4]dz" fill="%[5]s"/>`+
		`<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle"><text x="%[6]d" y="14">Detonaut</text><text x="%[7]d" y="14">%[2]s</text></g></svg>`+"\n",
		left+width, text, left, width-4, colors[text], left/2, left+width/2)
	if err != nil {
		return fmt.Errorf("write badge: %w", err)
	}
	return nil
}

// countWords counts the verdicts of a book.
func countWords(entries []bookEntry) (all []store.Count) {
	for _, word := range detonaut.Words() {
		n := 0
		for _, e := range entries {
			n += one(verdictClass(e.Word) == string(word))
		}
		all = append(all, store.Count{Value: string(word), Count: n})
	}
	return all
}
