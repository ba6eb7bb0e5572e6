package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/indicator"
)

// indicatorWriter writes indicators for people: a line each, with a heading for each image.
type indicatorWriter struct {
	w io.Writer
	n int
}

func (w *indicatorWriter) Write(r *detonaut.Report) error {
	all, left := indicator.Collect(r)
	var b strings.Builder
	if w.n++; w.n > 1 {
		b.WriteString("\n")
	}
	line := func(format string, args ...any) { fmt.Fprintf(&b, "# "+format+"\n", args...) }
	line("Indicators of %s", describe(string(r.Image.Ref)))
	line("%s", describe(string(r.Image.Digest)))
	line("%s: %s", describe(string(r.Verdict.Word)), describe(r.Verdict.Sentence))
	if r.Run != nil && r.Run.Network == "simulated" {
		line("Nobody was reached: the internet was simulated. Addresses that it made up are left out.")
	}
	for _, i := range all {
		fmt.Fprintf(&b, "%-7s %s  # %s\n", i.Kind, Escape(i.Defanged()), describe(about(i, true)))
	}
	if len(all) == 0 {
		line("There are none.")
	}
	if left > 0 {
		line("%d more are left out.", left)
	}
	return write(w.w, []byte(b.String()))
}

func (w *indicatorWriter) Close() error { return nil }

// wanted tells whether others are to look for an indicator: a finding rests on it, and the
// image is bad. What was only observed is no reason.
func wanted(r *detonaut.Report, i indicator.Indicator) bool {
	return len(i.Findings) > 0 && r.Verdict.Word.Rank() >= detonaut.Suspicious.Rank()
}

// about says what an indicator was seen doing, and with findings what it is part of. It is
// not escaped.
func about(i indicator.Indicator, findings bool) string {
	text := strings.Join(i.Seen, "; ")
	if len(i.Ports) > 0 {
		text += " (" + strings.Join(i.Ports, ", ") + ")"
	}
	if findings && len(i.Findings) > 0 {
		text += " [" + strings.Join(i.Findings, ", ") + "]"
	}
	return text
}

// describe makes s safe as a remark that others show, who knows how: one line of characters
// that print, in which nothing is a link, a picture or HTML.
func describe(s string) string {
	return remark.Replace(indicator.Defang(Escape(head(s, maxRemark))))
}

// maxRemark bounds a remark, in bytes before it is escaped.
const maxRemark = 1000

var remark = strings.NewReplacer("](", "] (", "<", "‹", ">", "›", "`", "'", "www.", "www[.]")

// csvWriter writes a row for each indicator, of all images.
type csvWriter struct {
	w     io.Writer
	begun bool
}

func (w *csvWriter) Write(r *detonaut.Report) error {
	if err := w.begin(); err != nil {
		return err
	}
	all, left := indicator.Collect(r)
	image := []string{string(r.Image.Ref), string(r.Image.Digest), string(r.Verdict.Word), r.Started.UTC().Format(time.RFC3339)}
	var b strings.Builder
	for _, i := range all {
		csvRow(&b, append([]string{
			string(i.Kind), i.Value, strings.Join(i.Ports, " "), strings.Join(i.Seen, "; "), strings.Join(i.Findings, " "),
		}, image...))
	}
	if left > 0 {
		csvRow(&b, append([]string{"left-out", fmt.Sprint(left), "", "", ""}, image...))
	}
	return write(w.w, []byte(b.String()))
}

func (w *csvWriter) Close() error { return w.begin() }

// begin writes the names of the columns, once.
func (w *csvWriter) begin() error {
	if w.begun {
		return nil
	}
	w.begun = true
	return write(w.w, []byte("kind,value,ports,seen,findings,image,digest,verdict,analysed\n"))
}

func csvRow(b *strings.Builder, fields []string) {
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(csvField(f))
	}
	b.WriteByte('\n')
}

// csvField is a field in quotes, whatever separates fields for the reader. What a spreadsheet
// would take for a formula has an apostrophe in front.
func csvField(s string) string {
	s = Escape(s)
	if t := strings.TrimLeft(s, " '\"\u3000"); t != "" && strings.ContainsRune("=+-@|%\t\r＝＋－＠", []rune(t)[0]) {
		s = "'" + s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
