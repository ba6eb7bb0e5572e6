package web

import (
	"bytes"
	"net/http"
	"slices"

	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

// badge is the verdict on an image as a picture, to be shown elsewhere. It opens no report: a badge is asked
// for often.
func (s *site) badge(w http.ResponseWriter, r *http.Request) error {
	d, err := digestOf(r.PathValue("digest"))
	if err != nil {
		return err
	}
	analyses, err := s.Store.Analyses(r.Context(), d)
	if err != nil {
		return err
	}
	key := r.URL.Query().Get("fingerprint")
	at := slices.IndexFunc(analyses, func(a store.Summary) bool { return key == "" || key == a.Key })
	if at < 0 {
		return store.ErrNotFound
	}
	var b bytes.Buffer
	if err := page.Badge(&b, analyses[at].Verdict); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", s.caching(false))
	s.send(w, r, http.StatusOK, "image/svg+xml", b.Bytes())
	return nil
}
