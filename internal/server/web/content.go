package web

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/zipaes"
)

// password is that of archives of payloads and bodies, as everywhere: it keeps scanners on the
// way and double clicks from them, and nobody else.
const password = "infected"

// content sends a payload or a body, in an archive with a password: "payloads/SHA256.zip".
func (s *site) content(w http.ResponseWriter, r *http.Request, sub *subject, name string) error {
	if err := s.unlock(w, r); err != nil {
		return err
	}
	name = strings.TrimSuffix(name, ".zip")
	blob, _, err := s.openSized(r.Context(), sub.Entry, name)
	if err != nil {
		return err
	}
	defer blob.Close()
	if err := s.note(r, sub, "download "+name); err != nil {
		return err
	}
	attach(w, sub, name+".zip")
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	archive := zipaes.NewWriter(w, password)
	to, err := archive.Create(path.Base(name))
	if err == nil {
		_, err = io.Copy(to, blob)
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		s.Log.WarnContext(r.Context(), "an archive was not sent whole", "name", name, "error", err)
		panic(http.ErrAbortHandler) // who reads must see that it is not whole
	}
	return nil
}

// note adds to the log of who did what. What cannot be noted is not done.
func (s *site) note(r *http.Request, sub *subject, what string) error {
	if err := s.Note(r.Context(), what, string(sub.Digest), ""); err != nil {
		return fmt.Errorf("note download: %w", err)
	}
	return nil
}

// maxBody is how much of a body is shown, in bytes.
const maxBody = 32 << 10

// bodyView is the page of what a request or a response carried.
type bodyView struct {
	Report *subject
	SHA256 string
	Size   int64
	// Text is the head of it, or Hex if that is no text.
	Text, Hex string
	Cut       bool
	Pivot     string
	Archive   string
}

// body shows what a request or a response carried. It is not the same for everybody.
func (s *site) body(r *http.Request) (*document, error) {
	sum := r.PathValue("sum")
	if !hashForm.MatchString(sum) {
		return nil, refused(http.StatusBadRequest, "A body is named by its SHA-256.")
	}
	sub, err := s.subject(r)
	if err != nil {
		return nil, err
	}
	if err := s.unlock(nil, r); err != nil {
		return nil, err
	}
	blob, size, err := s.openSized(r.Context(), sub.Entry, "bodies/"+sum)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	head, err := io.ReadAll(io.LimitReader(blob, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if err := s.note(r, sub, "show bodies/"+sum); err != nil {
		return nil, err
	}
	view := bodyView{Report: sub, SHA256: sum, Size: size, Cut: size > int64(len(head)), Pivot: page.FactPath("sha256", sum), Archive: sub.at("download", "bodies", sum+".zip")}
	if bytes.IndexByte(head, 0) < 0 {
		view.Text = string(head)
	} else {
		view.Hex = hex.Dump(head[:min(len(head), maxBody/4)])
		view.Cut = size > maxBody/4
	}
	return &document{name: "body", title: "Body " + sum[:12] + " of " + sub.Name, data: view, private: true, noIndex: true}, nil
}
