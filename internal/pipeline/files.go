package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/static"
)

// Bounds of the files of a report.
const (
	maxFiles     = 500
	maxFileBytes = 256 << 20 // that are read for it
)

// describing makes the files of a report.
type describing struct {
	ctx  context.Context //nolint:containedctx // of the one describe that it is
	deps Deps
	seen map[string]bool
	left int64 // bytes
	all  []detonaut.File
	err  error
}

// describe tells which contents are worth knowing again: those of the image that ran, then
// what a run left, then what the reading of the image found worth it. An error is a failure
// of ours.
func (r *report) describe(ctx context.Context, d Deps, reading static.Reading, used []behavior.Use, left []static.File) error {
	if d.Likeness == nil {
		return nil
	}
	w := &describing{ctx: ctx, deps: d, seen: map[string]bool{}, left: maxFileBytes}
	for _, u := range used {
		if reading.Open == nil {
			break
		}
		if f, ok := reading.Open(u.Path); ok {
			f.Use = detonaut.Ran
			w.add(f)
		}
	}
	for _, list := range [][]static.File{left, reading.Worth} {
		for _, f := range list {
			w.add(f)
		}
	}
	slices.SortFunc(w.all, func(a, b detonaut.File) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.SHA256, b.SHA256))
	})
	r.Files = w.all
	if w.err != nil {
		return fmt.Errorf("describe files: %w", w.err)
	}
	return nil
}

func (w *describing) add(f static.File) {
	if w.seen[f.SHA256] || len(w.all) == maxFiles || f.Size == 0 {
		return
	}
	w.seen[f.SHA256] = true
	made := detonaut.File{SHA256: f.SHA256, Size: f.Size, Type: f.Type, Use: f.Use}
	if len(f.Places) > 0 {
		made.Path, made.Layer = f.Places[0].Path, f.Places[0].Layer
	}
	if f.Size <= w.left && w.err == nil {
		w.left -= f.Size
		made.Likeness, w.err = w.deps.Likeness(w.ctx, f)
	}
	w.all = append(w.all, made)
}
