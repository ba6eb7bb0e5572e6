package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey"
	"github.com/detonaut/detonaut/internal/survey/source"
	"github.com/detonaut/detonaut/internal/telemetry"
	"github.com/detonaut/detonaut/internal/worker"
	"github.com/detonaut/detonaut/internal/worker/room"
)

// crew does the jobs of a store. It is what serve, worker and survey run share.
type crew struct {
	worker *worker.Worker
	engine *survey.Engine
	room   *room.Room
}

// crewOptions are what differs between those who do jobs.
type crewOptions struct {
	// images is how many are analysed at once; 0 is as many as the machine bears.
	images int
	grace  time.Duration
	log    *slog.Logger
}

// run does jobs until ctx ends, and what runs then for as long as it may.
func (c *crew) run(ctx context.Context) error {
	live, stop := context.WithCancel(context.WithoutCancel(ctx))
	var aside sync.WaitGroup
	aside.Go(func() { c.room.Watch(live) }) // also of what still runs
	aside.Go(func() { c.engine.Feed(ctx) })
	err := c.worker.Run(ctx)
	stop()
	aside.Wait()
	return err
}

// crew makes one as the configuration says. Telemetry is begun beside it. Whoever ran it calls
// done.
func (a *app) crew(ctx context.Context, cfg *config.Loaded, r *remembered, o crewOptions) (_ *crew, watch *telemetry.Telemetry, done func() error, err error) {
	var open []func() error
	end := func() (err error) {
		for i := range open {
			err = errors.Join(err, open[len(open)-1-i]())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, end())
		}
	}()
	c := &crew{}
	c.room = room.New(room.Options{
		Most: o.images, Needs: room.NeedsOf(int64(cfg.Run.Memory), int64(cfg.Worker.Reserve)), Log: o.log,
		Look: func() room.Machine { return room.Look(os.DirFS("/")) }, Changed: func() { c.worker.Wake() },
	})
	watch, watched, err := a.telemetry(ctx, cfg, r, c.full, o.log)
	if err != nil {
		return nil, nil, nil, err
	}
	open = append(open, watched)
	reg, err := a.registries(cfg, r.store, watch, o.log)
	if err != nil {
		return nil, nil, nil, err
	}
	open = append(open, func() error { reg.close(); return nil })
	c.engine = survey.New(survey.Options{
		Store: r.store, Ahead: cfg.Worker.Ahead, Look: reg.look, Log: o.log,
		Open: func(spec string) (source.Source, error) { return reg.open(spec, nil) },
	})
	h, handed, err := a.hand(ctx, cfg, r, reg, c.room)
	if err != nil {
		return nil, nil, nil, err
	}
	open = append(open, handed)
	w := worker.Options{
		Store: r.store, Blobs: r.blobs, Concurrency: c.room.Limits().Most, Vacant: c.room.Vacant,
		Analyse: func(ctx context.Context, j store.Job, t *worker.Teller) (*worker.Analysis, error) {
			return h.analyse(ctx, j, t)
		},
		Catalogue: cfg.Worker.Catalogue, Grace: o.grace, Lease: cfg.Worker.Lease, Limit: cfg.Worker.Limit, Log: o.log,
		Around: func(do func(context.Context, store.Job) store.Outcome) func(context.Context, store.Job) store.Outcome {
			do = watch.Do(do)
			return func(ctx context.Context, j store.Job) store.Outcome {
				defer c.engine.Ended()
				return do(ctx, j)
			}
		},
	}
	if cfg.Worker.Catalogue > 0 {
		w.Other = c.engine.Do
	}
	c.worker = worker.New(w)
	return c, watch, end, nil
}

// full is how full the room is, for telemetry.
func (c *crew) full() telemetry.Room {
	s := c.room.State()
	return telemetry.Room{
		Slots: s.Limits.Slots + s.Limits.Pulls, Computing: s.Load.Computing, Waiting: s.Turns, Images: s.Limits.Most,
		Memory: s.Machine.Memory, Used: s.Machine.Memory - s.Machine.Available, Pressure: s.Machine.Some / 100,
		Shed: s.Shed, Closed: s.Strained,
	}
}

// limits says how much is done at once.
func (c *crew) limits() string {
	l := c.room.Limits()
	if l.Most == 1 {
		return "1 image at once"
	}
	return fmt.Sprintf("%d images at once, of which %d are pulled, and %d read or explained, at a time", l.Most, min(l.Pulls, l.Most), min(l.Slots, l.Most))
}

// hand analyses the images of jobs.
type hand struct {
	an    *analyst
	store store.Reports
	room  *room.Room
	guest func(ctx context.Context, survey string) (*image.Guest, error)
	asked detonate.Overrides
	runs  string // the directory where runs are until their artifacts are blobs
	log   *slog.Logger
}

// hand makes one. Whoever used it calls done.
func (a *app) hand(ctx context.Context, cfg *config.Loaded, r *remembered, reg *registries, in *room.Room) (_ *hand, done func() error, err error) {
	internet, err := cfg.Run.Internet()
	if err != nil {
		return nil, nil, err
	}
	runs, err := openRuns(cfg.Image)
	if err != nil {
		return nil, nil, err
	}
	an, closeReader, err := a.analyst(ctx, cfg)
	if err != nil {
		return nil, nil, errors.Join(err, runs.close())
	}
	an.transport = reg.wrap
	h := &hand{an: an, store: r.store, room: in, guest: reg.guestOf, asked: overrides(cfg, internet), runs: runs.dir, log: reg.log}
	return h, func() error { return errors.Join(closeReader(), runs.close()) }, nil
}

// afterShed is how long an analysis rests that had to leave.
const afterShed = 15 * time.Second

// analyse analyses the image of a job, when there is room for that.
func (h *hand) analyse(ctx context.Context, j store.Job, t teller) (*worker.Analysis, error) {
	place, err := h.room.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer place.Leave()
	o, err := chosen(h.asked, j.Options.Profile, j.Options.Duration)
	if err != nil {
		return nil, err
	}
	if k, err := known(ctx, h.store, j.Digest, j.Aim); k != nil || err != nil {
		return &worker.Analysis{Known: k}, err
	}
	guest, err := h.guest(ctx, j.Survey)
	if err != nil {
		return nil, err
	}
	own := aim(h.an.deps, o)
	if j.Aim != "" && j.Aim != own {
		h.log.Info("a survey was begun with other rules or limits than this worker has", "survey", j.Survey)
	}
	a, err := h.an.submitted(place.Context(), task{
		ref: j.Ref, platform: j.Options.Platform, guest: guest, overrides: o,
		onPull: told(t), onStage: telemetry.OnStage(ctx, func(name string) { place.Stage(name); t.Stage(name) }), onEvent: t.Event,
	}, h.runs)
	if errors.Is(context.Cause(place.Context()), room.ErrShed) {
		if a != nil {
			err = a.Close() // it was not done
		}
		return nil, errors.Join(&worker.Later{For: afterShed, Why: room.ErrShed.Error()}, err)
	}
	if a != nil && j.Aim == "" {
		a.Aim = own
	}
	return a, err
}
