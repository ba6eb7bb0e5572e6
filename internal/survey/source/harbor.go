package source

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/detonaut/detonaut/internal/store"
)

// harbor lists a project of a Harbor, or all that it shows us. Part is the number of the project, Of its
// name, once it is known, and At the number of the page of its repositories.
type harbor struct {
	ask     asker
	host    string
	base    string
	project string
	size    int
}

// harborRepository is one of a project, with its project's name before its own.
type harborRepository struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Pulls       *int64 `json:"pull_count"`
	Updated     moment `json:"update_time"`
}

// leave goes on with the next project, if projects can be listed.
func (l *harbor) leave(at place) (place, bool) {
	if l.project != "" || at.Of == "" {
		return place{}, false
	}
	return place{Part: at.Part + 1}, true
}

func (l *harbor) list(ctx context.Context, at place) (page, error) {
	if l.project != "" {
		at.Of = l.project
	}
	if at.Of == "" {
		name, err := l.projectAt(ctx, at.Part+1)
		return page{next: place{Part: at.Part, Of: name}, end: name == ""}, err
	}
	n := number(at.At)
	var reply []harborRepository
	h, err := l.ask.get(ctx, l.base+"/api/v2.0/projects/"+url.PathEscape(at.Of)+"/repositories", l.pages(n, l.size), &reply)
	if err != nil {
		return page{}, err
	}
	p := page{next: place{Part: at.Part, Of: at.Of, At: strconv.Itoa(n + 1)}}
	collect(&p, l.host, reply, func(r harborRepository) (string, func(*store.Candidate)) {
		return r.Name, func(c *store.Candidate) {
			c.Description, c.Updated, c.Pulls = text(r.Description, maxDescription), r.Updated.Time, told(r.Pulls)
		}
	})
	if isLast(h, n, l.size, len(reply)) {
		var more bool
		p.next, more = l.leave(at)
		p.end = !more
	}
	return p, nil
}

// projectAt is the name of a public project by its number; empty behind the last.
func (l *harbor) projectAt(ctx context.Context, n int) (string, error) {
	var reply []struct {
		Name string `json:"name"`
	}
	q := l.pages(n, 1)
	q.Set("public", "true")
	if _, err := l.ask.get(ctx, l.base+"/api/v2.0/projects", q, &reply); err != nil {
		return "", fmt.Errorf("list projects: %w", err)
	}
	if len(reply) == 0 || len(reply[0].Name) > maxName {
		return "", nil
	}
	return reply[0].Name, nil
}

// pages asks for a page in the order in which things were made, so that what is new is at the end.
func (l *harbor) pages(n, size int) url.Values {
	return url.Values{"page": {strconv.Itoa(n)}, "page_size": {strconv.Itoa(size)}, "sort": {"creation_time"}}
}

// isLast tells whether a page of so many is the last: by the number of all, if the server says it.
func isLast(h http.Header, n, size, got int) bool {
	if total, err := strconv.ParseInt(h.Get("X-Total-Count"), 10, 64); err == nil && got > 0 {
		return int64(n)*int64(size) >= total
	}
	return got < size
}
