package study

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/detonaut/detonaut/internal/report/page"
)

func writeMarkdown(w io.Writer, r *Report) error {
	v := newView(r)
	b := bufio.NewWriter(w)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(b, format, args...) } // an error is that of Flush
	p("# %s\n\n%s\n\n| | |\n|---|---|\n", words(v.Title), v.Lead)
	for _, f := range v.Facts {
		p("| %s | %s |\n", f.Name, words(f.Text))
	}
	for _, n := range v.Notes {
		p("\n> %s\n", n)
	}
	for i := range v.Tables {
		markdownTable(p, &v.Tables[i])
	}
	if len(v.Uses) > 0 {
		p("\n## How much they use\n\nA share of all images has at most that much. Times and bytes are of the whole sandbox.\n\n| |%s\n|---|%s\n", heads(quantileNames()), strings.Repeat("---:|", len(quantiles)))
		for _, u := range v.Uses {
			p("| %s | %s |\n", u.Title, strings.Join(u.Cells, " | "))
		}
	}
	return b.Flush()
}

func heads(names []string) string {
	var b strings.Builder
	for _, n := range names {
		b.WriteString(" " + words(n) + " |")
	}
	return b.String()
}

// quantileNames are the shares of quantiles, as "50 %".
func quantileNames() (names []string) {
	for _, q := range quantiles {
		names = append(names, fmt.Sprintf("%.0f %%", 100*q))
	}
	return names
}

func markdownTable(p func(format string, args ...any), t *viewTable) {
	p("\n## %s\n\n%s", t.Title, t.Base)
	if t.Note != "" {
		p(" %s", t.Note)
	}
	if len(t.Rows) == 0 {
		p("\n\nNone.\n")
		return
	}
	p("\n\n")
	spaced := func(share, more string) string { return strings.TrimSpace(share + " " + more) }
	if t.Images {
		p("| | Images | | Repositories | | Pulls affected | |\n|---|---:|---:|---:|---:|---:|---:|\n")
	} else {
		p("| | Repositories | | Pulls | |\n|---|---:|---:|---:|---:|\n")
	}
	for _, r := range t.Rows {
		p("| %s |", words(r.Name))
		if t.Images {
			p(" %s | %s |", r.Images, spaced(r.ImagesShare, r.ImagesRange))
		}
		p(" %s | %s | %s | %s |\n", r.Repos, spaced(r.ReposShare, r.ReposRange), r.Pulls, spaced(r.PullsShare, r.PullsRange))
	}
	for _, c := range t.Cross {
		p("\n%s:\n\n| |%s\n|---|%s\n", c.Title, heads(c.Heads), strings.Repeat("---:|", len(c.Heads)))
		for _, r := range c.Rows {
			p("| %s | %s |\n", words(r.Name), strings.Join(r.Cells, " | "))
		}
	}
}

// words is s inside a cell of a table: as it is if nobody makes anything of it, else as code.
func words(s string) string {
	s = strings.ReplaceAll(page.Plain(s, 200), "|", "¦")
	plain := s != "" && strings.TrimSpace(s) == s && !strings.Contains(s, "  ") && !strings.Contains(strings.ToLower(s), "www.")
	for _, r := range s {
		if !(r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune(" ,;'()/%.-:", r)) || strings.Contains(s, "://") {
			plain = false
		}
	}
	switch {
	case plain:
		return s
	case strings.TrimSpace(s) == "":
		return "(nothing)"
	}
	longest, run := 0, 0
	for i := range len(s) {
		if run++; s[i] != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") && strings.HasSuffix(s, " ") {
		s = " " + s + " "
	}
	return fence + s + fence
}
