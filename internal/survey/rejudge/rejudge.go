// Package rejudge judges the reports of a survey, or of a whole store, again: by the rules of
// today, and with the vulnerability database of today. Nothing is pulled, and nothing runs. A
// new report has the artifacts of the old one, and stands beside it.
//
// What would be as it is, is left alone, and so is what cannot be judged again, with a reason.
// It may be interrupted anywhere: called again, it goes on with what is left.
package rejudge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/store"
)

// Options are what is judged with.
type Options struct {
	Store Store
	Blobs Blobs
	// Deps judge. Pull, Plan and Sandbox of them are not used. They are shared by goroutines.
	Deps pipeline.Deps
	// Aim is the aim of a new report, of an old one with another fingerprint; nil gives it none.
	// It is called by several goroutines.
	Aim func(old *store.Entry, now detonaut.Fingerprint) string
	// Concurrency is how many are judged at once; zero is 1.
	Concurrency int
	// Dry keeps nothing: it only tells.
	Dry bool
	// Tell is told of each verdict that changes, and Progress how far it is after each report;
	// both by one goroutine at a time. Either may be nil.
	Tell     func(Change)
	Progress func(Counts)
	// Log is told why single reports stay as they are; nil is nobody.
	Log *slog.Logger
}

// Store is what of a store is used.
type Store interface {
	Get(ctx context.Context, d detonaut.Digest, key string) (*store.Entry, error)
	Put(ctx context.Context, e store.Entry) (store.Summary, error)
	Analyses(ctx context.Context, d detonaut.Digest) ([]store.Summary, error)
	Find(ctx context.Context, q store.Query) (*store.Results, error)
	Results(ctx context.Context, name string, after store.Place, limit int) ([]store.Result, error)
}

// Blobs has the artifacts.
type Blobs interface {
	// Open reads one, and tells its size. What is read is not to be used if the last read fails.
	Open(ctx context.Context, sum string) (io.ReadCloser, int64, error)
}

// Counts are how far it is.
type Counts struct {
	// Looked is at how many digests, Current how many reports are what they would be, Judged how
	// many were judged again, and Changed how many of these have another verdict.
	Looked  int `json:"looked"`
	Current int `json:"current"`
	Judged  int `json:"judged"`
	Changed int `json:"changed"`
	// Left are those that stay as they are, by the reason.
	Left map[Reason]int `json:"left,omitempty"`
}

// Reason is why a report stays as it is.
type Reason string

// Reasons.
const (
	NoTape    Reason = "its tape is not kept"
	BadTape   Reason = "its tape is damaged"
	Broken    Reason = "an analyzer failed"
	Overtaken Reason = "its image was analysed again meanwhile"
	Gone      Reason = "its report is gone"
)

// Change is a verdict that changes.
type Change struct {
	Digest   detonaut.Digest  `json:"digest"`
	Name     store.Name       `json:"name"` // the subject's: escape it
	Was      detonaut.Verdict `json:"was"`
	Is       detonaut.Verdict `json:"is"`
	From, To string           `json:"-"` // keys of the reports; To is empty for one that was not kept
}

// page is how many results are asked for at once.
const page = 200

// Survey judges the reports of a survey again. The counts hold beside an error, too, which is of
// the store, or of ctx.
func Survey(ctx context.Context, name string, o Options) (Counts, error) {
	return run(ctx, o, func(ctx context.Context, give func(detonaut.Digest) bool) error {
		var after store.Place
		for {
			found, err := o.Store.Results(ctx, name, after, page)
			if err != nil || len(found) == 0 {
				return err
			}
			for i := range found {
				after = store.Place{Candidate: found[i].Candidate.Number}
				item := found[i].Item
				if item == nil {
					continue
				}
				after.Item = item.Number
				if found[i].Key != "" && !give(item.Digest) {
					return nil
				}
			}
		}
	})
}

// All judges the newest report of every digest again, as [Survey] does.
func All(ctx context.Context, o Options) (Counts, error) {
	return run(ctx, o, func(ctx context.Context, give func(detonaut.Digest) bool) error {
		q := store.Query{Page: store.Page{Limit: page}}
		for {
			found, err := o.Store.Find(ctx, q)
			if err != nil {
				return err
			}
			for i := range found.Found {
				if !give(found.Found[i].Digest) {
					return nil
				}
			}
			if q.Page.Cursor = found.Next; found.Next == "" {
				return nil
			}
		}
	})
}

// run judges what list gives. give returns false when no more is wanted.
func run(ctx context.Context, o Options, list func(ctx context.Context, give func(detonaut.Digest) bool) error) (Counts, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	r := &rejudging{o: o, counts: Counts{Left: map[Reason]int{}}, seen: map[string]bool{}}
	digests := make(chan detonaut.Digest)
	var all sync.WaitGroup
	for range max(o.Concurrency, 1) {
		all.Go(func() {
			for d := range digests {
				if err := r.one(ctx, d); err != nil {
					giveUp(err)
					return
				}
			}
		})
	}
	err := list(ctx, func(d detonaut.Digest) bool {
		if r.known(d) {
			return true
		}
		select {
		case digests <- d:
			return true
		case <-ctx.Done():
			return false
		}
	})
	close(digests)
	all.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause // rather than what it broke
	}
	if err != nil {
		err = fmt.Errorf("judge again: %w", err)
	}
	return r.counts, err
}

// rejudging is one call of [Survey] or [All].
type rejudging struct {
	o Options
	// seen are digests by their first bytes: many items have one digest.
	seen map[string]bool

	mu     sync.Mutex
	counts Counts
}

// known tells whether a digest was seen, and notes it. It is called by one goroutine.
func (r *rejudging) known(d detonaut.Digest) bool {
	short := string(d[:min(len(d), len("sha256:")+24)]) // 12 bytes of it
	if r.seen[short] {
		return true
	}
	r.seen[short] = true
	return false
}

// one judges a digest. An error ends it all.
func (r *rejudging) one(ctx context.Context, d detonaut.Digest) error {
	old, err := r.o.Store.Get(ctx, d, "")
	if errors.Is(err, store.ErrNotFound) {
		r.left(d, Gone, err)
		return nil
	}
	if err != nil {
		return err
	}
	now := r.o.Deps.Rejudged(old.Report)
	if store.Key(now) == old.Key {
		r.tell(func(c *Counts) { c.Current++ }, nil)
		return nil
	}
	made, err := r.judge(ctx, old)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case made == nil && errors.Is(err, detonaut.ErrNotFound):
		r.left(d, NoTape, err)
		return nil
	case made == nil && (errors.Is(err, detonaut.ErrCorrupt) || errors.Is(err, detonaut.ErrLimit)):
		r.left(d, BadTape, err)
		return nil
	case errors.Is(err, errPanic):
		r.left(d, Broken, err)
		return nil
	case made == nil && err != nil:
		return err
	case err != nil:
		r.left(d, Broken, err)
		return nil
	}
	return r.keep(ctx, old, made)
}

// keep puts a new report, unless its image was analysed meanwhile.
func (r *rejudging) keep(ctx context.Context, old *store.Entry, made *detonaut.Report) error {
	d := made.Image.Digest
	change := Change{Digest: d, Name: old.Name, Was: old.Report.Verdict, Is: made.Verdict, From: old.Key}
	if !r.o.Dry {
		all, err := r.o.Store.Analyses(ctx, d)
		if err != nil {
			return err
		}
		if len(all) == 0 || all[0].Key != old.Key {
			r.left(d, Overtaken, nil)
			return nil
		}
		e := store.Entry{Report: made, Name: old.Name, Blobs: old.Blobs}
		if r.o.Aim != nil {
			e.Aim = r.o.Aim(old, made.Fingerprint)
		}
		kept, err := r.o.Store.Put(ctx, e)
		if err != nil {
			return err
		}
		change.To = kept.Key
	}
	if was, is := change.Was, change.Is; was.Word == is.Word && was.Category == is.Category && was.Family == is.Family && was.Vulnerability == is.Vulnerability {
		r.tell(func(c *Counts) { c.Judged++ }, nil)
		return nil
	}
	r.tell(func(c *Counts) { c.Judged++; c.Changed++ }, &change)
	return nil
}

// left leaves a report as it is.
func (r *rejudging) left(d detonaut.Digest, why Reason, err error) {
	r.o.Log.Warn("a report is not judged again", "digest", string(d), "why", string(why), "error", err)
	r.tell(func(c *Counts) { c.Left[why]++ }, nil)
}

// tell counts, and tells of it.
func (r *rejudging) tell(count func(*Counts), change *Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Looked++
	count(&r.counts)
	if change != nil && r.o.Tell != nil {
		r.o.Tell(*change)
	}
	if r.o.Progress != nil {
		r.o.Progress(r.counts.clone())
	}
}

func (c Counts) clone() Counts {
	left := make(map[Reason]int, len(c.Left))
	for why, n := range c.Left {
		left[why] = n
	}
	c.Left = left
	return c
}
