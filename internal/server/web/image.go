package web

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

// numHistory is how many lines of its repository's history a report shows.
const numHistory = 20

var (
	digestForm = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)
	keyForm    = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

// subject is the image that a page is about, and the report of it.
type subject struct {
	*store.Entry
	Digest detonaut.Digest
	// Fixed is the key of the fingerprint that was asked for; empty for the newest.
	Fixed string
	// Name is what people call it.
	Name string
}

// subject gets what the path of a request names.
func (s *site) subject(r *http.Request) (*subject, error) {
	d, err := digestOf(r.PathValue("digest"))
	if err != nil {
		return nil, err
	}
	key := r.URL.Query().Get("fingerprint")
	if key != "" && !keyForm.MatchString(key) {
		return nil, refused(http.StatusBadRequest, "The name of a fingerprint is 16 hex digits in lower case.")
	}
	e, err := s.Store.Get(r.Context(), d, key)
	if err != nil {
		return nil, err
	}
	name := page.ImageName(store.Summary{Digest: d, Name: e.Name})
	if e.Name.Repository == "" {
		name = cmp.Or(string(e.Report.Image.Ref), name)
	}
	return &subject{Entry: e, Digest: d, Fixed: key, Name: name}, nil
}

// digestOf is a digest as it is written in a path.
func digestOf(text string) (detonaut.Digest, error) {
	if !digestForm.MatchString(text) {
		return "", refused(http.StatusBadRequest, "A digest is sha256: and 64 hex digits in lower case.")
	}
	return detonaut.Digest(text), nil
}

// Path is that of the report.
func (sub *subject) Path() string { return page.ReportPath(sub.Digest, sub.Fixed) }

// at is the path of something of the report. Its segments are ours.
func (sub *subject) at(part ...string) string {
	path := page.ReportPath(sub.Digest, "") + "/" + strings.Join(part, "/")
	if sub.Fixed == "" {
		return path
	}
	return with(path, url.Values{"fingerprint": {sub.Fixed}})
}

// with adds a query to a path that may have one.
func with(path string, v url.Values) string {
	if len(v) == 0 {
		return path
	}
	before, has, _ := strings.Cut(path, "?")
	if has != "" {
		has += "&"
	}
	return before + "?" + has + v.Encode()
}

// image is the page of a report.
func (s *site) image(r *http.Request) (*document, error) {
	sub, err := s.subject(r)
	if err != nil {
		return nil, err
	}
	d := &document{title: sub.Name, about: sub.Report.Verdict.Sentence, path: sub.Path(), noIndex: sub.Fixed != "", twin: sub.Report}
	if isTwin(r) {
		return d, nil
	}
	view, err := s.view(r, sub)
	if err != nil {
		return nil, err
	}
	d.make = func(w io.Writer, c page.Chrome) error {
		view.Chrome = c
		return page.Write(w, *view)
	}
	return d, nil
}

// view gathers what the page of a report shows beside it.
func (s *site) view(r *http.Request, sub *subject) (*page.View, error) {
	ctx := r.Context()
	_, taped := sub.Blobs[tapeBlob]
	v := &page.View{
		Report: sub.Report, Key: sub.Fixed, Name: sub.Entry.Name, Now: s.Now(), Tape: taped && s.Blobs != nil,
		Bodies: s.Blobs != nil && s.Allowed(r, store.ScopeDownload),
		Badge:  sub.at("badge.svg"), Dispute: sub.at("dispute"), Compare: with("/compare", url.Values{"a": {string(sub.Digest)}}),
	}
	s.addDownloads(v, r, sub)
	var err error
	if v.Analyses, err = s.Store.Analyses(ctx, sub.Digest); err != nil {
		return nil, err
	}
	if n := sub.Entry.Name; n.Repository != "" {
		if v.Repository, err = s.Store.Repository(ctx, n.Registry, n.Repository); err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if v.History, _, err = s.Store.History(ctx, n.Registry, n.Repository, "", store.Page{Limit: numHistory}); err != nil {
			return nil, err
		}
	}
	if v.Prevalence, v.Related, err = s.related(ctx, sub); err != nil {
		return nil, err
	}
	return v, nil
}
