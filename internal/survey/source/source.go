// Package source lists the repositories of a survey: those of Docker Hub, of a registry, of
// Harbor, Quay and GitHub, or of a file. All it is told is hostile: strings are bounded
// and cleaned, and so is how long a list may go on.
package source

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/store"
)

// Source lists repositories.
type Source interface {
	// List returns a page of them, and the cursor of the next; cursor is empty at first. A cursor is
	// a string of at most [MaxCursor] bytes that means the same after a restart, and on another
	// machine. With end there is no next page. Of one repository there may be more than one
	// candidate, the last of which is the newest.
	//
	// With an error that is [*Cut] what was found counts: something was left out, and the listing goes on
	// or ends as it says. That of a server that is to be left alone for a while is [*detonaut.Busy]. With
	// any other the page is to be asked for again; if it wraps [detonaut.ErrUsage], ErrNotFound or
	// ErrUnauthorized that will not help.
	List(ctx context.Context, cursor string) (found []store.Candidate, next string, end bool, err error)
}

// Cut is that a list is not whole: a bound was hit, or what the server said made no sense.
type Cut struct {
	// Why is in plain words; what is quoted in it is cleaned.
	Why string
}

func (c *Cut) Error() string { return "the list is not whole: " + c.Why }

// Options say how sources are reached.
type Options struct {
	// HTTP asks; nil is a client of its own. Its transport is to be polite.
	HTTP *http.Client
	// Image says how registries are spoken to: their transport, and which have no TLS.
	Image image.Options
	// Stdin is read by "-".
	Stdin io.Reader
	// DockerHub, Quay and GitHub are the base URLs of their APIs; empty is the public ones.
	DockerHub, Quay, GitHub string
	// DockerHubToken, QuayToken and GitHubToken are shown to these; empty is anonymous.
	DockerHubToken, QuayToken, GitHubToken string
	// HarborLogin is "user:password"; empty is anonymous.
	HarborLogin string
	// PageSize is how many repositories are asked for at once, 1 to 100; zero is 100.
	PageSize int
	// Log is told what was left out of lists; nil is nobody.
	Log *slog.Logger

	timeout time.Duration // 0 is that of askTimeout
}

func (o Options) withDefaults() Options {
	set := func(s *string, standard string) {
		if *s == "" {
			*s = standard
		}
		*s = strings.TrimSuffix(*s, "/")
	}
	set(&o.DockerHub, "https://hub.docker.com")
	set(&o.Quay, "https://quay.io")
	set(&o.GitHub, "https://api.github.com")
	if o.PageSize < 1 || o.PageSize > 100 {
		o.PageSize = 100
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{}
	}
	if o.timeout == 0 {
		o.timeout = askTimeout
	}
	return o
}

// Kinds are the beginnings of specs, as docs/sources.md tells of them.
var Kinds = []string{"dockerhub:", "registry:", "harbor:", "quay:", "ghcr:", "file:", "-"}

var (
	hostRE     = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:[0-9]{1,5})?$`)
	tagRE      = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	digestRE   = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	platformRE = regexp.MustCompile(`^[a-z0-9_.-]{1,32}/[a-z0-9_.-]{1,32}(/[a-z0-9_.-]{1,32})?$`)
	ownerRE    = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,253}[a-zA-Z0-9])?$`)
)

// Open makes the source that spec names: see docs/sources.md. The error of a spec that makes
// no sense is [detonaut.ErrUsage].
func Open(spec string, o Options) (Source, error) {
	o = o.withDefaults()
	kind, rest, _ := strings.Cut(spec, ":")
	switch {
	case spec == "-":
		if o.Stdin == nil {
			return nil, fmt.Errorf("source -: there is no standard input: %w", detonaut.ErrUsage)
		}
		return &stream{lines: newLines(o.Stdin), size: linesPage}, nil
	case kind == "file" && rest != "":
		return &paged{spec: spec, lister: &file{path: rest}, log: o.Log}, nil
	}
	l, err := open(kind, rest, o)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", text(spec, maxQuote), err)
	}
	return &paged{spec: spec, lister: l, log: o.Log}, nil
}

func open(kind, rest string, o Options) (lister, error) {
	want := func(ok bool, form string) error {
		if ok {
			return nil
		}
		return fmt.Errorf("want %s: %w", form, detonaut.ErrUsage)
	}
	ask := asker{client: o.HTTP, timeout: o.timeout}
	switch kind {
	case "dockerhub":
		return openDockerHub(rest, o, ask)
	case "registry":
		return &registry{host: rest, size: o.PageSize, image: o.Image}, want(hostRE.MatchString(rest), "registry:HOST")
	case "harbor":
		host, project, deep := strings.Cut(rest, "/")
		ask.header = basic(o.HarborLogin)
		return &harbor{ask: ask, host: host, base: base(host, o.Image), project: project, size: o.PageSize},
			want(hostRE.MatchString(host) && (!deep || ownerRE.MatchString(project)), "harbor:HOST or harbor:HOST/PROJECT")
	case "quay":
		host, namespace, deep := strings.Cut(rest, "/")
		q := &quay{ask: ask, host: host, namespace: namespace}
		if q.base = base(host, o.Image); !deep {
			q.host, q.namespace, q.base = "quay.io", rest, o.Quay
		}
		q.ask.header = bearer(o.QuayToken)
		return q, want(hostRE.MatchString(q.host) && ownerRE.MatchString(q.namespace), "quay:NAMESPACE or quay:HOST/NAMESPACE")
	case "ghcr":
		ask.header = bearer(o.GitHubToken)
		ask.header.Set("Accept", "application/vnd.github+json")
		if o.GitHubToken == "" && ownerRE.MatchString(rest) {
			return nil, fmt.Errorf("GitHub lists packages only for a token with the scope read:packages: %w", detonaut.ErrUnauthorized)
		}
		return &ghcr{ask: ask, base: o.GitHub, owner: rest, size: o.PageSize}, want(ownerRE.MatchString(rest), "ghcr:OWNER")
	}
	return nil, fmt.Errorf("want one that begins with %s: %w", strings.Join(Kinds, " "), detonaut.ErrUsage)
}
