// Package push reads what registries send when somebody has pushed to them.
package push

import (
	"time"

	"github.com/detonaut/detonaut"
)

// MaxBody bounds a body, in bytes; MaxEvents how many pushes of one are told.
const (
	MaxBody   = 1 << 20
	MaxEvents = 1000
)

// Kinds are those of senders, sorted.
var Kinds = []string{"distribution", "dockerhub", "harbor", "quay"}

// Pushed is an image that was pushed. Its strings are the sender's, bounded and checked.
type Pushed struct {
	Registry   string // "docker.io"
	Repository string // "library/nginx"
	Tag        string // empty if there is a digest alone
	Digest     detonaut.Digest
	At         time.Time // zero if it is not told
}

// Parse reads a body of a kind of sender. What is no push of an image is nothing. The error is
// [detonaut.ErrUsage] for a kind that there is not, [detonaut.ErrCorrupt], or [detonaut.ErrLimit].
func Parse(kind string, body []byte) ([]Pushed, error) { return nil, detonaut.ErrUnsupported }
