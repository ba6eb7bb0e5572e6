package upkeep

import (
	"context"
	"time"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/blob"
)

// Retention is how long things are kept.
type Retention struct {
	// Keep is for submissions that ended, what was told of them, and deeds.
	Keep time.Duration
	// Reports is for reports, from their analysis on; 0 is for ever.
	Reports time.Duration
	// Dry only counts.
	Dry bool
	// Now is the clock; nil is [time.Now].
	Now func() time.Time
}

// Collected is what was forgotten, or would be.
type Collected struct {
	Reports int `json:"reports"`
	store.Expired
	Blobs int   `json:"blobs"`
	Bytes int64 `json:"bytes"` // of those blobs
	// Leftovers are files that killed processes did not finish.
	Leftovers int `json:"leftovers"`
}

// Collect forgets what is too old, and then the blobs that no report names. Those that were
// put in the last day are left alone: what names them may still be on its way.
func (h Home) Collect(ctx context.Context, r Retention) (c Collected, err error) {
	now := time.Now
	if r.Now != nil {
		now = r.Now
	}
	if r.Reports > 0 {
		if c.Reports, err = h.dropReports(ctx, now().Add(-r.Reports), r.Dry); err != nil {
			return c, err
		}
	}
	if c.Expired, err = h.Store.Expire(ctx, now().Add(-r.Keep), r.Dry); err != nil {
		return c, err
	}
	before := now().Add(-blob.Grace)
	if err := h.deleteBlobs(ctx, before, r.Dry, &c); err != nil {
		return c, err
	}
	if !r.Dry {
		c.Leftovers, err = h.Blobs.Sweep(ctx, before)
	}
	return c, err
}

func (h Home) dropReports(ctx context.Context, before time.Time, dry bool) (n int, err error) {
	err = h.each(ctx, func(s store.Summary) error {
		if !s.Analysed.Before(before) {
			return nil
		}
		n++
		if dry {
			return nil
		}
		return h.Store.Drop(ctx, s.Digest, s.Key)
	})
	return n, err
}

// deleteBlobs goes through blobs and names side by side, as both are sorted.
func (h Home) deleteBlobs(ctx context.Context, before time.Time, dry bool, c *Collected) error {
	names := &named{store: h.Store}
	return h.Blobs.Each(ctx, func(i blob.Info) error {
		if !i.Put.Before(before) {
			return nil
		}
		name, ok, err := names.next(ctx, i.SHA256)
		if err != nil || ok && name == i.SHA256 {
			return err
		}
		gone := dry
		if !dry {
			if gone, err = h.Blobs.Delete(ctx, i.SHA256, before); err != nil {
				return err
			}
		}
		if gone {
			c.Blobs++
			c.Bytes += i.Size
		}
		return nil
	})
}
