package page

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// Funcs are the functions of templates.
//
//	text S N      a string of the subject, for {{template "text" ...}}
//	plain S N     the same in one piece, for attributes
//	asset NAME    the path of an asset
//	bytes N       a size, as "12.3 MB"
//	count N       a number, as "12,345"
//	some N        the same, and nothing for 0
//	short D       a digest or hash, as "sha256:0123456789ab"
//	date T        as "2026-11-30"
//	moment T      as "2026-11-30 17:05 UTC"
//	span D        a duration, as "6.8 s"
//	ago D         how long ago that is, as "2 days ago"
//	plural N ONE  as "1 image", "2 images"
//	verdictClass, severityClass   a word that a class can be made of
//	path, report, part, fact, rule, repository, search   see Path, ReportPath, PartPath ...
func Funcs() template.FuncMap {
	return template.FuncMap{
		"text": text, "plain": func(s any, n int) string { return Plain(stringOf(s), n) },
		"asset": AssetPath, "bytes": bytesOf, "count": countOf, "short": short,
		"date": dateOf, "moment": momentOf, "span": spanOf, "ago": agoOf, "plural": pluralOf, "some": someOf,
		"verdictClass": verdictClass, "severityClass": severityClass,
		"path": Path, "report": ReportPath, "part": PartPath, "fact": FactPath, "rule": RulePath, "repository": RepositoryPath, "search": SearchPath,
		"stamp": stampOf, "kindWord": kindWord, "imageName": ImageName, "kindPath": kindPath, "lines": lines, "size": func(s string) int64 { return int64(len(s)) },
		"asVerdict": func(s string) detonaut.Word { return detonaut.Word(s) }, "asSeverity": func(s string) detonaut.Severity { return detonaut.Severity(s) },
		"style": style, "styleHash": styleHash,
	}
}

// verdictClass is w, or "inconclusive" for what is none of our words.
func verdictClass(w detonaut.Word) string {
	if slices.Contains(detonaut.Words(), w) {
		return string(w)
	}
	return string(detonaut.Inconclusive)
}

func severityClass(s detonaut.Severity) string {
	if slices.Contains(detonaut.Severities(), s) {
		return string(s)
	}
	return string(detonaut.UnknownSeverity)
}

func bytesOf(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, names := float64(n)/unit, "kMGTPE"
	i := 0
	for f >= 999.95 && i < len(names)-1 {
		f, i = f/unit, i+1
	}
	return fmt.Sprintf("%.1f %cB", f, names[i])
}

func countOf(n any) string {
	s := fmt.Sprint(n)
	from := 0
	if s != "" && s[0] == '-' {
		from = 1
	}
	for i := len(s) - 3; i > from; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// someOf is n, and nothing for none.
func someOf(n int) string {
	if n == 0 {
		return ""
	}
	return countOf(n)
}

func pluralOf(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if stem, ok := strings.CutSuffix(one, "y"); ok && !strings.HasSuffix(one, "ay") {
		return countOf(n) + " " + stem + "ies"
	}
	if strings.HasSuffix(one, "s") {
		return countOf(n) + " " + one + "es"
	}
	return countOf(n) + " " + one + "s"
}

// short is the head of a digest or of a hash.
func short(d any) string {
	s := Plain(stringOf(d), 200)
	const head = 12
	for _, prefix := range []string{"sha256:", "sha512:"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok && len(rest) > head {
			return prefix + rest[:head]
		}
	}
	if len(s) > head && plain(s) {
		return s[:head]
	}
	return s
}

func dateOf(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format(time.DateOnly)
}

func momentOf(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02 15:04 MST")
}

// spanOf is a duration for people.
func spanOf(d time.Duration) string {
	switch {
	case d < 0:
		return "unknown"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 72*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// stampOf is a time for machines.
func stampOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// agoOf says how long ago something was.
func agoOf(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return pluralOf(int(d/time.Minute), "minute") + " ago"
	case d < 2*day:
		return pluralOf(int(d/time.Hour), "hour") + " ago"
	case d < 60*day:
		return pluralOf(int(d/day), "day") + " ago"
	case d < 730*day:
		return pluralOf(int(d/(30*day)), "month") + " ago"
	}
	return pluralOf(int(d/(365*day)), "year") + " ago"
}
