package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/detonaut/detonaut"
)

// jsonWriter writes one indented object, or an array of them.
type jsonWriter struct {
	w     io.Writer
	array bool
	n     int
}

func (w *jsonWriter) Write(r *detonaut.Report) error {
	prefix, before := "", ""
	if w.array {
		prefix, before = "  ", ",\n  "
		if w.n == 0 {
			before = "[\n  "
		}
	}
	b, err := json.MarshalIndent(r, prefix, "  ")
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	w.n++
	if !w.array {
		b = append(b, '\n')
	}
	return write(w.w, append([]byte(before), EscapeJSON(b)...))
}

func (w *jsonWriter) Close() error {
	switch {
	case !w.array:
		return nil
	case w.n == 0:
		return write(w.w, []byte("[]\n"))
	}
	return write(w.w, []byte("\n]\n"))
}

// jsonLinesWriter writes one report a line, each with one call of Write.
type jsonLinesWriter struct{ w io.Writer }

func (w *jsonLinesWriter) Write(r *detonaut.Report) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	return write(w.w, append(EscapeJSON(b), '\n'))
}

func (w *jsonLinesWriter) Close() error { return nil }

func write(w io.Writer, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// EscapeJSON writes every character of b that does not print as \uNNNN.
// encoding/json does so with the control characters below space only; a
// terminal also obeys DEL, the C1 controls and the bidirectional overrides.
// Beyond ASCII everything in JSON is inside a string, so the value stays the
// same.
func EscapeJSON(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r < utf8.RuneSelf && r != 0x7f, unicode.IsPrint(r):
			out = append(out, b[:size]...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		b = b[size:]
	}
	return out
}

// Read reads one report as [JSON] or [JSONLines] write it. Unknown fields, a
// schema other than ours and more than max bytes are [detonaut.ErrCorrupt].
func Read(r io.Reader, max int64) (*detonaut.Report, error) {
	b, err := io.ReadAll(io.LimitReader(r, max+1))
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	if int64(len(b)) > max {
		return nil, fmt.Errorf("read report: %w: more than %d bytes", detonaut.ErrCorrupt, max)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	rep := new(detonaut.Report)
	if err := dec.Decode(rep); err != nil {
		return nil, fmt.Errorf("read report: %w: %w", detonaut.ErrCorrupt, err)
	}
	if rep.Schema != detonaut.Schema {
		return nil, fmt.Errorf("read report: %w: schema %d, want %d", detonaut.ErrCorrupt, rep.Schema, detonaut.Schema)
	}
	return rep, nil
}
