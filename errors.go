package detonaut

import (
	"errors"
	"fmt"
	"time"
)

// Sentinels for what callers decide on. cmd/detonaut turns them into exit
// codes and hints in one switch.
var (
	// ErrUsage: the command line or the configuration makes no sense.
	ErrUsage = errors.New("usage")
	// ErrNotFound: there is no such image, file or rule.
	ErrNotFound = errors.New("not found")
	// ErrUnauthorized: the registry wants other credentials.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrPlatform: the image exists, but not for the wanted platform, or not
	// for one that this machine can run.
	ErrPlatform = errors.New("no image for this platform")
	// ErrUnsupported: a media type or format that Detonaut does not read.
	ErrUnsupported = errors.New("unsupported")
	// ErrCorrupt: bytes that do not match their digest, or are no valid
	// manifest, layer, tape or rule.
	ErrCorrupt = errors.New("corrupt")
	// ErrLimit: a cap on size, count or ratio was reached.
	ErrLimit = errors.New("limit exceeded")
	// ErrSandbox: this machine cannot run the sandbox, or the sandbox broke.
	ErrSandbox = errors.New("sandbox unavailable")
	// ErrRun: the image's own config cannot be run: no entrypoint, no such
	// binary, no such user. That is a fact about the subject, not a failure of
	// ours: it makes a report, not an error.
	ErrRun = errors.New("image cannot be run")
)

// Busy is when a server has no time for us now: it said so, or others of us have asked it as
// much as it may be asked. That is no failure; the same may be tried again after Wait.
type Busy struct {
	Host string
	Wait time.Duration
	// Why is what the server said, cleaned; empty if it said nothing.
	Why string
}

func (b *Busy) Error() string {
	s := fmt.Sprintf("%s has no time before %s have passed", b.Host, b.Wait.Round(time.Second))
	if b.Why != "" {
		s += ": " + b.Why
	}
	return s
}
