package tables

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/detonaut/detonaut/internal/store"
)

// AddProgress implements [store.Store].
func (s *Store) AddProgress(ctx context.Context, id string, told []store.Progress) error {
	err := s.change(ctx, func(tx session) error { return s.addProgress(ctx, tx, clean(id), told) })
	if err != nil {
		return fmt.Errorf("add progress: %w", err)
	}
	return nil
}

func (s *Store) addProgress(ctx context.Context, tx session, id string, told []store.Progress) error {
	var n, end int64
	err := tx.row(ctx, "UPDATE submissions SET told = told + ? WHERE id = ? RETURNING n, told", len(told), id).Scan(&n, &end)
	if err != nil {
		return none(err)
	}
	first := end - int64(len(told)) + 1
	rows := [][4]any{}
	stage, staged := "", false
	for i, p := range told {
		data := json.RawMessage("null")
		if len(p.Data) > 0 {
			data = p.Data
		}
		if !json.Valid(data) {
			return fmt.Errorf("progress of kind %q whose data is no JSON: %w", p.Kind, store.ErrInvalid)
		}
		if p.Kind == "stage" {
			stage, staged = stageOf(data), true
		}
		if number := first + int64(i); number > end-store.MaxProgress {
			rows = append(rows, [4]any{number, nanoseconds(s.or(p.At)), clean(p.Kind), clean(string(data))})
		}
	}
	if staged {
		if err := tx.one(ctx, "UPDATE submissions SET stage = CASE WHEN state = 'running' THEN ? ELSE '' END WHERE n = ?", stage, n); err != nil {
			return err
		}
	}
	_, err = tx.exec(ctx, `INSERT INTO progress (submission, number, at, kind, data)
SELECT CAST(? AS BIGINT), CAST(e.value->>0 AS BIGINT), CAST(e.value->>1 AS BIGINT), e.value->>2, e.value->>3 FROM `+s.dialect.Each+" e", n, list(rows))
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, "DELETE FROM progress WHERE submission = ? AND number <= ?", n, end-store.MaxProgress)
	return err
}

// stageOf reads the data of progress of the kind "stage".
func stageOf(data json.RawMessage) string {
	var told struct {
		Stage string `json:"stage"`
	}
	_ = json.Unmarshal(data, &told) // another form has no stage
	return clean(told.Stage)
}

// Progress implements [store.Store].
func (s *Store) Progress(ctx context.Context, id string, after int64, limit int) ([]store.Progress, error) {
	told, err := each(ctx, s.look(), func(row scanner) (p store.Progress, err error) {
		var at int64
		var data string
		err = row.Scan(&p.Number, &at, &p.Kind, &data)
		p.At, p.Data = moment(at), json.RawMessage(data)
		return p, err
	}, `SELECT p.number, p.at, p.kind, p.data FROM progress p JOIN submissions s ON s.n = p.submission
WHERE s.id = ? AND p.number > ? ORDER BY p.number LIMIT ?`, clean(id), after, max(1, min(limit, store.MaxProgress)))
	if err != nil {
		return nil, fmt.Errorf("read progress: %w", err)
	}
	return told, nil
}
