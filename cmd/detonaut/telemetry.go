package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/telemetry"
)

// telemetryFlags are the flags of commands that serve and work.
var telemetryFlags = []string{"metrics", "log-format"}

// traceTime is how long the last traces may take to be sent.
const traceTime = 5 * time.Second

// telemetry has those who operate a process see how it is doing, for as long as it runs: ctx ends
// when the process is told to, from then on it is not ready. It is nil if nobody asked for metrics
// or traces. The caller calls done last. Room may be nil.
func (a *app) telemetry(ctx context.Context, cfg *config.Loaded, r *remembered, room func() telemetry.Room, log *slog.Logger) (t *telemetry.Telemetry, done func() error, err error) {
	o := telemetry.Options{Version: version.String(), Queue: r.store.Queue, Room: room, Env: a.env, Log: log}
	if cfg.Telemetry.Listen == "" && !telemetry.Traces(a.env) {
		return nil, func() error { return nil }, nil
	}
	if t, err = telemetry.New(ctx, o); err != nil {
		return nil, nil, err
	}
	end := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), traceTime)
		defer cancel()
		return t.Close(ctx)
	}
	if cfg.Telemetry.Listen == "" {
		return t, end, nil
	}
	at, stop, err := t.Listen(ctx, cfg.Telemetry.Listen, telemetry.Health{Ready: r.checks(), Draining: ctx.Done()})
	if err != nil {
		return nil, nil, errors.Join(err, end())
	}
	fmt.Fprintf(a.stdout, "metrics at http://%s/metrics\n", at)
	return t, func() error { return errors.Join(stop(), end()) }, nil
}

// checks are whether what is remembered can be reached.
func (r *remembered) checks() []telemetry.Check {
	return []telemetry.Check{
		{Name: "database", Ask: func(ctx context.Context) error {
			if _, err := r.store.Submission(ctx, "none"); !errors.Is(err, store.ErrNotFound) {
				return err
			}
			return nil
		}},
		{Name: "blobs", Ask: func(ctx context.Context) error {
			_, err := r.blobs.Has(ctx, strings.Repeat("0", 64)) // there is none
			return err
		}},
	}
}

// serverLog is where servers and workers log to: what went wrong, to stderr.
func (a *app) serverLog(c config.Telemetry) *slog.Logger {
	o := &slog.HandlerOptions{Level: a.logLevel()}
	if c.LogFormat == config.LogJSON || c.LogFormat == "" && !isTerminal(a.stderr) {
		return slog.New(slog.NewJSONHandler(a.stderr, o))
	}
	return slog.New(slog.NewTextHandler(a.stderr, o))
}

func (a *app) logLevel() slog.Level {
	switch {
	case a.debug:
		return slog.LevelDebug
	case a.quiet:
		return slog.LevelError
	}
	return slog.LevelWarn
}
