package web

import (
	"context"
	"net/http"
	"net/netip"
	"regexp"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

var (
	hashForm      = regexp.MustCompile(`^[0-9a-f]{64}$`)
	techniqueForm = regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)
	domainForm    = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}$`)
	nameForm      = regexp.MustCompile(`^[a-z0-9]([a-z0-9._:/@-]*[a-z0-9])?(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$`)
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
	facts := meanings(text, digest)
	if len(facts) > 0 {
		counts, err := s.Store.Prevalence(ctx, facts)
		if err != nil {
			return "", err
		}
		for i, f := range facts {
			if counts[i] > 0 {
				return page.FactPath(f.Kind, f.Value), nil
			}
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

// meanings are the facts that a word may name, by its form alone.
func meanings(text, digest string) (facts []store.Fact) {
	add := func(k store.Kind, value string) { facts = append(facts, store.Fact{Kind: k, Value: value}) }
	if digestForm.MatchString(digest) {
		add(store.Layer, digest)
	}
	if hash := strings.ToLower(strings.TrimPrefix(text, "sha256:")); hashForm.MatchString(hash) {
		add(store.SHA256, hash)
		add(store.Certificate, hash)
	}
	if a, err := netip.ParseAddr(text); err == nil {
		add(store.IP, a.Unmap().String())
	}
	if upper := strings.ToUpper(text); cveForm.MatchString(upper) {
		add(store.CVE, upper)
	} else if techniqueForm.MatchString(upper) {
		add(store.Technique, upper)
	}
	if domain := strings.ToLower(strings.TrimSuffix(text, ".")); len(domain) <= 253 && domainForm.MatchString(domain) {
		add(store.Domain, domain)
	}
	if strings.HasPrefix(text, "pkg:") && !strings.ContainsAny(text, " \t") && len(text) <= maxQuery {
		add(store.Package, text)
	}
	if walletForm.MatchString(text) {
		add(store.Wallet, text)
	}
	return facts
}

// walletForm is the form of an account of a coin: letters and digits, and many of them.
var walletForm = regexp.MustCompile(`^(0x)?[0-9A-Za-z]{26,110}$`)
