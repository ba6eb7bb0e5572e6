package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
)

// fillUp puts reports until that fails, which must be because the disk is full. Then everything that
// was acknowledged must be there, and more can be put when makeRoom has made room.
func fillUp(ctx context.Context, s store.Store, makeRoom func() error) error {
	var kept []store.Summary
	n := uint64(0)
	for ; ; n++ {
		sum, err := s.Put(ctx, store.Entry{Report: reporttest.Realistic(n)})
		if err != nil {
			if !strings.Contains(err.Error(), "full") {
				return fmt.Errorf("the error of a full disk does not say so: %w", err)
			}
			break
		}
		kept = append(kept, sum)
	}
	if len(kept) == 0 {
		return errors.New("no report had room")
	}
	if err := lookFor(ctx, s, kept); err != nil {
		return fmt.Errorf("when the disk is full: %w", err)
	}
	if err := makeRoom(); err != nil {
		return err
	}
	sum, err := s.Put(ctx, store.Entry{Report: reporttest.Realistic(n)})
	if err != nil {
		return fmt.Errorf("when there is room again: %w", err)
	}
	return lookFor(ctx, s, append(kept, sum))
}

func lookFor(ctx context.Context, s store.Store, kept []store.Summary) error {
	for _, sum := range kept {
		if _, err := s.Get(ctx, sum.Digest, sum.Key); err != nil {
			return err
		}
	}
	all, err := s.All(ctx, 0, 1<<30)
	if err == nil && len(all) != len(kept) {
		err = fmt.Errorf("there are %d reports, %d were acknowledged", len(all), len(kept))
	}
	return err
}
