package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

const (
	docker   = "docker.io"
	official = "library" // the namespace of official images
	// hubDepth is how many results of a search Docker Hub tells of.
	hubDepth = 10_000
	// hubPrefix is the longest beginning of names that is searched for to enumerate.
	hubPrefix = 6
	// letters are those that names begin and go on with.
	letters = "abcdefghijklmnopqrstuvwxyz0123456789"
)

// hub is what all lists of Docker Hub need.
type hub struct {
	ask  asker
	base string
	size int
}

func openDockerHub(rest string, o Options, ask asker) (lister, error) {
	ask.header = bearer(o.DockerHubToken)
	h := hub{ask: ask, base: o.DockerHub, size: o.PageSize}
	query, search := strings.CutPrefix(rest, "search:")
	switch {
	case rest == "":
		return hubAll{h}, nil
	case rest == "official":
		return hubNamespace{h, official}, nil
	case search && query != "" && len(query) <= maxQuote && text(query, maxQuote+10) == query:
		return hubSearch{h, query}, nil
	case !search && ownerRE.MatchString(rest):
		return hubNamespace{h, strings.ToLower(rest)}, nil
	}
	return nil, fmt.Errorf("want dockerhub:official, dockerhub:NAMESPACE, dockerhub:search:WORDS, or dockerhub: for all: %w", detonaut.ErrUsage)
}

// pages asks for a page by its number.
func (h hub) pages(n int) url.Values {
	return url.Values{"page": {strconv.Itoa(n)}, "page_size": {strconv.Itoa(h.size)}}
}

// hubNamespace lists a namespace: all of it that is public. At is the number of the page, Of the class
// of its repositories.
type hubNamespace struct {
	hub
	namespace string
}

// hubRepository is one in the list of a namespace.
type hubRepository struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Private     bool   `json:"is_private"`
	Stars       *int64 `json:"star_count"`
	Pulls       *int64 `json:"pull_count"`
	Updated     moment `json:"last_updated"`
}

func (l hubNamespace) leave(place) (place, bool) { return place{}, false }

func (l hubNamespace) list(ctx context.Context, at place) (page, error) {
	n := number(at.At)
	if at.At == "" {
		class, err := l.class(ctx)
		if err != nil {
			return page{}, err
		}
		at.Of = string(class)
	}
	var reply struct {
		Next    *string         `json:"next"`
		Results []hubRepository `json:"results"`
	}
	_, err := l.ask.get(ctx, l.base+"/v2/namespaces/"+url.PathEscape(l.namespace)+"/repositories", l.pages(n), &reply)
	if errors.Is(err, detonaut.ErrNotFound) && n > 1 {
		return page{end: true}, nil // some were removed meanwhile
	}
	if err != nil {
		return page{}, err
	}
	p := page{end: reply.Next == nil || *reply.Next == "", next: place{Part: at.Part, Of: at.Of, At: strconv.Itoa(n + 1)}}
	collect(&p, docker, reply.Results, func(r hubRepository) (string, func(*store.Candidate)) {
		name := l.namespace + "/" + r.Name
		if r.Private {
			return name, nil
		}
		return name, func(c *store.Candidate) {
			of(c, store.Class(at.Of))
			c.Description, c.Updated = text(r.Description, maxDescription), r.Updated.Time
			c.Stars, c.Pulls = told(r.Stars), told(r.Pulls)
		}
	})
	return p, nil
}

// class asks who a namespace is of; it is empty if that is not told.
func (l hubNamespace) class(ctx context.Context) (store.Class, error) {
	if l.namespace == official {
		return store.ClassOfficial, nil
	}
	var reply struct {
		Badge string `json:"badge"`
	}
	_, err := l.ask.get(ctx, l.base+"/v2/orgs/"+url.PathEscape(l.namespace)+"/", nil, &reply)
	var busy *detonaut.Busy
	switch {
	case errors.As(err, &busy) || ctx.Err() != nil:
		return "", err
	case errors.Is(err, detonaut.ErrNotFound):
		return store.ClassCommunity, nil // a person
	case err != nil:
		return "", nil //nolint:nilerr // which is not worth the list
	case reply.Badge == "verified_publisher":
		return store.ClassVerified, nil
	}
	return store.ClassCommunity, nil
}

// of says of which class a candidate is.
func of(c *store.Candidate, class store.Class) {
	c.Class, c.Official, c.Verified = class, class == store.ClassOfficial, class == store.ClassVerified
}

// told is a count, if there is one.
func told(n *int64) int64 {
	if n == nil {
		return -1
	}
	return count(*n)
}

// hubSearch lists what a search finds, as far as Docker Hub tells. At is the number of the page.
type hubSearch struct {
	hub
	query string
}

// hubFound is one that a search has found.
type hubFound struct {
	Name        string `json:"repo_name"`
	Description string `json:"short_description"`
	Stars       *int64 `json:"star_count"`
	Pulls       *int64 `json:"pull_count"`
	Official    bool   `json:"is_official"`
}

func (l hubSearch) leave(place) (place, bool) { return place{}, false }

func (l hubSearch) list(ctx context.Context, at place) (page, error) {
	p, all, err := l.search(ctx, l.query, number(at.At))
	p.next.Part = at.Part
	if err == nil && p.end && all > hubDepth {
		p.cut = fmt.Sprintf("Docker Hub tells of no more than %d of the %d that it has found", hubDepth, all)
	}
	return p, err
}

// search asks for a page of what is found, and how many there are.
func (h hub) search(ctx context.Context, query string, n int) (page, int64, error) {
	var reply struct {
		Count   int64      `json:"count"`
		Next    *string    `json:"next"`
		Results []hubFound `json:"results"`
	}
	q := h.pages(n)
	q.Set("query", query)
	_, err := h.ask.get(ctx, h.base+"/v2/search/repositories/", q, &reply)
	if errors.Is(err, detonaut.ErrNotFound) && n > 1 {
		return page{end: true}, 0, nil
	}
	if err != nil {
		return page{}, 0, err
	}
	p := page{end: reply.Next == nil || *reply.Next == "" || (n+1)*h.size > hubDepth, next: place{At: strconv.Itoa(n + 1)}}
	collect(&p, docker, reply.Results, func(r hubFound) (string, func(*store.Candidate)) {
		name := r.Name
		if !strings.Contains(name, "/") {
			name = official + "/" + name
		}
		return name, func(c *store.Candidate) {
			if r.Official {
				of(c, store.ClassOfficial) // of others it does not tell
			}
			c.Description, c.Stars, c.Pulls = text(r.Description, maxDescription), told(r.Stars), told(r.Pulls)
		}
	})
	return p, reply.Count, nil
}

// Parts of hubAll.
const (
	hubOfficial = iota
	hubVerified
	hubEnumerated
)

// hubAll lists as much of Docker Hub as can be: official images, those of verified publishers, and what is
// found by searching for all beginnings of names, longer ones where there are too many. Of is the beginning.
type hubAll struct{ hub }

func (l hubAll) leave(at place) (place, bool) {
	switch at.Part {
	case hubOfficial:
		return place{Part: hubVerified}, true
	case hubVerified:
		return place{Part: hubEnumerated, Of: letters[:1] + letters[:1]}, true
	}
	next := after(at.Of)
	return place{Part: hubEnumerated, Of: next}, next != ""
}

func (l hubAll) list(ctx context.Context, at place) (p page, err error) {
	switch at.Part {
	case hubOfficial:
		p, err = hubNamespace{l.hub, official}.list(ctx, at)
	case hubVerified:
		p, err = l.verified(ctx, number(at.At))
	case hubEnumerated:
		return l.enumerate(ctx, at)
	default:
		return page{}, fmt.Errorf("the cursor is of no part: %w", detonaut.ErrUsage)
	}
	p.next.Part = at.Part
	if p.end {
		p.next, _ = l.leave(at)
	}
	p.end = false
	return p, err
}

// enumerate lists what a search for the beginning of names finds.
func (l hubAll) enumerate(ctx context.Context, at place) (page, error) {
	p, all, err := l.search(ctx, at.Of, number(at.At))
	if err != nil {
		return p, err
	}
	p.next.Part, p.next.Of = at.Part, at.Of
	if !p.end {
		return p, nil
	}
	var more bool
	p.next, more = l.leave(at)
	p.end = !more
	switch {
	case all <= hubDepth:
	case len(at.Of) < hubPrefix:
		p.next, p.end = place{Part: at.Part, Of: at.Of + letters[:1]}, false
	default:
		p.cut = fmt.Sprintf("Docker Hub tells of no more than %d of the %d that it has found for %q", hubDepth, all, at.Of)
	}
	return p, nil
}

// after is the beginning of names, of two letters at least, that follows one and all that begin with it; empty
// at the end.
func after(s string) string {
	for len(s) > 0 {
		i := strings.IndexByte(letters, s[len(s)-1])
		s = s[:len(s)-1]
		if i >= 0 && i+1 < len(letters) {
			s += letters[i+1 : i+2]
			if len(s) < 2 {
				s += letters[:1]
			}
			return s
		}
	}
	return ""
}

// hubProduct is one of the catalogue of Docker Hub's pages.
type hubProduct struct {
	ID          string `json:"id"`
	Description string `json:"short_description"`
	Badge       string `json:"badge"`
	Stars       *int64 `json:"star_count"`
	Updated     moment `json:"updated_at"`
	Plans       []struct {
		Repositories []struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
			Pulls     pulls  `json:"pull_count"`
		} `json:"repositories"`
	} `json:"rate_plans"`
	Pulls pulls `json:"pull_count"`
}

// verified lists the images of verified publishers, as the pages of Docker Hub do.
func (l hubAll) verified(ctx context.Context, n int) (page, error) {
	var reply struct {
		Total   int64        `json:"total"`
		Results []hubProduct `json:"results"`
	}
	from := (n - 1) * l.size
	_, err := l.ask.get(ctx, l.base+"/api/search/v3/catalog/search", url.Values{
		"query": {""}, "type": {"image"}, "badges": {"verified_publisher"},
		"from": {strconv.Itoa(from)}, "size": {strconv.Itoa(l.size)},
	}, &reply)
	if err != nil {
		return page{}, err
	}
	p := page{end: len(reply.Results) == 0 || int64(from+l.size) >= min(reply.Total, hubDepth), next: place{At: strconv.Itoa(n + 1)}}
	collect(&p, docker, reply.Results, func(r hubProduct) (string, func(*store.Candidate)) {
		name, pulls := r.ID, int64(r.Pulls)
		for _, plan := range r.Plans {
			for _, in := range plan.Repositories {
				if in.Namespace != "" && in.Name != "" {
					name, pulls = in.Namespace+"/"+in.Name, max(pulls, int64(in.Pulls))
				}
			}
		}
		if r.Badge != "verified_publisher" {
			return name, nil // whatever was asked for
		}
		return name, func(c *store.Candidate) {
			of(c, store.ClassVerified)
			c.Description, c.Updated, c.Stars, c.Pulls = text(r.Description, maxDescription), r.Updated.Time, told(r.Stars), max(pulls, 0)
			if pulls == 0 {
				c.Pulls = -1
			}
		}
	})
	return p, nil
}

// pulls is a number, or one rounded down as people are shown it: "5M+".
type pulls int64

// UnmarshalJSON implements [json.Unmarshaler]. What makes no sense is 0, which is taken for not known.
func (p *pulls) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		s = string(raw)
	}
	s = strings.TrimSuffix(strings.TrimSpace(s), "+")
	unit := 1.0
	for suffix, n := range map[string]float64{"K": 1e3, "M": 1e6, "B": 1e9} {
		if rest, ok := strings.CutSuffix(strings.ToUpper(s), suffix); ok {
			s, unit = rest, n
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if f *= unit; err == nil && f > 0 && f < 1e15 {
		*p = pulls(f)
	}
	return nil
}
