package study

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut/internal/report/page"
)

// writeCSV writes one long table, a line for each figure: value is estimated, low and high are its
// interval, n is how many were seen.
func writeCSV(w io.Writer, r *Report) error {
	b := bufio.NewWriter(w)
	_, _ = fmt.Fprintln(b, "table,by,group,row,column,value,low,high,n") // an error is that of Flush
	line := func(names []string, v Number, n float64) {
		for _, s := range names {
			_, _ = b.WriteString(csvField(s) + ",")
		}
		_, _ = fmt.Fprintf(b, "%s,%s,%s,%s\n", plainNumber(v.Value), plainNumber(v.Low), plainNumber(v.High), plainNumber(n))
	}
	for _, t := range r.Tables {
		for _, p := range t.Parts {
			for _, row := range append([]Row{p.Base}, p.Rows...) {
				for _, f := range []struct {
					name string
					f    *Figure
				}{{"images", row.Images}, {"repositories", row.Repositories}, {"pulls", row.Pulls}} {
					if f.f != nil {
						line([]string{t.ID, p.By, p.Group, row.Name, f.name}, f.f.Total, f.f.Seen)
						line([]string{t.ID, p.By, p.Group, row.Name, f.name + " share"}, f.f.Share, f.f.Seen)
					}
				}
			}
		}
	}
	for _, u := range r.Uses {
		for _, p := range u.Parts {
			for _, q := range p.Quantiles {
				line([]string{"use", p.By, p.Group, u.ID, "quantile " + plainNumber(q.Share)}, q.Number, p.Seen)
			}
		}
	}
	return b.Flush()
}

// plainNumber is a number with all its digits, and no more.
func plainNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// csvField is a field in quotes. What a spreadsheet would take for a formula has an apostrophe in
// front.
func csvField(s string) string {
	s = page.Plain(s, 200)
	if t := strings.TrimLeft(s, " '\"\u3000"); t != "" && strings.ContainsRune("=+-@|%＝＋－＠", []rune(t)[0]) {
		s = "'" + s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
