package study

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Formats lists how a report can be written.
func Formats() []string { return []string{"markdown", "html", "json", "csv"} }

// Write writes a report in one of [Formats]. JSON and CSV have every figure with all its digits;
// Markdown and the page, which is a file that needs nothing beside itself, have them as people
// read them.
func Write(w io.Writer, format string, r *Report) error {
	var err error
	switch format {
	case "markdown":
		err = writeMarkdown(w, r)
	case "html":
		err = writeHTML(w, r)
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		err = e.Encode(r)
	case "csv":
		err = writeCSV(w, r)
	default:
		return fmt.Errorf("write study: no format %q: have %s", format, strings.Join(Formats(), ", "))
	}
	if err != nil {
		return fmt.Errorf("write study: %w", err)
	}
	return nil
}
