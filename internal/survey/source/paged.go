package source

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/bits"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

const (
	// MaxCursor bounds a cursor, in bytes.
	MaxCursor = 4096
	// maxPages bounds the pages of one source: at a hundred each more repositories than any registry has.
	maxPages = 1_000_000
	// maxEmpty bounds the pages in a row on which there is nothing, and those that cannot be had.
	maxEmpty = 20
	// maxPage bounds the repositories of one page, whatever was asked for.
	maxPage = 10_000
)

// lister lists repositories by places, of which it needs to remember nothing else.
type lister interface {
	list(ctx context.Context, at place) (page, error)
	// leave is where to go on when what is at a place makes no sense; false is nowhere.
	leave(at place) (next place, ok bool)
}

// place is where in a list a page is. Part is which of several lists, Of what of it, and At which
// page: what they mean is the lister's.
type place struct {
	Part int    `json:"part,omitempty"`
	Of   string `json:"of,omitempty"`
	At   string `json:"at,omitempty"`
}

// page is what is at a place.
type page struct {
	found []store.Candidate
	// names are all that was listed, whatever it is: by these it is seen again.
	names []string
	next  place
	end   bool
	// cut is why something is missing.
	cut string
}

// cursor is a place, with what tells whether the list goes in circles.
type cursor struct {
	Spec  string `json:"spec"` // the hash of whose it is
	Place place  `json:"place"`
	Pages int    `json:"pages"`
	// Empty pages there were in a row, and Failed ones.
	Empty  int `json:"empty,omitempty"`
	Failed int `json:"failed,omitempty"`
	// Mark is the hash of the page before which there were a power of two of pages of this list, Steps
	// how many there were: whatever the length of a circle, it comes to a mark in it again.
	Mark  string `json:"mark,omitempty"`
	Steps int    `json:"steps,omitempty"`
}

// paged is a source of a lister.
type paged struct {
	spec   string
	lister lister
	log    *slog.Logger
}

// List implements [Source].
func (p *paged) List(ctx context.Context, s string) (found []store.Candidate, next string, end bool, err error) {
	c, err := p.decode(s)
	if err != nil {
		return nil, "", false, err
	}
	got, err := p.lister.list(ctx, c.Place)
	if errors.Is(err, detonaut.ErrCorrupt) || errors.Is(err, detonaut.ErrLimit) {
		got, err = p.lister.list(ctx, c.Place) // something between may have failed
	}
	failed := 0
	if err != nil {
		if got, err = p.failed(c, err); err != nil {
			return nil, "", false, fmt.Errorf("list %s: %w", text(p.spec, maxQuote), err)
		}
		failed = c.Failed + 1
		got.end = got.end || failed >= maxEmpty
	}
	if len(got.found) > maxPage {
		got.found, got.cut = got.found[:maxPage], fmt.Sprintf("a page has more than %d repositories", maxPage)
	}
	n := p.advance(c, &got)
	if n.Failed = failed; !got.end {
		if next, err = n.encode(); err != nil {
			return nil, "", false, err
		}
	}
	if got.cut != "" {
		p.log.WarnContext(ctx, "A source is not listed as a whole.", "source", p.spec, "why", got.cut, "page", c.Pages)
		err = &Cut{Why: got.cut}
	}
	return got.found, next, got.end, err
}

// failed is what comes of a page that cannot be had, and will not another time: if there were others before,
// or there is something else to list, that is gone on with.
func (p *paged) failed(c cursor, err error) (page, error) {
	lasting := errors.Is(err, detonaut.ErrCorrupt) || errors.Is(err, detonaut.ErrLimit) || errors.Is(err, detonaut.ErrNotFound)
	next, more := p.lister.leave(c.Place)
	if !lasting || c.Pages == 0 && !more {
		return page{}, err
	}
	return page{next: next, end: !more, cut: text(err.Error(), maxWhy)}, nil
}

// advance is the cursor behind a page. If the list goes in circles, or is too long, it is left.
func (p *paged) advance(c cursor, got *page) cursor {
	h := hash(got.names)
	n := cursor{Spec: c.Spec, Place: got.next, Pages: c.Pages + 1, Mark: c.Mark, Steps: c.Steps + 1}
	why := ""
	switch {
	case len(got.names) == 0:
		if n.Empty = c.Empty + 1; n.Empty >= maxEmpty {
			why = fmt.Sprintf("%d pages in a row are empty", n.Empty)
		}
	case h == c.Mark:
		why = "its pages repeat themselves"
	case bits.OnesCount(uint(n.Steps)) == 1:
		n.Mark = h
	}
	if !got.end && why == "" && got.next == c.Place {
		why = "a page says that it is followed by itself"
	}
	if _, err := n.encode(); err != nil {
		why = "where its next page is cannot be remembered"
	}
	if why != "" && !got.end {
		got.cut = why
		var more bool
		n.Place, more = p.lister.leave(c.Place)
		got.end = !more
	}
	if n.Pages >= maxPages && !got.end {
		got.cut, got.end = fmt.Sprintf("it has more than %d pages", maxPages), true
	}
	if n.Place.Part != c.Place.Part || n.Place.Of != c.Place.Of {
		n.Mark, n.Steps, n.Empty = "", 0, 0
	}
	return n
}

// hash is a short name of a page.
func hash(names []string) string {
	h := fnv.New128a()
	for _, n := range names {
		_, _ = h.Write([]byte(n + "\n"))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func (p *paged) decode(s string) (c cursor, err error) {
	whose := hash([]string{p.spec})
	if s == "" {
		return cursor{Spec: whose}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil || len(s) > MaxCursor || c.Spec != whose || c.Pages < 0 || c.Steps < 0 || c.Empty < 0 || c.Failed < 0 {
		return cursor{}, fmt.Errorf("list %s: the cursor is none of this source: %w", text(p.spec, maxQuote), detonaut.ErrUsage)
	}
	return c, nil
}

func (c cursor) encode() (string, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("make a cursor: %w", err)
	}
	s := base64.RawURLEncoding.EncodeToString(raw)
	if len(s) > MaxCursor {
		return "", fmt.Errorf("make a cursor: it has %d bytes: %w", len(s), detonaut.ErrLimit)
	}
	return s, nil
}
