package image

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	paging "github.com/regclient/regclient/scheme"
	"github.com/regclient/regclient/types/tag"

	"github.com/detonaut/detonaut"
)

const (
	// tagPage is how many tags are asked for at once; tagBudget bounds the requests for those of one
	// repository, tokens included.
	tagPage   = 1000
	tagBudget = 100
	// maxLast bounds what a registry says of where its next page begins, in bytes.
	maxLast = 1024
)

// Tags lists the tags of a repository ("registry/repository"), at most so many, in the order of the
// registry. They are not all if cut is not empty: it says why. What is no tag is left out.
// The errors are those of [Pull].
func Tags(ctx context.Context, repository string, most int, o Options) (tags []string, cut string, err error) {
	l := tagLister{most: most, seen: map[string]bool{}}
	err = ask(ctx, detonaut.Ref(repository), o, tagBudget, l.list)
	if errors.Is(err, detonaut.ErrLimit) && len(l.tags) > 0 {
		l.cut, err = "the registry's list does not end", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("list tags of %s: %w", cleanString(repository), err)
	}
	return l.tags, l.cut, nil
}

// tagLister is one Tags.
type tagLister struct {
	most int
	tags []string
	seen map[string]bool
	cut  string
}

func (l *tagLister) list(ctx context.Context, src *registry) error {
	for last := ""; ; {
		// More than are wanted, to see that there are more.
		opts := []paging.TagOpts{paging.WithTagLimit(min(tagPage, l.most-len(l.tags)+1))}
		if last != "" {
			opts = append(opts, paging.WithTagLast(last))
		}
		page, err := src.client.TagList(ctx, src.ref, opts...)
		fresh := 0
		if page != nil {
			fresh = l.add(page.Tags)
		}
		if err != nil {
			return src.failure(ctx, "tags", err)
		}
		next := nextTag(page)
		switch {
		case l.cut != "" || next == "":
			return nil
		case fresh == 0 || next == last:
			l.cut = "the registry's list repeats itself"
			return nil
		}
		last = next
	}
}

// add keeps the tags that are new, and returns how many.
func (l *tagLister) add(tags []string) (fresh int) {
	for _, t := range tags {
		if !tagRE.MatchString(t) || l.seen[t] {
			continue
		}
		if len(l.tags) >= l.most {
			l.cut = fmt.Sprintf("there are more than %d", l.most)
			return fresh
		}
		l.seen[t] = true
		l.tags = append(l.tags, t)
		fresh++
	}
	return fresh
}

// nextTag is where the next page of a list begins; empty if it has none.
func nextTag(page *tag.List) string {
	h, err := page.RawHeaders()
	if err != nil {
		return ""
	}
	if next, ok := nextLast(h.Values("Link")); ok && next != "" {
		return next
	} else if ok && len(page.Tags) > 0 {
		return page.Tags[len(page.Tags)-1] // a link of another kind
	}
	return ""
}

// nextLast finds what "last" is in the Link of a header that leads to the next page. It may be that
// there is a next page, and no such thing.
func nextLast(links []string) (last string, ok bool) {
	for _, line := range links {
		for link := range strings.SplitSeq(line, ",") {
			target, params, _ := strings.Cut(link, ";")
			target = strings.Trim(strings.TrimSpace(target), "<>")
			if !strings.Contains(strings.ReplaceAll(params, " ", ""), `rel="next"`) && !strings.Contains(params, "rel=next") {
				continue
			}
			u, err := url.Parse(target)
			if err != nil {
				continue
			}
			if last = u.Query().Get("last"); len(last) > maxLast {
				last = ""
			}
			return last, true
		}
	}
	return "", false
}

// Repositories lists those of a registry ("host[:port]") by its catalogue: about n after last. next
// is what last is for those that follow; it is empty at the end. What is no name of a repository is
// in it, too, at most so long as a name may be. The errors are those of [Pull].
func Repositories(ctx context.Context, host, last string, n int, o Options) (names []string, next string, err error) {
	const budget = 20 // one that is asked for, tokens, and some that are sent again
	err = ask(ctx, detonaut.Ref(host+"/catalogue"), o, budget, func(ctx context.Context, src *registry) error {
		if src.ref.Registry != host {
			return fmt.Errorf("it is no name of a registry: %w", detonaut.ErrUsage)
		}
		opts := []paging.RepoOpts{paging.WithRepoLimit(n)}
		if last != "" {
			opts = append(opts, paging.WithRepoLast(last))
		}
		page, err := src.client.RepoList(ctx, src.ref.Registry, opts...)
		if err != nil {
			return src.failure(ctx, "catalogue", err)
		}
		for _, name := range page.Repositories {
			if len(name) <= maxName {
				names = append(names, name)
			}
		}
		h, err := page.RawHeaders()
		if err != nil {
			return src.failure(ctx, "catalogue", err)
		}
		var ok bool
		if next, ok = nextLast(h.Values("Link")); ok && next == "" && len(names) > 0 {
			next = names[len(names)-1]
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("list repositories of %s: %w", cleanString(host), err)
	}
	return names, next, nil
}

// maxName bounds the name of a repository, in bytes, as registries do.
const maxName = 255
