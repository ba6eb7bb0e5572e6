package report

import (
	"cmp"
	"io"

	"github.com/detonaut/detonaut"
	htmlpage "github.com/detonaut/detonaut/internal/report/page"
)

// htmlWriter writes a page that needs nothing beside itself: of one image, or of many with a
// list.
type htmlWriter struct {
	w    io.Writer
	many bool
	book htmlpage.Book
}

func (w *htmlWriter) Write(r *detonaut.Report) error {
	if w.many {
		return w.book.Add(r)
	}
	return htmlpage.Write(w.w, htmlpage.View{
		Report: r,
		Chrome: htmlpage.Chrome{
			Single: true, Title: "Detonaut: " + string(r.Verdict.Word) + ": " + cmp.Or(string(r.Image.Ref), string(r.Image.Digest)),
			Description: r.Verdict.Sentence,
		},
	})
}

// Close writes the page of many.
func (w *htmlWriter) Close() error {
	if !w.many {
		return nil
	}
	return w.book.Write(w.w)
}
