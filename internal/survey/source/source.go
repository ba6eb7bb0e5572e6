// Package source lists the repositories of a survey: those of Docker Hub, of a registry, of
// Harbor, Quay and GitHub, or of a file. All it is told is hostile: strings are bounded
// and cleaned, and so is how long a list may go on.
package source

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/store"
)

// Source lists repositories.
type Source interface {
	// List returns a page of them, and the cursor of the next; cursor is empty at first. A cursor is
	// a string of at most [MaxCursor] bytes that means the same after a restart, and on another
	// machine. With end there is no next page.
	//
	// With an error that is [*Cut] what was found counts: something was left out, and the listing goes on
	// or ends as it says. That of a server that is to be left alone for a while is [*detonaut.Busy]. With
	// any other the page is to be asked for again.
	List(ctx context.Context, cursor string) (found []store.Candidate, next string, end bool, err error)
}

// MaxCursor bounds a cursor, in bytes.
const MaxCursor = 4096

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
	// Image says how registries are spoken to: their transport, logins, which have no TLS.
	Image image.Options
	// Stdin is read by "-".
	Stdin io.Reader
	// DockerHub, Quay and GitHub are the base URLs of their APIs; empty is the public ones.
	DockerHub, Quay, GitHub string
	// DockerHubToken, QuayToken and GitHubToken are shown to these; empty is anonymous.
	DockerHubToken, QuayToken, GitHubToken string
	// HarborLogin is "user:password"; empty is anonymous.
	HarborLogin string
	// PageSize is how many repositories are asked for at once; zero is 100.
	PageSize int
	// Log is told what was left out of lists; nil is nobody.
	Log *slog.Logger
}

// Tag is one of a repository, as its source tells it.
type Tag struct {
	Name   string
	Pushed time.Time
	Digest detonaut.Digest // of a manifest or an index; empty if it is not told
}

// Open makes the source that spec names: see docs/sources.md. The error of a spec that makes
// no sense is [detonaut.ErrUsage].
func Open(spec string, o Options) (Source, error) { return nil, detonaut.ErrUnsupported }

// Newest returns the newest tags of a repository, at most n, the newest first, from a source that
// knows when tags were pushed. The error is [errors.ErrUnsupported] if this registry does not tell.
func Newest(ctx context.Context, registry, repository string, n int, o Options) ([]Tag, error) {
	return nil, detonaut.ErrUnsupported
}
