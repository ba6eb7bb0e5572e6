package source

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// ghcr lists the container packages of an organisation, or of a person, of GitHub. Of is which of both
// it is, once that is known, At the number of the page.
type ghcr struct {
	ask   asker
	base  string
	owner string
	size  int
}

// ghcrPackage is a package.
type ghcrPackage struct {
	Name       string `json:"name"`
	Type       string `json:"package_type"`
	Visibility string `json:"visibility"`
	Updated    moment `json:"updated_at"`
}

func (l *ghcr) leave(place) (place, bool) { return place{}, false }

func (l *ghcr) list(ctx context.Context, at place) (page, error) {
	kinds := []string{at.Of}
	if at.Of == "" {
		kinds = []string{"orgs", "users"}
	}
	n := number(at.At)
	q := url.Values{"package_type": {"container"}, "visibility": {"public"}, "page": {strconv.Itoa(n)}, "per_page": {strconv.Itoa(l.size)}}
	var reply []ghcrPackage
	var err error
	for _, kind := range kinds {
		at.Of = kind
		if _, err = l.ask.get(ctx, l.base+"/"+url.PathEscape(kind)+"/"+url.PathEscape(l.owner)+"/packages", q, &reply); !errors.Is(err, detonaut.ErrNotFound) {
			break
		}
	}
	if err != nil {
		return page{}, err
	}
	p := page{next: place{Of: at.Of, At: strconv.Itoa(n + 1)}, end: len(reply) < l.size}
	collect(&p, "ghcr.io", reply, func(r ghcrPackage) (string, func(*store.Candidate)) {
		name := strings.ToLower(l.owner + "/" + r.Name)
		if r.Visibility != "" && r.Visibility != "public" || r.Type != "" && r.Type != "container" {
			return name, nil
		}
		return name, func(c *store.Candidate) { c.Updated = r.Updated.Time }
	})
	return p, nil
}
