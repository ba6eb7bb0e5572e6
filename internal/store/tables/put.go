package tables

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
	"github.com/detonaut/detonaut/internal/store/measure"
)

// parcel is a report, ready to be put.
type parcel struct {
	store.Summary
	stored time.Time
	body   []byte
	blobs  map[string]string
	facts  []fact3
	aim    string
	// measure is JSON.
	measure string
}

func (s *Store) parcel(e *store.Entry) (*parcel, error) {
	if e.Report == nil {
		return nil, fmt.Errorf("no report: %w", store.ErrInvalid)
	}
	if err := identify(append(slices.Collect(maps.Values(e.Blobs)), string(e.Report.Image.Digest))...); err != nil {
		return nil, err
	}
	p := &parcel{Summary: summarize(e.Report, e.Name), stored: s.or(time.Time{})}
	var err error
	if p.body, err = pack(e.Report); err != nil {
		return nil, err
	}
	p.blobs = map[string]string{}
	for name, hash := range e.Blobs {
		p.blobs[clean(name)] = clean(hash)
	}
	p.facts = nameFacts(fact.Of(e.Report))
	p.aim = brief(e.Aim)
	measured, err := json.Marshal(measure.Of(e.Report))
	if err != nil {
		return nil, fmt.Errorf("measure report: %w", err)
	}
	p.measure = clean(string(measured))
	return p, nil
}

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, e store.Entry) (store.Summary, error) {
	p, err := s.parcel(&e)
	if err != nil {
		return store.Summary{}, fmt.Errorf("put report: %w", err)
	}
	if err := s.change(ctx, func(tx session) error { return s.put(ctx, tx, p) }); err != nil {
		return store.Summary{}, fmt.Errorf("put report: %w", err)
	}
	return p.Summary, nil
}

// put does so in a transaction, and completes the summary.
func (s *Store) put(ctx context.Context, tx session, p *parcel) error {
	if err := s.alone(ctx, tx, string(p.Digest)); err != nil {
		return err
	}
	facts, err := s.intern(ctx, tx, p.facts)
	if err != nil {
		return err
	}
	hooks, err := s.hooksOf(ctx, tx, p.Verdict)
	if err != nil {
		return err
	}
	var body int64
	err = tx.row(ctx, "INSERT INTO bodies (body, blobs, facts) VALUES (?, ?, ?) RETURNING id", p.body, list(p.blobs), packIDs(facts)).Scan(&body)
	if err != nil {
		return err
	}
	if p.Seq, err = s.next(ctx, tx); err != nil {
		return err
	}
	if err := s.age(ctx, tx, p.Digest); err != nil {
		return err
	}
	id, err := p.insert(ctx, tx, body)
	if err != nil {
		return err
	}
	if err := s.relate(ctx, tx, p.Seq, facts); err != nil {
		return err
	}
	if err := s.keepBlobs(ctx, tx, id, p.blobs); err != nil {
		return err
	}
	if err := p.name(ctx, tx, id); err != nil {
		return err
	}
	for _, hook := range hooks {
		_, err := tx.exec(ctx, `INSERT INTO deliveries (hook, report, due, sender, attempts, failure) VALUES (?, ?, ?, '', 0, '')
ON CONFLICT (hook, report) DO UPDATE SET due = excluded.due, attempts = 0, failure = ''`, hook, id, nanoseconds(p.stored))
		if err != nil {
			return err
		}
	}
	p.Pulls = -1
	err = tx.row(ctx, "SELECT pulls FROM repositories WHERE registry = ? AND name = ?", p.Name.Registry, p.Name.Repository).Scan(&p.Pulls)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return err
}

// insert adds the report, or replaces it.
func (p *parcel) insert(ctx context.Context, tx session, body int64) (id int64, err error) {
	old, err := each(ctx, tx, number, "SELECT body FROM reports WHERE digest = ? AND key = ?", p.Digest, p.Key)
	if err != nil {
		return 0, err
	}
	err = tx.row(ctx, `INSERT INTO reports (seq, digest, key, body, newest, registry, repository, tag, verdict, sentence, category, family,
  vulnerability, platform, size, analysed, stored, aim, measure) VALUES (?, ?, ?, ?, TRUE, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (digest, key) DO UPDATE SET seq = excluded.seq, body = excluded.body, newest = TRUE, registry = excluded.registry,
  repository = excluded.repository, tag = excluded.tag, verdict = excluded.verdict, sentence = excluded.sentence,
  category = excluded.category, family = excluded.family, vulnerability = excluded.vulnerability, platform = excluded.platform,
  size = excluded.size, analysed = excluded.analysed, stored = excluded.stored, aim = excluded.aim, measure = excluded.measure
RETURNING id`,
		p.Seq, p.Digest, p.Key, body, p.Name.Registry, p.Name.Repository, p.Name.Tag, p.Verdict, p.Sentence, p.Category, p.Family,
		p.Vulnerability, p.Platform, p.Size, nanoseconds(p.Analysed), nanoseconds(p.stored), p.aim, p.measure).Scan(&id)
	if err != nil {
		return 0, err
	}
	for _, body := range old {
		if err := tx.one(ctx, "DELETE FROM bodies WHERE id = ?", body); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// keepBlobs remembers which blobs a report has, each once.
func (s *Store) keepBlobs(ctx context.Context, tx session, id int64, blobs map[string]string) error {
	if _, err := tx.exec(ctx, "DELETE FROM blobs WHERE report = ?", id); err != nil || len(blobs) == 0 {
		return err
	}
	var rows [][1]string
	for _, hash := range slices.Compact(slices.Sorted(maps.Values(blobs))) {
		rows = append(rows, [1]string{hash})
	}
	_, err := tx.exec(ctx, "INSERT INTO blobs (report, hash) SELECT CAST(? AS BIGINT), e.value->>0 FROM "+s.dialect.Each+" e", id, list(rows))
	return err
}

// name remembers under which name it was put: as the newest of the history of that.
func (p *parcel) name(ctx context.Context, tx session, id int64) error {
	if p.Name == (store.Name{}) {
		return nil
	}
	name := []any{id, p.Name.Registry, p.Name.Repository, p.Name.Tag}
	if _, err := tx.exec(ctx, "DELETE FROM history WHERE report = ? AND registry = ? AND repository = ? AND tag = ?", name...); err != nil {
		return err
	}
	_, err := tx.exec(ctx, "INSERT INTO history (report, registry, repository, tag) VALUES (?, ?, ?, ?)", name...)
	return err
}
