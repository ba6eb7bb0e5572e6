package web

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/query"
)

var (
	hashForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
	nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9._:/@-]*[a-z0-9])?(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$`)
)

// defaultRegistry is where a name without a registry is, as Docker reads it.
const defaultRegistry = "docker.io"

// splitName takes a name as people write it apart: "nginx:1.27" is library/nginx of Docker Hub.
func splitName(text string) (n store.Name, ok bool) {
	text, digest, _ := strings.Cut(text, "@")
	if len(text) > maxRef || !nameForm.MatchString(text) || digest != "" && !digestForm.MatchString(digest) {
		return n, false
	}
	if at := strings.LastIndexByte(text, ':'); at > strings.LastIndexByte(text, '/') {
		text, n.Tag = text[:at], text[at+1:]
	}
	first, rest, slash := strings.Cut(text, "/")
	switch {
	case slash && (strings.ContainsAny(first, ".:") || first == "localhost"):
		n.Registry, n.Repository = first, rest
	case slash:
		n.Registry, n.Repository = defaultRegistry, text
	default:
		n.Registry, n.Repository = defaultRegistry, "library/"+text
	}
	if n.Registry == "index.docker.io" {
		n.Registry = defaultRegistry
	}
	return n, n.Repository != ""
}

// resolve finds the image that somebody names by its digest or its name: the newest one under
// that name.
func (s *site) resolve(ctx context.Context, text string) (detonaut.Digest, error) {
	text = strings.TrimSpace(text)
	if hashForm.MatchString(text) {
		text = "sha256:" + text
	}
	if _, after, ok := strings.Cut(text, "@"); ok && digestForm.MatchString(after) {
		text = after
	}
	if digestForm.MatchString(text) {
		return detonaut.Digest(text), nil
	}
	n, ok := splitName(text)
	if !ok {
		return "", refused(http.StatusBadRequest, "Name an image by its digest, or as name:tag.")
	}
	found, _, err := s.Store.History(ctx, n.Registry, n.Repository, n.Tag, store.Page{Limit: 1})
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", refused(http.StatusNotFound, "No image of this name was analysed.")
	}
	return found[0].Digest, nil
}

// direct is the page of the one thing that a query can mean; empty if there is none. It asks
// for no more than a few lines.
func (s *site) direct(ctx context.Context, text string) (string, error) {
	text = strings.TrimSpace(text)
	if _, digest, ok := strings.Cut(text, "@"); ok && digestForm.MatchString(digest) {
		text = digest
	}
	digest := text
	if hashForm.MatchString(text) {
		digest = "sha256:" + text
	}
	if digestForm.MatchString(digest) {
		analyses, err := s.Store.Analyses(ctx, detonaut.Digest(digest))
		if err != nil {
			return "", err
		}
		if len(analyses) > 0 {
			return page.ReportPath(detonaut.Digest(digest), ""), nil
		}
	}
	if f, ok := query.Direct(text); ok {
		counts, err := s.Store.Prevalence(ctx, []store.Fact{f})
		if err != nil {
			return "", err
		}
		if counts[0] > 0 {
			return page.FactPath(f.Kind, f.Value), nil
		}
	}
	return s.directName(ctx, text)
}

// directName is the page of a repository, or of the newest image under a tag.
func (s *site) directName(ctx context.Context, text string) (string, error) {
	n, ok := splitName(text)
	if !ok || n.Tag == "" && !strings.Contains(text, "/") {
		return "", nil // a single word is looked for
	}
	found, _, err := s.Store.History(ctx, n.Registry, n.Repository, n.Tag, store.Page{Limit: 1})
	switch {
	case err != nil || len(found) == 0:
		return "", err
	case n.Tag != "":
		return page.ReportPath(found[0].Digest, ""), nil
	}
	return page.RepositoryPath(n), nil
}
