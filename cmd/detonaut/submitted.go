package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/lock"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/worker"
)

// submittable returns a ref, written out in full, that may be submitted: that of an image in
// a registry.
func submittable(ref detonaut.Ref) (detonaut.Ref, error) {
	r, err := image.ParseRemote(ref)
	if err != nil {
		return "", err
	}
	return detonaut.Ref(r.String()), nil
}

// submitted analyses an image, and keeps its run below dir until the analysis is closed.
func (an *analyst) submitted(ctx context.Context, t task, dir string) (_ *worker.Analysis, err error) {
	remote, err := image.ParseRemote(t.ref)
	if err != nil {
		return nil, err
	}
	if dir, err = os.MkdirTemp(dir, "run-"); err != nil {
		return nil, fmt.Errorf("keep run: %w", err)
	}
	a := &worker.Analysis{
		Name:  store.Name{Registry: remote.Registry, Repository: remote.Repository, Tag: remote.Tag},
		Close: func() error { return os.RemoveAll(dir) },
	}
	t.keep = &keeper{dir: dir}
	a.Report, err = an.one(ctx, t)
	if a.Report == nil {
		return nil, errors.Join(err, a.Close())
	}
	kept, kerr := t.keep.folder(a.Report.Image.Digest)
	if kerr == nil {
		kerr = keepSymbols(kept, a.Report)
	}
	if kerr != nil {
		return nil, errors.Join(err, kerr, a.Close())
	}
	a.Artifacts = os.DirFS(kept)
	return a, err
}

// teller is told how far an analysis is: see [worker.Teller].
type teller interface {
	Stage(name string)
	Note(text string)
	Event(e *tape.Event)
}

// told tells each tenth of the layers of an image that has come, at most.
func told(t teller) func(image.Progress) {
	last := ""
	return func(p image.Progress) {
		now := string(p.Stage)
		if p.Layers > 0 {
			now = fmt.Sprintf("%s layer %d of %d", now, p.Layer, p.Layers)
		}
		if p.Total > 0 {
			now += fmt.Sprintf(", %d %%", p.Done*10/p.Total*10)
		}
		if now != last {
			last = now
			t.Note(now)
		}
	}
}

// runs is where a process keeps runs until their artifacts are blobs.
type runs struct {
	dir  string
	held *os.File
}

// heldFile is locked in the directory of a process that lives.
const heldFile = "held"

// openRuns makes a directory of this process below the cache, and removes those of
// processes that were killed.
func openRuns(c config.Image) (_ *runs, err error) {
	dir := c.Cache
	if dir == "" {
		if dir, err = image.DefaultCacheDir(); err != nil {
			return nil, err
		}
	}
	dir = filepath.Join(dir, "runs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of runs: %w", err)
	}
	if err := sweepRuns(dir); err != nil {
		return nil, fmt.Errorf("remove runs of a killed process: %w", err)
	}
	for range 3 {
		r := &runs{}
		if r.dir, err = os.MkdirTemp(dir, "process-"); err != nil {
			return nil, fmt.Errorf("make directory of runs: %w", err)
		}
		if r.held, err = lock.Wait(context.Background(), filepath.Join(r.dir, heldFile), func() {}); err != nil {
			return nil, errors.Join(fmt.Errorf("lock directory of runs: %w", err), os.RemoveAll(r.dir))
		}
		// Before it was locked another process may have taken it for one that was left.
		if _, err = os.Stat(r.held.Name()); err == nil {
			return r, nil
		}
		err = errors.Join(err, r.held.Close())
	}
	return nil, fmt.Errorf("make directory of runs: %w", err)
}

func sweepRuns(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "process-*", heldFile))
	if err != nil {
		return err
	}
	for _, name := range left {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another has removed it
		}
		if err != nil {
			return err
		}
		dead, err := lock.Try(f)
		if dead {
			err = os.RemoveAll(filepath.Dir(name))
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (r *runs) close() error { return errors.Join(os.RemoveAll(r.dir), r.held.Close()) }
