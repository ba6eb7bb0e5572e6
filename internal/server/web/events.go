package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior/story"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

// Bounds of pages of events.
const (
	// maxTapes is how many tapes are read at the same time, and maxReading how long one is.
	maxTapes   = 4
	maxReading = 20 * time.Second
	numEvents  = 100 // on a page
	maxFields  = 4 << 10
	tapeBlob   = "tape.jsonl.zst"
)

// eventView is one event of a table.
type eventView struct {
	Seq uint64
	// Path is that of the event, Same that of all events of its process.
	Path, Same string
	At         string
	PID        int32
	Kind       tape.Kind
	Words      string
	Count      uint64
	Fields     string // JSON
}

// eventsView is a page of events.
type eventsView struct {
	Report *subject
	Query  tapeQuery
	Kinds  []kindGroup
	Rows   []eventView
	Next   string
	One    bool // it shows a single event
	// Permalink is the path of the first page, Action the same without a query.
	Permalink, Action string
}

// kindGroup is a family, and the kinds in it.
type kindGroup struct {
	Family string
	Kinds  []string
}

// eventsTwin is the same for programs.
type eventsTwin struct {
	Digest      detonaut.Digest `json:"digest"`
	Fingerprint string          `json:"fingerprint"`
	Events      []*tape.Event   `json:"events"`
	// Next is the path of the next part; empty at the end.
	Next string `json:"next,omitempty"`
}

// events is the table of what is on the tape of a report.
func (s *site) events(r *http.Request) (*document, error) {
	q, err := parseTapeQuery(r.URL.Query())
	if err != nil {
		return nil, err
	}
	sub, err := s.subject(r)
	if err != nil {
		return nil, err
	}
	part, err := s.readEvents(r.Context(), sub.Entry, q)
	if err != nil {
		return nil, err
	}
	view := s.eventsView(sub)
	view.Query = q
	for _, e := range part.Events {
		view.Rows = append(view.Rows, viewEvent(sub, e, maxFields))
	}
	twin := eventsTwin{Digest: sub.Digest, Fingerprint: sub.Key, Events: part.Events}
	if part.Next != 0 {
		next := q.values(part.Next)
		view.Next, twin.Next = with(view.Permalink, next), with(sub.at("events"+twinSuffix), next)
	}
	return &document{name: "events", title: "Events of " + sub.Name, data: view, twin: twin, path: view.Permalink, noIndex: true}, nil
}

// event is one event.
func (s *site) event(r *http.Request) (*document, error) {
	seq, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
	if err != nil || seq == 0 {
		return nil, refused(http.StatusBadRequest, "The number of an event is at least 1.")
	}
	sub, err := s.subject(r)
	if err != nil {
		return nil, err
	}
	part, err := s.readEvents(r.Context(), sub.Entry, tapeQuery{After: seq - 1, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(part.Events) == 0 {
		return nil, refused(http.StatusNotFound, "The tape has no event %d.", seq)
	}
	view := s.eventsView(sub)
	view.One, view.Rows = true, []eventView{viewEvent(sub, part.Events[0], tape.MaxLine)}
	return &document{name: "events", title: fmt.Sprintf("Event %d of %s", seq, sub.Name), data: view, twin: part.Events[0], noIndex: true}, nil
}

func (s *site) eventsView(sub *subject) eventsView {
	return eventsView{Report: sub, Kinds: kindGroups(), Permalink: sub.at("events"), Action: page.PartPath(sub.Digest, "", "events")}
}

// readEvents reads a part of a tape. Not more than some are read at the same time.
func (s *site) readEvents(ctx context.Context, e *store.Entry, q tapeQuery) (*tapePart, error) {
	ctx, cancel := context.WithTimeout(ctx, maxReading)
	defer cancel()
	blob, err := s.open(ctx, e, tapeBlob)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	select {
	case s.tapes <- struct{}{}:
		defer func() { <-s.tapes }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	part, err := readTape(stopping{ctx, blob}, q)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, errFar):
		return nil, refused(http.StatusBadRequest, "So far behind, the tape can only be downloaded.")
	}
	return part, err
}

// stopping stops reading when it is no longer wanted.
type stopping struct {
	ctx context.Context
	r   io.Reader
}

func (s stopping) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

func viewEvent(sub *subject, e *tape.Event, max int) eventView {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(e) // it was decoded
	return eventView{
		Path: sub.at("events", strconv.FormatUint(e.Seq, 10)), Same: with(sub.at("events"), url.Values{"pid": {strconv.Itoa(int(e.PID))}}),
		Seq: e.Seq, At: strconv.FormatFloat(time.Duration(e.Time).Seconds(), 'f', 6, 64) + " s", PID: e.PID, Kind: e.Kind,
		Words: story.Words(e), Count: e.N(), Fields: cutText(string(report.EscapeJSON(b.Bytes())), max),
	}
}

// kindGroups are the kinds of events by their families.
func kindGroups() (all []kindGroup) {
	for _, k := range tape.Kinds() {
		family, _, _ := strings.Cut(string(k), ".")
		if len(all) == 0 || all[len(all)-1].Family != family {
			all = append(all, kindGroup{Family: family})
		}
		g := &all[len(all)-1]
		g.Kinds = append(g.Kinds, string(k))
	}
	at, _ := slices.BinarySearchFunc(all, "call", func(g kindGroup, name string) int { return strings.Compare(g.Family, name) })
	return slices.Insert(all, at, kindGroup{Family: "call"})
}

// parseTapeQuery reads which events are wanted.
func parseTapeQuery(v url.Values) (q tapeQuery, err error) {
	q = tapeQuery{Kind: v.Get("kind"), Text: v.Get("text"), Limit: numEvents}
	if len(q.Kind) > 64 || len(q.Text) > maxQuery {
		return q, refused(http.StatusBadRequest, "What you look for is too long.")
	}
	if after := v.Get("after"); after != "" {
		if q.After, err = strconv.ParseUint(after, 10, 64); err != nil {
			return q, refused(http.StatusBadRequest, "after is the number of an event.")
		}
	}
	if from := v.Get("from"); from != "" {
		if q.After, err = strconv.ParseUint(from, 10, 64); err != nil || q.After == 0 {
			return q, refused(http.StatusBadRequest, "from is the number of an event.")
		}
		q.After--
	}
	if pid := v.Get("pid"); pid != "" {
		n, err := strconv.ParseInt(pid, 10, 32)
		if err != nil || n < 0 {
			return q, refused(http.StatusBadRequest, "pid is the number of a process.")
		}
		q.PID = int32(n)
	}
	return q, nil
}

// values are the query of the page that begins after an event.
func (q tapeQuery) values(after uint64) url.Values {
	v := url.Values{"after": {strconv.FormatUint(after, 10)}}
	if q.Kind != "" {
		v.Set("kind", q.Kind)
	}
	if q.Text != "" {
		v.Set("text", q.Text)
	}
	if q.PID != 0 {
		v.Set("pid", strconv.Itoa(int(q.PID)))
	}
	return v
}
