package tables

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// States of items, as columns have them.
const (
	isReady     = 0
	isQueued    = 1
	isDone      = 2
	isSkipped   = 3
	isFailed    = 4
	isCancelled = 5 // skipped, as somebody has cancelled its job
	isWithheld  = 6 // ready, as its survey was paused while it was queued
)

// isTried is the condition of an index of items: a query has to have it to be one of it. Others have that of one
// state, which is written as it is in a query, too: an argument would not do.
const isTried = "state IN (1, 4, 5, 6)"

// itemStates are what states of columns are called.
var itemStates = []store.ItemState{
	isReady: store.ItemReady, isQueued: store.ItemQueued, isDone: store.ItemDone, isSkipped: store.ItemSkipped, isFailed: store.ItemFailed,
	isCancelled: store.ItemSkipped, isWithheld: store.ItemReady,
}

// columnOf is a digest as a column has it: shorter, for there are millions.
func columnOf(d detonaut.Digest) string {
	text, ok := strings.CutPrefix(clean(d), "sha256:")
	if b, err := hex.DecodeString(text); ok && err == nil && len(b) == 32 && text == strings.ToLower(text) {
		return base64.RawStdEncoding.EncodeToString(b)
	}
	return clean(d)
}

// digestOf is the digest of a column.
func digestOf(column string) detonaut.Digest {
	if b, err := base64.RawStdEncoding.DecodeString(column); err == nil && len(b) == 32 {
		return detonaut.Digest("sha256:" + hex.EncodeToString(b))
	}
	return detonaut.Digest(column)
}

// prefix is the part of a digest that has an index.
func prefix(column string) string { return column[:min(len(column), 12)] }

// columnsOfItem are those of an item i.
const columnsOfItem = "i.candidate, i.number, i.tag, i.platform, i.digest, i.size, i.pushed, i.state, i.seen, i.reason"

// itemScan scans one, also what may not be there.
type itemScan struct {
	candidate, number, size, pushed, state *int64
	tag, platform, digest, reason          *string
	seen                                   *bool
}

func (v *itemScan) into() []any {
	return []any{&v.candidate, &v.number, &v.tag, &v.platform, &v.digest, &v.size, &v.pushed, &v.state, &v.seen, &v.reason}
}

// item is what was scanned; nil for none. Its name has no repository.
func (v *itemScan) item(survey string) (*store.Item, error) {
	if v.number == nil {
		return nil, nil
	}
	if *v.state < 0 || *v.state >= int64(len(itemStates)) {
		return nil, fmt.Errorf("read image of survey: state %d", *v.state)
	}
	return &store.Item{
		Survey: survey, Candidate: *v.candidate, Number: *v.number, Name: store.Name{Tag: *v.tag}, Digest: digestOf(*v.digest), Platform: *v.platform,
		Size: *v.size, Pushed: secondsOf(*v.pushed), State: itemStates[*v.state], Reason: store.Reason(*v.reason), Seen: *v.seen,
	}, nil
}

// Items implements [store.Store].
func (s *Store) Items(ctx context.Context, name string, state store.ItemState, p store.Page) (found []store.Item, next string, err error) {
	found, next, err = s.items(ctx, name, state, p)
	if err != nil {
		return nil, "", fmt.Errorf("list images of survey: %w", err)
	}
	return found, next, nil
}

func (s *Store) items(ctx context.Context, name string, state store.ItemState, p store.Page) (found []store.Item, next string, err error) {
	after, limit, err := placeOf(p)
	if err != nil {
		return nil, "", err
	}
	db := s.look()
	v, err := s.survey(ctx, db, name, "")
	if err != nil {
		return nil, "", err
	}
	where, err := ofState(state)
	if err != nil {
		return nil, "", err
	}
	scan := func(row scanner) (store.Item, error) {
		var i itemScan
		var registry, repository string
		if err := row.Scan(append(i.into(), &registry, &repository)...); err != nil {
			return store.Item{}, err
		}
		item, err := i.item(v.Name)
		if err != nil {
			return store.Item{}, err
		}
		item.Name.Registry, item.Name.Repository = registry, repository
		return *item, nil
	}
	// Two queries, for a condition of both numbers finds no index that begins with one of them.
	query := "SELECT " + columnsOfItem + `, c.registry, c.repository FROM items i CROSS JOIN candidates c
WHERE c.survey = i.survey AND c.number = i.candidate AND i.survey = ? AND ` + where
	found, err = each(ctx, db, scan, query+"i.candidate = ? AND i.number > ? ORDER BY i.number"+more(limit), v.id, after.Candidate, after.Item)
	if left := limit - len(found); err == nil && left >= 0 {
		var rest []store.Item
		rest, err = each(ctx, db, scan, query+"i.candidate > ? ORDER BY i.candidate, i.number"+more(left), v.id, after.Candidate)
		found = append(found, rest...)
	}
	if len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		next = fmt.Sprintf("%d.%d", last.Candidate, last.Number)
	}
	return found, next, err
}

// ofState is the condition of an item i that it is in a state; the indexes are of some of these.
func ofState(state store.ItemState) (string, error) {
	if state == "" {
		return "", nil
	}
	var all []string
	for n, name := range itemStates {
		if name == state {
			all = append(all, strconv.Itoa(n))
		}
	}
	if all == nil {
		return "", fmt.Errorf("state %q: %w", state, store.ErrInvalid)
	}
	condition := "i.state IN (" + strings.Join(all, ", ") + ") AND "
	if state == store.ItemFailed {
		condition += "i." + isTried + " AND "
	}
	return condition, nil
}

// placeOf reads a cursor of items, and how many are wanted.
func placeOf(p store.Page) (after store.Place, limit int, err error) {
	limit = max(1, min(p.Limit, maxPage))
	if p.Cursor == "" {
		return after, limit, nil
	}
	candidate, number, _ := strings.Cut(p.Cursor, ".")
	after.Candidate, err = strconv.ParseInt(candidate, 10, 32)
	if err == nil {
		after.Item, err = strconv.ParseInt(number, 10, 32)
	}
	if err != nil {
		return after, 0, fmt.Errorf("read cursor %q: %w", p.Cursor, store.ErrInvalid)
	}
	return after, limit, nil
}
