package upkeep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// Checked is what was looked at.
type Checked struct {
	Reports int   `json:"reports"`
	Blobs   int   `json:"blobs"`
	Bytes   int64 `json:"bytes"` // that were read of them
	// Problems is how often somebody was told that something is wrong.
	Problems int `json:"problems"`
}

// Check looks at every report: that it can be read, is under its own name, and is found by
// its facts; and at every blob that reports name: that it is there, and, unless it has to be
// quick, that it is what it was. An error means that it could not go on.
func (h Home) Check(ctx context.Context, quick bool) (c Checked, err error) {
	wrong := func(format string, args ...any) {
		c.Problems++
		h.Tell(fmt.Sprintf(format, args...))
	}
	bad := map[string]string{} // why, by hash
	for names, last := (&named{store: h.Store}), ""; ; {
		sum, ok, err := names.next(ctx, last)
		if err != nil {
			return c, err
		}
		if !ok {
			break
		}
		last = sum + "\x00" // the next
		c.Blobs++
		size, err := h.checkBlob(ctx, sum, quick)
		c.Bytes += size
		switch {
		case ctx.Err() != nil:
			return c, context.Cause(ctx)
		case err != nil:
			bad[sum] = err.Error()
		}
	}
	err = h.each(ctx, func(s store.Summary) error {
		c.Reports++
		for _, problem := range h.checkReport(ctx, s, bad) {
			wrong("%s: %s", of(s.Digest, s.Key), problem)
		}
		return context.Cause(ctx)
	})
	return c, err
}

// checkBlob tells how much it read.
func (h Home) checkBlob(ctx context.Context, sum string, quick bool) (int64, error) {
	if quick {
		has, err := h.Blobs.Has(ctx, sum)
		if err == nil && !has {
			err = store.ErrNotFound
		}
		return 0, err
	}
	r, _, err := h.Blobs.Open(ctx, sum)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, r)
	return n, errors.Join(err, r.Close())
}

// checkReport says what is wrong with one.
func (h Home) checkReport(ctx context.Context, s store.Summary, bad map[string]string) (problems []string) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	e, err := h.Store.Get(ctx, s.Digest, s.Key)
	if errors.Is(err, store.ErrNotFound) { // it was dropped meanwhile
		return nil
	}
	if err != nil {
		add("cannot be read: %v", err)
		return problems
	}
	r := e.Report
	if r.Image.Digest != s.Digest || store.Key(r.Fingerprint) != s.Key {
		add("is the report of %s", of(r.Image.Digest, store.Key(r.Fingerprint)))
	}
	if r.Schema != detonaut.Schema {
		add("has the schema %d, not %d", r.Schema, detonaut.Schema)
	}
	if r.Verdict.Word != s.Verdict || r.Verdict.Vulnerability != s.Vulnerability {
		add("is listed as %s, %s, and is %s, %s", s.Verdict, s.Vulnerability, r.Verdict.Word, r.Verdict.Vulnerability)
	}
	facts, err := h.Store.FactsOf(ctx, s.Digest, s.Key)
	if err != nil {
		add("its facts cannot be read: %v", err)
	} else if missing, more := differ(fact.Of(r), facts); missing+more > 0 {
		add("%d facts are missing, and %d are none of its own", missing, more)
	}
	names := make([]string, 0, len(e.Blobs))
	for name := range e.Blobs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if why, ok := bad[e.Blobs[name]]; ok {
			add("%s: %s", name, why)
		}
	}
	return problems
}

// differ counts what only one of two sorted lists has.
func differ(want, got []store.Fact) (missing, more int) {
	slices.SortFunc(got, fact.Compare)
	for len(want) > 0 || len(got) > 0 {
		switch {
		case len(got) == 0 || len(want) > 0 && fact.Compare(want[0], got[0]) < 0:
			missing, want = missing+1, want[1:]
		case len(want) == 0 || fact.Compare(want[0], got[0]) > 0:
			more, got = more+1, got[1:]
		default:
			want, got = want[1:], got[1:]
		}
	}
	return missing, more
}
