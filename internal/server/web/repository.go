package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

// numLines is how many lines a page of a list has.
const numLines = 50

// maxTags is how many tags a repository's page shows.
const maxTags = 200

// repositoryView is the page of a repository.
type repositoryView struct {
	Repository *store.Repository
	Tag        string
	Tags       []page.Link
	MoreTags   int
	Found      []store.Summary
	Next       string
}

// listTwin is a list of images, for programs.
type listTwin struct {
	Repository *store.Repository `json:"repository,omitempty"`
	Fact       *store.Fact       `json:"fact,omitempty"`
	Total      int               `json:"total,omitempty"`
	Images     []store.Summary   `json:"images"`
	// Next is the path of the next part; empty at the end.
	Next string `json:"next,omitempty"`
}

// pageOf is the part of a list that is asked for.
func pageOf(r *http.Request) (store.Page, error) {
	p := store.Page{Cursor: r.URL.Query().Get("cursor"), Limit: numLines}
	if len(p.Cursor) > maxQuery {
		return p, refused(http.StatusBadRequest, "This is no cursor.")
	}
	return p, nil
}

// nextPath is where a list goes on: for people, and for programs. Both are empty at the end.
func nextPath(r *http.Request, next string) (people, programs string) {
	if next == "" {
		return "", ""
	}
	u := *r.URL
	q := u.Query()
	q.Set("cursor", next)
	u.RawQuery = q.Encode()
	return u.EscapedPath() + "?" + u.RawQuery, twinPath(&u)
}

// repository is the page of a repository: what was found under its tags.
func (s *site) repository(r *http.Request) (*document, error) {
	registry, name, tag := r.PathValue("registry"), r.PathValue("name"), r.URL.Query().Get("tag")
	at, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	repo, err := s.Store.Repository(r.Context(), registry, name)
	if err != nil {
		return nil, err
	}
	found, next, err := s.Store.History(r.Context(), registry, name, tag, at)
	if err != nil {
		return nil, err
	}
	people, programs := nextPath(r, next)
	view := repositoryView{Repository: repo, Tag: tag, Found: found, Next: people, MoreTags: max(0, len(repo.Tags)-maxTags)}
	path := page.RepositoryPath(store.Name{Registry: registry, Repository: name})
	for _, t := range repo.Tags[:min(len(repo.Tags), maxTags)] {
		view.Tags = append(view.Tags, page.Link{Text: t, Href: with(path, url.Values{"tag": {t}}), Current: t == tag})
	}
	title := page.ImageName(store.Summary{Name: store.Name{Registry: registry, Repository: name, Tag: tag}})
	return &document{
		name: "repository", title: title, about: "What Detonaut found in " + title + ", tag by tag.", data: view,
		twin: listTwin{Repository: repo, Images: listed(found), Next: programs}, noIndex: tag != "" || at.Cursor != "",
	}, nil
}

// listed is a list that is never nil.
func listed(found []store.Summary) []store.Summary {
	if found == nil {
		return []store.Summary{}
	}
	return found
}

// redirect leads to another path of the same page.
func redirect(w http.ResponseWriter, r *http.Request, to string) error {
	if before, _, twinless := strings.Cut(to, "?"); isTwin(r) && !twinless {
		to = before + twinSuffix
	}
	if r.URL.RawQuery != "" {
		to = with(to, r.URL.Query())
	}
	http.Redirect(w, r, to, http.StatusMovedPermanently)
	return nil
}
