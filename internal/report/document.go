package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/detonaut/detonaut"
)

// documentWriter writes one document of a standard for each image: indented, or, of
// many images, one a line, as nothing in the standard holds several.
type documentWriter struct {
	w      io.Writer
	many   bool
	encode func(*detonaut.Report) ([]byte, error)
}

func (w *documentWriter) Write(r *detonaut.Report) error {
	b, err := w.encode(r)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if w.many {
		err = json.Compact(&out, b)
	} else {
		err = json.Indent(&out, b, "", "  ")
	}
	if err != nil {
		return fmt.Errorf("encode document: %w", err)
	}
	return write(w.w, append(EscapeJSON(bytes.TrimSpace(out.Bytes())), '\n'))
}

func (w *documentWriter) Close() error { return nil }
