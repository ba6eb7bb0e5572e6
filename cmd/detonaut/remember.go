package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/store"
)

// shelf puts what came of images where detonaut serve shows it.
type shelf struct {
	*remembered
	runs *runs // where runs are until their artifacts are blobs
}

// openShelf opens the store before anything is analysed for nothing. The caller closes it.
func (a *app) openShelf(ctx context.Context, cfg *config.Loaded) (*shelf, error) {
	s, err := a.openStore(ctx, cfg.Store)
	if err != nil {
		return nil, err
	}
	runs, err := openRuns(cfg.Image)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &shelf{s, runs}, nil
}

func (m *shelf) close() error { return errors.Join(m.runs.close(), m.remembered.close()) }

// keeper is k, or one that keeps a run until free is called, if k keeps none.
func (m *shelf) keeper(k *keeper) (_ *keeper, free func() error, err error) {
	if k != nil && k.dir != "" {
		return k, func() error { return nil }, nil
	}
	dir, err := os.MkdirTemp(m.runs.dir, "run-")
	if err != nil {
		return nil, nil, fmt.Errorf("keep run: %w", err)
	}
	kept := &keeper{dir: dir}
	if k != nil {
		kept.record = k.record
	}
	return kept, func() error { return os.RemoveAll(dir) }, nil
}

// put remembers a report, with the artifacts that k has of its run.
func (m *shelf) put(ctx context.Context, r *detonaut.Report, k *keeper) error {
	dir, err := k.folder(r.Image.Digest)
	if err == nil {
		err = keepSymbols(dir, r)
	}
	if err != nil {
		return err
	}
	e := store.Entry{Report: r}
	if remote, err := image.ParseRemote(r.Image.Ref); err == nil {
		e.Name = store.Name{Registry: remote.Registry, Repository: remote.Repository, Tag: remote.Tag}
	}
	e.Blobs, err = m.blobs.PutAll(ctx, os.DirFS(dir), reportFile)
	if err == nil {
		_, err = m.store.Put(ctx, e)
	}
	if err != nil {
		return fmt.Errorf("remember %s: %w", r.Image.Ref, err)
	}
	return nil
}
