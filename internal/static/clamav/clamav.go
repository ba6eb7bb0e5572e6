// Package clamav gives files to clamd, the daemon of ClamAV, if one is running. It sends
// their content through a socket, with a small client of its own; the daemon need not be
// on this machine, and reads no file of it.
package clamav

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static"
)

// version changes whenever equal files and databases may yield other findings than before.
const version = "1"

// Options say where clamd is.
type Options struct {
	// Network is unix or tcp, Address a path, or a host and a port.
	Network, Address string
	// Connections is how many files it is given at once; 0 is 8. It has 10 threads, unless
	// it is configured otherwise.
	Connections int
	// Now is the clock; nil is [time.Now].
	Now func() time.Time
}

const (
	defaultConnections = 8
	// maxRefusals is after how many connections in a row that could not be made no more
	// are tried: each may take seconds.
	maxRefusals = 8
	// maxAge is how old a database may be without a warning: a new one comes out every day.
	maxAge = 7 * 24 * time.Hour
)

// remedy is what to do when clamd cannot be reached.
const remedy = "start clamd, or say with clamav.address where it is"

// Analyzer gives files to clamd. It is used by several goroutines at once.
type Analyzer struct {
	client   client
	slots    chan struct{}
	refusals atomic.Int64 // in a row
	daemon   daemon
	unknown  string // stands in for the version of a database that has none
	now      func() time.Time
}

var _ static.Analyzer = (*Analyzer)(nil)

// Open asks clamd for its version.
func Open(ctx context.Context, o Options) (*Analyzer, error) {
	if o.Connections == 0 {
		o.Connections = defaultConnections
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Analyzer{client: client{o.Network, o.Address}, slots: make(chan struct{}, o.Connections), now: o.Now}
	if pong, err := a.client.ask(ctx, "PING"); err != nil || pong != "PONG" {
		if err == nil {
			err = fmt.Errorf("%w: %.40q", errReply, pong)
		}
		return nil, fmt.Errorf("reach clamd at %s:%s: %w: %s", o.Network, o.Address, err, remedy)
	}
	text, err := a.client.ask(ctx, "VERSION")
	if err != nil {
		return nil, fmt.Errorf("ask clamd for its version: %w: %s", err, remedy)
	}
	if a.daemon, err = parseVersion(text); err != nil {
		return nil, fmt.Errorf("ask clamd for its version: %w: %s", err, remedy)
	}
	if a.daemon.database == "" {
		var b [6]byte
		_, _ = rand.Read(b[:]) // it never fails
		a.unknown = "unknown-" + hex.EncodeToString(b[:])
	}
	return a, nil
}

// Name of the analyzer.
func (*Analyzer) Name() string { return "clamav" }

// Version of the analyzer, of clamd, and of its database. A database of the user's own
// has no version: then it is another each time, so that nothing old is believed.
func (a *Analyzer) Version() string {
	return version + "+" + a.daemon.engine + "+" + a.daemon.database + a.unknown
}

// Describe says what clamd it is.
func (a *Analyzer) Describe() string {
	switch d := a.daemon; {
	case d.database == "":
		return "ClamAV " + d.engine + ", a database without a version"
	case d.built.IsZero():
		return "ClamAV " + d.engine + ", database " + d.database
	default:
		return fmt.Sprintf("ClamAV %s, database %s of %s", d.engine, d.database, d.built.Format(time.DateOnly))
	}
}

// Warning says that the database is old, and what to do; empty if it is not.
func (a *Analyzer) Warning() string {
	built := a.daemon.built
	if built.IsZero() || a.now().Sub(built) <= maxAge {
		return ""
	}
	return fmt.Sprintf("the database of ClamAV is of %s: run freshclam", built.Format(time.DateOnly))
}

// Wants everything that has something in it.
func (*Analyzer) Wants(f static.File) bool { return f.Size > 0 }

// errGone says that clamd is not tried any more.
var errGone = errors.New("clamd cannot be reached any more: " + remedy)

// Analyze reads f.
func (a *Analyzer) Analyze(ctx context.Context, f static.File) (_ []detonaut.Finding, err error) {
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if a.refusals.Load() >= maxRefusals {
		return nil, errGone
	}
	reply, err := a.client.stream(ctx, in, f.Size)
	switch {
	case errors.Is(err, errDial) && ctx.Err() == nil:
		a.refusals.Add(1)
	case err == nil:
		a.refusals.Store(0)
	}
	if err != nil {
		return nil, err
	}
	signature, err := parseReply(reply)
	if err != nil || signature == "" {
		return nil, err
	}
	found, err := judge(signature)
	if err != nil {
		return nil, err
	}
	return []detonaut.Finding{found}, nil
}

// daemon is what clamd says of itself.
type daemon struct {
	// engine is its version, database that of its signatures; empty if these have none.
	engine, database string
	built            time.Time
}

// parseVersion reads "ClamAV 1.4.6/27800/Mon Nov 30 08:21:00 2026", of which the last two
// parts may be absent. The time is that of where clamd is; a day more or less does not
// matter.
func parseVersion(text string) (d daemon, err error) {
	parts := strings.Split(text, "/")
	engine, ok := strings.CutPrefix(parts[0], "ClamAV ")
	if !ok || !isWord(engine) || len(parts) > 3 {
		return d, fmt.Errorf("%w: %.60q", errReply, text)
	}
	d.engine = engine
	if len(parts) > 1 {
		if d.database = parts[1]; !isWord(d.database) {
			return d, fmt.Errorf("%w: %.60q", errReply, text)
		}
	}
	if len(parts) > 2 {
		d.built, _ = time.Parse(time.ANSIC, strings.TrimSpace(parts[2])) // else it is not known
	}
	return d, nil
}

// isWord tells whether text is short and can be seen.
func isWord(text string) bool {
	if text == "" || len(text) > maxSignature {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
