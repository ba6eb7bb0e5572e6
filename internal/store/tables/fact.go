package tables

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// fact3 is a fact and the name by which it is found: 16 bytes of a hash, so that a fact of any
// length has a place in an index.
type fact3 struct {
	hash        string
	kind, value string
}

func nameFact(f store.Fact) fact3 {
	kind, value := clean(f.Kind), clean(f.Value)
	sum := sha256.Sum256([]byte(kind + "\x00" + value)) // neither has one
	return fact3{base64.RawStdEncoding.EncodeToString(sum[:16]), kind, value}
}

// nameFacts sorts facts by their hashes, each once: whoever adds them does it in the same order,
// so that two transactions never wait for each other.
func nameFacts(facts []store.Fact) (named []fact3) {
	for _, f := range facts {
		named = append(named, nameFact(f))
	}
	slices.SortFunc(named, func(a, b fact3) int { return cmp.Compare(a.hash, b.hash) })
	return slices.CompactFunc(named, func(a, b fact3) bool { return a.hash == b.hash })
}

// known finds the ids of facts that were interned, by their hashes.
func (s *Store) known(ctx context.Context, tx session, named []fact3) (map[string]int64, error) {
	asked := make([][1]string, len(named))
	for i, f := range named {
		asked[i][0] = f.hash
	}
	type pair struct {
		hash string
		id   int64
	}
	pairs, err := each(ctx, tx, func(row scanner) (p pair, err error) { return p, row.Scan(&p.hash, &p.id) },
		"SELECT f.hash, f.id FROM "+s.dialect.Each+" e JOIN facts f ON f.hash = (e.value->>0)", list(asked))
	ids := make(map[string]int64, len(pairs))
	for _, p := range pairs {
		ids[p.hash] = p.id
	}
	return ids, err
}

// intern returns the ids of the facts of a report, sorted; those that are new are added. Facts
// are never removed.
func (s *Store) intern(ctx context.Context, tx session, named []fact3) (ids []int64, err error) {
	if len(named) == 0 {
		return nil, nil
	}
	known, err := s.known(ctx, tx, named)
	if err != nil {
		return nil, err
	}
	if len(known) < len(named) {
		var fresh [][3]string
		for _, f := range named {
			if _, ok := known[f.hash]; !ok {
				fresh = append(fresh, [3]string{f.hash, f.kind, f.value})
			}
		}
		_, err = tx.exec(ctx, "INSERT INTO facts (hash, kind, value) SELECT e.value->>0, e.value->>1, e.value->>2 FROM "+
			s.dialect.Each+" e WHERE TRUE ON CONFLICT (hash) DO NOTHING", list(fresh))
		if err != nil {
			return nil, err
		}
		if known, err = s.known(ctx, tx, named); err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Values(known)), nil
}

// relate says that a report has facts, unrelate that it has not.
func (s *Store) relate(ctx context.Context, tx session, seq int64, facts []int64) error {
	_, err := tx.exec(ctx, "INSERT INTO found (fact, seq) SELECT CAST(e.value->>0 AS BIGINT), CAST(? AS BIGINT) FROM "+s.dialect.Each+" e", seq, numbers(facts))
	return err
}

func (s *Store) unrelate(ctx context.Context, tx session, seq int64, facts []int64) error {
	_, err := tx.exec(ctx, "DELETE FROM found WHERE seq = ? AND fact IN (SELECT CAST(e.value->>0 AS BIGINT) FROM "+s.dialect.Each+" e)", seq, numbers(facts))
	return err
}

// numbers are ids as [Dialect.Each] wants them.
func numbers(ids []int64) string {
	rows := make([][1]int64, len(ids))
	for i, id := range ids {
		rows[i][0] = id
	}
	return list(rows)
}

// Having implements [store.Store].
func (s *Store) Having(ctx context.Context, f store.Fact, p store.Page) (found []store.Summary, next string, err error) {
	before, limit, err := page(p)
	if err != nil {
		return nil, "", fmt.Errorf("find reports: %w", err)
	}
	db := s.look()
	var id int64
	err = db.row(ctx, "SELECT id FROM facts WHERE hash = ?", nameFact(f).hash).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("find reports: %w", err)
	}
	lines, err := each(ctx, db, numbered, summaries("f.seq,", "FROM (SELECT seq FROM found WHERE fact = ? AND seq < ? ORDER BY seq DESC"+more(limit)+
		") f JOIN reports r ON r.seq = f.seq", "r")+"ORDER BY f.seq DESC", id, before)
	if err != nil {
		return nil, "", fmt.Errorf("find reports: %w", err)
	}
	found, next = cut(lines, limit)
	return found, next, nil
}

// Prevalence implements [store.Store].
func (s *Store) Prevalence(ctx context.Context, facts []store.Fact) ([]int, error) {
	named := make([]fact3, len(facts))
	for i, f := range facts {
		named[i] = nameFact(f)
	}
	db := s.look()
	ids, err := s.known(ctx, db, named)
	if err != nil {
		return nil, fmt.Errorf("count reports: %w", err)
	}
	now := s.now()
	counts := map[int64]int{}
	var asked []int64
	for _, id := range ids {
		if n, ok := s.counts.get(id, now); ok {
			counts[id] = n
		} else {
			asked = append(asked, id)
		}
	}
	if err := s.count(ctx, db, asked, func(id int64, n int) {
		counts[id] = n
		s.counts.put(id, n, now)
	}); err != nil {
		return nil, fmt.Errorf("count reports: %w", err)
	}
	prevalence := make([]int, len(facts))
	for i, f := range named {
		prevalence[i] = counts[ids[f.hash]]
	}
	return prevalence, nil
}

// count tells how many reports have each of some facts.
func (s *Store) count(ctx context.Context, db session, ids []int64, tell func(id int64, n int)) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := each(ctx, db, func(row scanner) (id int64, err error) {
		var n int
		err = row.Scan(&id, &n)
		tell(id, n)
		return id, err
	}, "SELECT a.id, (SELECT COUNT(*) FROM found f WHERE f.fact = a.id) FROM (SELECT CAST(e.value->>0 AS BIGINT) AS id FROM "+s.dialect.Each+" e) a", numbers(ids))
	return err
}

// counts remembers for a while how many reports have a fact that many have: it takes long to
// count them, and does not matter if there is one more.
type counts struct {
	sync.Mutex
	of map[int64]count
}

type count struct {
	n     int
	until time.Time
}

const (
	manyReports = 2000
	countFor    = 10 * time.Minute
	maxCounts   = 100_000
)

func (c *counts) get(id int64, now time.Time) (n int, ok bool) {
	c.Lock()
	defer c.Unlock()
	k, ok := c.of[id]
	return k.n, ok && now.Before(k.until)
}

func (c *counts) put(id int64, n int, now time.Time) {
	if n < manyReports {
		return
	}
	c.Lock()
	defer c.Unlock()
	if c.of == nil || len(c.of) >= maxCounts {
		c.of = map[int64]count{}
	}
	c.of[id] = count{n, now.Add(countFor)}
}
