package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// maxHosts is how many hosts are remembered: registries may send to any. Only those are forgotten of which
// the bucket is full, which is as if they had never been asked; there are no more of others than can be
// asked while a bucket fills.
const maxHosts = 1_000

// bucket is the bucket of a host, by the clock of the database, in nanoseconds. It says when it is full
// again: then it needs no tokens counted as time passes.
type bucket struct {
	now, brim, held int64
	second          float64
	burst           int
}

// take takes at most n tokens.
func (b *bucket) take(n int) (taken int, wait time.Duration) {
	if b.held > b.now {
		return 0, time.Duration(b.held - b.now)
	}
	each := b.each()
	full := b.now + int64(each*float64(b.burst)) // when it is full if it is empty now
	brim := max(b.brim, b.now)
	taken = min(n, b.burst, int(float64(full-brim)/each))
	if taken < 1 {
		return 0, time.Duration(brim - full + int64(math.Ceil(each)))
	}
	b.brim = brim + int64(math.Ceil(each*float64(taken)))
	return taken, 0
}

// each is how long it takes until there is another token, in nanoseconds.
func (b *bucket) each() float64 { return float64(time.Second) / b.second }

// Bounds of a rate.
const (
	minRate  = 1e-6 // one in eleven days
	maxRate  = 1e6
	maxBurst = 100_000
)

// Take implements [store.Store].
func (s *Store) Take(ctx context.Context, host string, r store.HostRate, n int) (taken int, wait time.Duration, err error) {
	if host = brief(host); host == "" || !(r.Second >= minRate && r.Second <= maxRate) || n < 1 {
		return 0, 0, fmt.Errorf("take tokens of a host: a name of %d bytes, %g in a second, %d wanted: %w", len(host), r.Second, n, store.ErrInvalid)
	}
	r.Burst = max(1, min(r.Burst, maxBurst))
	err = s.change(ctx, func(tx session) error {
		b, err := s.bucket(ctx, tx, host, &r)
		if err != nil {
			return err
		}
		b.second, b.burst = r.Second, r.Burst
		if taken, wait = b.take(n); taken == 0 {
			return nil
		}
		return tx.one(ctx, "UPDATE hosts SET brim = ?, asked = asked + ?, second = ?, burst = ? WHERE host = ?", b.brim, taken, r.Second, r.Burst, host)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("take tokens of a host: %w", err)
	}
	return taken, wait, nil
}

// bucket is that of a host, which is made if there is none. Nobody else has it until the transaction ends.
func (s *Store) bucket(ctx context.Context, tx session, host string, r *store.HostRate) (b bucket, err error) {
	for range 2 {
		err = tx.row(ctx, "SELECT brim, held, second, burst FROM hosts WHERE host = ? "+s.dialect.Lock, host).Scan(&b.brim, &b.held, &b.second, &b.burst)
		if !errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err := s.newHost(ctx, tx, host, r); err != nil {
			return b, err
		}
	}
	if err != nil {
		return b, err
	}
	// The clock is read when the bucket is ours: one that was read before it would be slow.
	return b, tx.row(ctx, "SELECT "+s.dialect.Clock).Scan(&b.now)
}

func (s *Store) newHost(ctx context.Context, tx session, host string, r *store.HostRate) error {
	var n int
	if err := tx.row(ctx, "SELECT COUNT(*) FROM hosts").Scan(&n); err != nil {
		return err
	}
	if n >= maxHosts {
		_, err := tx.exec(ctx, "DELETE FROM hosts WHERE host IN (SELECT host FROM hosts WHERE held < "+s.dialect.Clock+" AND brim < "+s.dialect.Clock+
			" ORDER BY brim LIMIT 100 "+s.dialect.Skip+")")
		if err != nil {
			return err
		}
	}
	_, err := tx.exec(ctx, "INSERT INTO hosts (host, second, burst, brim, asked, held, why) VALUES (?, ?, ?, 0, 0, 0, '') ON CONFLICT (host) DO NOTHING",
		host, r.Second, r.Burst)
	return err
}

// maxHold is for how long a host is held at most: whatever it asks for.
const maxHold = 7 * 24 * time.Hour

// HoldHost implements [store.Store]. A bucket is empty at the end of a hold.
func (s *Store) HoldHost(ctx context.Context, host string, rest time.Duration, why string) error {
	host = brief(host)
	if host == "" {
		return fmt.Errorf("hold a host without a name: %w", store.ErrInvalid)
	}
	rest = max(0, min(rest, maxHold))
	err := s.change(ctx, func(tx session) error {
		b, err := s.bucket(ctx, tx, host, &store.HostRate{Second: 1, Burst: 1})
		if err != nil {
			return err
		}
		until := b.now + int64(rest)
		switch {
		case rest == 0:
			_, err = tx.exec(ctx, "UPDATE hosts SET held = 0, why = '' WHERE host = ?", host)
		case until > b.held:
			brim := until + int64(b.each()*float64(b.burst-1)) // one token is in it then
			_, err = tx.exec(ctx, "UPDATE hosts SET held = ?, why = ?, brim = ? WHERE host = ?", until, cutText(why, maxReason), max(b.brim, brim), host)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("hold a host: %w", err)
	}
	return nil
}

// Hosts implements [store.Store].
func (s *Store) Hosts(ctx context.Context) ([]store.HostState, error) {
	all, err := each(ctx, s.look(), func(row scanner) (h store.HostState, err error) {
		var held int64
		err = row.Scan(&h.Host, &h.Asked, &held, &h.Why, &h.Second, &h.Burst)
		h.Held = moment(held)
		return h, err
	}, "SELECT host, asked, CASE WHEN held > "+s.dialect.Clock+" THEN held ELSE 0 END, CASE WHEN held > "+s.dialect.Clock+" THEN why ELSE '' END, second, burst FROM hosts ORDER BY host")
	if err != nil {
		return nil, fmt.Errorf("list hosts: %w", err)
	}
	return all, nil
}
