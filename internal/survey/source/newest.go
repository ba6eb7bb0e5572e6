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
	// Images are what is under it, if that is told of all: then nobody needs to ask the registry.
	Images []TagImage
}

// TagImage is what is under a tag for a platform ("linux/arm64/v8"). Size is that of its layers as
// transferred, in bytes.
type TagImage struct {
	Digest   detonaut.Digest
	Platform string
	Size     int64
}

// maxImages bounds the images of one tag.
const maxImages = 100

// maxNewest is how many tags are asked for at once: one page tells of the newest.
const maxNewest = 100

// Newest makes a function that returns the newest tags of a repository, at most n of 100, the newest first, and
// whether these are all: of Docker Hub, of Quay, and of those Harbors that are among the sources with these specs,
// as they alone know when tags were pushed. Of others its error is [errors.ErrUnsupported]; else errors
// are those of [Source]. It may be called from any goroutine.
func Newest(specs []string, o Options) func(ctx context.Context, registry, repository string, n int) (tags []Tag, whole bool, err error) {
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
	return func(ctx context.Context, registry, repository string, n int) ([]Tag, bool, error) {
		t, ok := known[registry]
		namespace, name, two := strings.Cut(repository, "/")
		if !ok || !two {
			return nil, false, errors.ErrUnsupported
		}
		tags, entries, err := t.tags(ctx, t, namespace, name)
		if err != nil {
			return nil, false, err
		}
		tags = newest(tags)
		return tags[:min(max(n, 0), len(tags))], entries < maxNewest && len(tags) <= n, nil
	}
}

// newest are the last pushed of some tags, without what is none.
func newest(tags []Tag) []Tag {
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
	return tags[:min(len(tags), maxNewest)]
}

// teller asks an API for tags.
type teller struct {
	ask  asker
	base string
	// tags are those of one page, which has so many entries.
	tags func(ctx context.Context, t teller, namespace, name string) (tags []Tag, entries int, err error)
}

func hubTags(ctx context.Context, t teller, namespace, name string) (tags []Tag, entries int, err error) {
	var reply struct {
		Results []struct {
			Name    string          `json:"name"`
			Pushed  moment          `json:"tag_last_pushed"`
			Updated moment          `json:"last_updated"`
			Digest  detonaut.Digest `json:"digest"`
			Content string          `json:"content_type"`
			Images  []hubImage      `json:"images"`
		} `json:"results"`
	}
	where := t.base + "/v2/namespaces/" + url.PathEscape(namespace) + "/repositories/" + url.PathEscape(name) + "/tags"
	_, err = t.ask.get(ctx, where, url.Values{"page_size": {strconv.Itoa(maxNewest)}, "ordering": {"last_updated"}}, &reply)
	for _, r := range reply.Results {
		if r.Pushed.IsZero() {
			r.Pushed = r.Updated
		}
		tag := Tag{Name: r.Name, Pushed: r.Pushed.Time, Digest: r.Digest}
		if r.Content == "image" || r.Content == "" {
			tag.Images = hubImages(r.Images)
		}
		tags = append(tags, tag)
	}
	return tags, len(reply.Results), err
}

// hubImage is what Docker Hub says of what is under a tag.
type hubImage struct {
	System       string          `json:"os"`
	Architecture string          `json:"architecture"`
	Variant      string          `json:"variant"`
	Digest       detonaut.Digest `json:"digest"`
	Size         int64           `json:"size"`
}

// hubImages are the images under a tag; none if what is said of one makes no sense.
func hubImages(told []hubImage) (images []TagImage) {
	if len(told) > maxImages {
		return nil
	}
	for _, i := range told {
		if i.System == "unknown" && i.Architecture == "unknown" {
			continue // an attestation
		}
		platform := i.System + "/" + i.Architecture
		if i.Variant != "" {
			platform += "/" + i.Variant
		}
		if !platformRE.MatchString(platform) || !digestRE.MatchString(string(i.Digest)) || i.Size <= 0 {
			return nil
		}
		images = append(images, TagImage{Digest: i.Digest, Platform: platform, Size: i.Size})
	}
	return images
}

func quayTags(ctx context.Context, t teller, namespace, name string) (tags []Tag, entries int, err error) {
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
	return tags, len(reply.Tags), err
}

func harborTags(ctx context.Context, t teller, project, name string) (tags []Tag, entries int, err error) {
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
	return tags, len(reply), err
}
