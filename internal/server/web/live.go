package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

// Bounds of a live page.
const (
	numTold  = 200  // lines that are shown: the last ones
	maxTold  = 2000 // lines that are read for that
	toldOnce = 500
)

var submissionForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// told is a line of a live page.
type told struct {
	Number int64
	At     time.Time
	Kind   string
	Text   string
}

// liveView is the page of a submission.
type liveView struct {
	Submission *store.Submission
	Told       []told
	// After is the number of the last line. More is the path of those behind, if there are
	// more than are read at once.
	After int64
	More  string
	// Stream is where a script reads on.
	Stream string
	Report string
	// Refresh is the path of this page.
	Refresh string
}

// liveTwin is the same for programs.
type liveTwin struct {
	*store.Submission
	Progress []store.Progress `json:"progress"`
	Report   string           `json:"report,omitempty"`
}

// live is the page of a submission: how far it is, and what is told of it.
func (s *site) live(r *http.Request) (*document, error) {
	id := r.PathValue("submission")
	if !submissionForm.MatchString(id) {
		return nil, store.ErrNotFound
	}
	sub, err := s.Store.Submission(r.Context(), id)
	if err != nil {
		return nil, err
	}
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64) // from the first on, if it is none
	progress, more, err := s.progress(r, id, max(after, 0))
	if err != nil {
		return nil, err
	}
	path := page.FactPath("live", id)
	view := liveView{Submission: sub, After: after, Stream: "/api/v1/scans/" + id + "/events", Refresh: path}
	for _, p := range progress {
		view.After = p.Number
		view.Told = append(view.Told, told{p.Number, p.At, p.Kind, toldText(p.Data)})
	}
	if more {
		view.More = fmt.Sprintf("%s?after=%d", path, view.After)
	}
	if sub.State == store.Done && sub.Digest != "" {
		view.Report = page.ReportPath(sub.Digest, sub.Fingerprint)
	}
	twin := liveTwin{Submission: sub, Progress: progress, Report: view.Report}
	return &document{name: "live", title: "Analysis of " + string(sub.Ref), data: view, twin: twin, script: ownAssetPath("live.js"), private: true, noIndex: true}, nil
}

// progress are the last lines of those that are read of what was told after a number; more if
// that are not all.
func (s *site) progress(r *http.Request, id string, after int64) (last []store.Progress, more bool, err error) {
	last = []store.Progress{}
	for range maxTold / toldOnce {
		part, err := s.Store.Progress(r.Context(), id, after, toldOnce)
		if err != nil {
			return nil, false, err
		}
		last = append(last, part...)
		last = slices.Delete(last, 0, max(0, len(last)-numTold))
		if len(part) < toldOnce {
			return last, false, nil
		}
		after = part[len(part)-1].Number
	}
	return last, true, nil
}

// toldText says in a line what was told. Of an object, what it says in words is enough.
func toldText(data json.RawMessage) string {
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err == nil {
		for _, name := range []string{"text", "words", "stage", "state"} {
			if text, ok := fields[name].(string); ok {
				return text
			}
		}
	}
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		return text
	}
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return ""
	}
	return string(report.EscapeJSON(b.Bytes()))
}

// submitView is the form of a submission.
type submitView struct {
	Ref, Platform, Profile, Seconds string
	Problem                         string
}

// submitForm is where people ask for an analysis.
func (s *site) submitForm(r *http.Request) (*document, error) {
	if s.Submit == nil {
		return nil, refused(http.StatusNotFound, "Nothing can be submitted here.")
	}
	view := submitView{Ref: cut(r.URL.Query().Get("ref"), maxRef)}
	return &document{name: "submit", title: "Submit an image", data: view, private: true, noIndex: true}, nil
}

// Bounds of forms, in bytes.
const (
	maxForm = 32 << 10
	maxRef  = 1024
)

// parseForm reads a form of at most [maxForm] bytes.
func parseForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return refused(http.StatusBadRequest, "This form is not understood.")
	}
	return nil
}

// submit asks for an analysis, and leads to its live page.
func (s *site) submit(w http.ResponseWriter, r *http.Request) error {
	if s.Submit == nil {
		return refused(http.StatusNotFound, "Nothing can be submitted here.")
	}
	if err := parseForm(w, r); err != nil {
		return err
	}
	v := submitView{Ref: strings.TrimSpace(r.PostForm.Get("ref")), Platform: r.PostForm.Get("platform"), Profile: r.PostForm.Get("profile"), Seconds: r.PostForm.Get("seconds")}
	ref, options, err := v.parse()
	var sub *store.Submission
	if err == nil {
		sub, err = s.Submit(r, ref, options)
	}
	if err != nil {
		p := submitProblem(err)
		if p.Status == http.StatusInternalServerError {
			return err
		}
		v.Problem = p.Detail
		w.Header().Set("Cache-Control", "no-store")
		s.sendPage(w, r, p.Status, &document{name: "submit", title: "Submit an image", data: v, private: true, noIndex: true})
		return nil
	}
	http.Redirect(w, r, page.FactPath("live", cmp.Or(sub.ID, "-")), http.StatusSeeOther)
	return nil
}
