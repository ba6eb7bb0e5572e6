package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/reach"
)

// errLocal is a ref of what is on this machine, where it may not be.
var errLocal = fmt.Errorf("an image of this machine, and not of a registry: %w", detonaut.ErrUsage)

// Guest bounds the pull of an image that somebody else than the operator named. It is of
// a registry: there is nothing of this machine for guests. No proxy of the environment
// is used, because that would connect to what this machine may not.
type Guest struct {
	// Reach decides which addresses are connected to: the registry's, and those of all
	// servers that it refers or redirects to.
	Reach *reach.Policy
	// Logins are the registries ("host[:port]") to which the operator's credentials are
	// shown. Everywhere else a guest sees what anybody sees.
	Logins []string
}

// own and guests begin the names of what is cached for the operator, and for guests.
const own, guests = "own", "guests-"

// who names those for whom something is cached that was pulled for a guest, or for the operator
// if that is nil. What was read with the operator's credentials is for no guest: a guest may
// name any digest in a registry of his own. What any guest has pulled every other might pull,
// who has the same Reach and Logins.
func (g *Guest) who() string {
	if g == nil {
		return own
	}
	logins := slices.Sorted(slices.Values(g.Logins))
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %s", logins, g.Reach))
	return guests + hex.EncodeToString(sum[:8])
}

// Remote is an image in a registry, as that calls it. Its strings are those of whoever
// typed the ref.
type Remote struct {
	Registry   string // "docker.io"
	Repository string // "library/nginx"
	Tag        string // empty if there is a digest alone
	Digest     detonaut.Digest
}

// ParseRemote parses the ref of an image in a registry. That of another kind is
// [detonaut.ErrUsage], as one that makes no sense is.
func ParseRemote(ref detonaut.Ref) (Remote, error) {
	r, err := parseRef(ref)
	if err == nil && r.scheme != fromRegistry {
		err = errLocal
	}
	if err != nil {
		return Remote{}, err
	}
	return Remote{Registry: r.remote.Registry, Repository: r.remote.Repository, Tag: r.remote.Tag, Digest: detonaut.Digest(r.remote.Digest)}, nil
}

// String writes it out in full, as a ref.
func (r Remote) String() string {
	s := r.Registry + "/" + r.Repository
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + string(r.Digest)
	}
	return s
}
