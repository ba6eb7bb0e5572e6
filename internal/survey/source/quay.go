package source

import (
	"context"
	"net/url"

	"github.com/detonaut/detonaut/internal/store"
)

// quay lists a namespace of a Quay. At is what it says of where the next page is.
type quay struct {
	ask       asker
	base      string
	host      string
	namespace string
}

// quayRepository is one of a namespace.
type quayRepository struct {
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Public      bool   `json:"is_public"`
	Kind        string `json:"kind"`
	Updated     moment `json:"last_modified"`
}

func (l *quay) leave(place) (place, bool) { return place{}, false }

func (l *quay) list(ctx context.Context, at place) (page, error) {
	q := url.Values{"namespace": {l.namespace}, "public": {"true"}, "last_modified": {"true"}}
	if at.At != "" {
		q.Set("next_page", at.At)
	}
	var reply struct {
		Repositories []quayRepository `json:"repositories"`
		Next         string           `json:"next_page"`
	}
	if _, err := l.ask.get(ctx, l.base+"/api/v1/repository", q, &reply); err != nil {
		return page{}, err
	}
	p := page{next: place{At: reply.Next}, end: reply.Next == ""}
	collect(&p, l.host, reply.Repositories, func(r quayRepository) (string, func(*store.Candidate)) {
		name := r.Namespace + "/" + r.Name
		if !r.Public || r.Namespace != l.namespace || r.Kind != "" && r.Kind != "image" {
			return name, nil
		}
		return name, func(c *store.Candidate) {
			c.Description, c.Updated = text(r.Description, maxDescription), r.Updated.Time
		}
	})
	return p, nil
}
