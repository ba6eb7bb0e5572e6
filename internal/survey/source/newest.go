package source

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// Tag is one of a repository, as its source tells it.
type Tag struct {
	Name   string
	Pushed time.Time       // zero if it is not told
	Digest detonaut.Digest // of a manifest or an index; empty if it is not told
}

// maxNewest is how many tags are asked for at once: one page tells of the newest.
const maxNewest = 100

// Newest makes a function that returns the newest tags of a repository, at most n of 100, the newest first:
// of Docker Hub, of Quay, and of those Harbors that are among the sources with these specs, as they
// alone know when tags were pushed. Of others its error is [errors.ErrUnsupported]; else errors
// are those of [Source]. It may be called from any goroutine.
func Newest(specs []string, o Options) func(ctx context.Context, registry, repository string, n int) ([]Tag, error) {
	o = o.withDefaults()
	known := map[string]teller{
		docker:    {ask: asker{o.HTTP, o.timeout, bearer(o.DockerHubToken)}, base: o.DockerHub, tags: hubTags},
		"quay.io": {ask: asker{o.HTTP, o.timeout, bearer(o.QuayToken)}, base: o.Quay, tags: quayTags},
	}
	for _, spec := range specs {
		kind, rest, _ := strings.Cut(spec, ":")
		host, _, deep := strings.Cut(rest, "/")
		switch {
		case kind == "harbor":
			known[host] = teller{ask: asker{o.HTTP, o.timeout, basic(o.HarborLogin)}, base: base(host, o.Image), tags: harborTags}
		case kind == "quay" && deep:
			known[host] = teller{ask: asker{o.HTTP, o.timeout, bearer(o.QuayToken)}, base: base(host, o.Image), tags: quayTags}
		}
	}
	return func(ctx context.Context, registry, repository string, n int) ([]Tag, error) {
		t, ok := known[registry]
		namespace, name, two := strings.Cut(repository, "/")
		if !ok || !two {
			return nil, errors.ErrUnsupported
		}
		tags, err := t.tags(ctx, t, namespace, name)
		if err != nil {
			return nil, err
		}
		return newest(tags, n), nil
	}
}

// newest are the last pushed of some tags, without what is none.
func newest(tags []Tag, n int) []Tag {
	seen := map[string]bool{}
	tags = slices.DeleteFunc(tags, func(t Tag) bool {
		bad := !tagRE.MatchString(t.Name) || seen[t.Name]
		seen[t.Name] = true
		return bad
	})
	for i := range tags {
		if !digestRE.MatchString(string(tags[i].Digest)) {
			tags[i].Digest = ""
		}
	}
	slices.SortStableFunc(tags, func(a, b Tag) int { return b.Pushed.Compare(a.Pushed) })
	return tags[:min(max(n, 0), len(tags), maxNewest)]
}

// teller asks an API for tags.
type teller struct {
	ask  asker
	base string
	tags func(ctx context.Context, t teller, namespace, name string) ([]Tag, error)
}

func hubTags(ctx context.Context, t teller, namespace, name string) (tags []Tag, err error) {
	var reply struct {
		Results []struct {
			Name    string          `json:"name"`
			Pushed  moment          `json:"tag_last_pushed"`
			Updated moment          `json:"last_updated"`
			Digest  detonaut.Digest `json:"digest"`
		} `json:"results"`
	}
	where := t.base + "/v2/namespaces/" + url.PathEscape(namespace) + "/repositories/" + url.PathEscape(name) + "/tags"
	_, err = t.ask.get(ctx, where, url.Values{"page_size": {strconv.Itoa(maxNewest)}, "ordering": {"last_updated"}}, &reply)
	for _, r := range reply.Results {
		if r.Pushed.IsZero() {
			r.Pushed = r.Updated
		}
		tags = append(tags, Tag{Name: r.Name, Pushed: r.Pushed.Time, Digest: r.Digest})
	}
	return tags, err
}

func quayTags(ctx context.Context, t teller, namespace, name string) (tags []Tag, err error) {
	var reply struct {
		Tags []struct {
			Name    string          `json:"name"`
			Pushed  moment          `json:"start_ts"`
			Updated moment          `json:"last_modified"`
			Digest  detonaut.Digest `json:"manifest_digest"`
		} `json:"tags"`
	}
	where := t.base + "/api/v1/repository/" + url.PathEscape(namespace) + "/" + url.PathEscape(name) + "/tag/"
	_, err = t.ask.get(ctx, where, url.Values{"limit": {strconv.Itoa(maxNewest)}, "onlyActiveTags": {"true"}}, &reply)
	for _, r := range reply.Tags {
		if r.Pushed.IsZero() {
			r.Pushed = r.Updated
		}
		tags = append(tags, Tag{Name: r.Name, Pushed: r.Pushed.Time, Digest: r.Digest})
	}
	return tags, err
}

func harborTags(ctx context.Context, t teller, project, name string) (tags []Tag, err error) {
	var reply []struct {
		Digest detonaut.Digest `json:"digest"`
		Tags   []struct {
			Name   string `json:"name"`
			Pushed moment `json:"push_time"`
		} `json:"tags"`
	}
	// A name with a slash is to be escaped twice, says Harbor.
	where := t.base + "/api/v2.0/projects/" + url.PathEscape(project) + "/repositories/" + url.PathEscape(url.PathEscape(name)) + "/artifacts"
	_, err = t.ask.get(ctx, where, url.Values{"page_size": {strconv.Itoa(maxNewest)}, "with_tag": {"true"}, "sort": {"-push_time"}}, &reply)
	for _, r := range reply {
		for _, tag := range r.Tags {
			tags = append(tags, Tag{Name: tag.Name, Pushed: tag.Pushed.Time, Digest: r.Digest})
		}
	}
	return tags, err
}
