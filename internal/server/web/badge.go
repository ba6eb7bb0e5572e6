package web

import (
	"bytes"
	"net/http"

	"github.com/detonaut/detonaut/internal/report/page"
)

// badge is the verdict on an image as a picture, to be shown elsewhere.
func (s *site) badge(w http.ResponseWriter, r *http.Request) error {
	sub, err := s.subject(r)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := page.Badge(&b, sub.Report.Verdict.Word); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", s.caching(false))
	s.send(w, r, http.StatusOK, "image/svg+xml", b.Bytes())
	return nil
}
