package worker

import (
	"errors"
	"net"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/reach"
	"github.com/detonaut/detonaut/internal/store"
)

// A kind of failure is what those are told of it who see it on a page: which machines and
// paths had to do with it is for the log.
type kind struct {
	is    error
	says  string
	final bool // another attempt would end in the same way
}

// nowhere is said of names that there are not, and of addresses that may not be reached: the
// difference would tell a stranger which names there are in the operator's network.
const nowhere = "its registry, or a server that it refers to, has no address that this server connects to"

// kinds of failures, in the order in which they are looked for.
var kinds = []kind{
	{reach.ErrRefused, nowhere, true},
	{detonaut.ErrUsage, "what was asked for makes no sense", true},
	{detonaut.ErrUnauthorized, "its registry refuses access: it wants credentials, or there is no such image", true},
	{detonaut.ErrNotFound, "its registry has no such image", true},
	{detonaut.ErrPlatform, "there is no image for this platform", true},
	{detonaut.ErrUnsupported, "it is of a kind that is not read here", true},
	{detonaut.ErrLimit, "it is larger than what is taken here", true},
	{detonaut.ErrCorrupt, "what its registry sent is not what it claims to be", true},
	{detonaut.ErrSandbox, "the sandbox broke", false},
	{store.ErrInvalid, "its report cannot be kept", true},
	{errTooLong, "it took too long", true},
	{errPanic, "the analysis broke", true},
}

func kindOf(err error) kind {
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return k
		}
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return kind{dns, nowhere, true}
	}
	return kind{err, "its registry, or something here, did not work", false}
}

// isFinal tells whether another attempt would end in the same way.
func isFinal(err error) bool { return kindOf(err).final }
