package web

import (
	"net/http"

	"github.com/detonaut/detonaut/internal/store"
)

// content sends a payload or a body, in an archive with a password: "payloads/SHA256.zip".
func (s *site) content(w http.ResponseWriter, r *http.Request, sub *subject, name string) error {
	if err := s.unlock(w, r); err != nil {
		return err
	}
	return store.ErrNotFound
}
