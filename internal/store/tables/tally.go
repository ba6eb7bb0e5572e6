package tables

import (
	"context"

	"github.com/detonaut/detonaut/internal/store"
)

// Kinds of tallies.
const (
	ofCandidates = "repository"
	ofItems      = "item"
	ofReasons    = "reason"
)

// counted is what is counted of a survey: a state, or a reason.
type counted struct{ kind, value string }

// tally is by how much counts change. Who changes one adds a row: hundreds of processes that end
// jobs do not wait for each other, as they would for a row that each updates. [Store.fold] has many rows
// become few.
type tally map[counted]int64

func (t tally) candidate(state store.CandidateState, n int64) {
	t[counted{ofCandidates, string(state)}] += n
}
func (t tally) item(state store.ItemState, n int64) { t[counted{ofItems, string(state)}] += n }

func (t tally) reason(r store.Reason, n int64) {
	if r != "" {
		t[counted{ofReasons, string(r)}] += n
	}
}

// keep adds what has changed.
func (t tally) keep(ctx context.Context, s *Store, tx session, survey int64) error {
	var rows [][]any
	for c, n := range t {
		if n != 0 {
			rows = append(rows, []any{c.kind, c.value, n})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.exec(ctx, "INSERT INTO tallies (survey, kind, value, n) SELECT CAST(? AS INTEGER), e.value->>0, e.value->>1, CAST(e.value->>2 AS BIGINT) FROM "+
		s.dialect.Each+" e", survey, list(rows))
	return err
}

// tallied is a count.
type tallied struct {
	counted
	n int64
}

func scanTally(row scanner) (t tallied, err error) { return t, row.Scan(&t.kind, &t.value, &t.n) }

// count counts what there is of a survey.
func (v *survey) count(ctx context.Context, db session) error {
	all, err := each(ctx, db, scanTally, "SELECT kind, value, SUM(n) FROM tallies WHERE survey = ? GROUP BY kind, value", v.id)
	v.Repositories, v.Items, v.Reasons = map[store.CandidateState]int{}, map[store.ItemState]int{}, map[store.Reason]int{}
	for _, t := range all {
		n := int(t.n)
		switch {
		case n == 0:
		case t.kind == ofCandidates:
			v.Repositories[store.CandidateState(t.value)] = n
		case t.kind == ofItems:
			v.Items[store.ItemState(t.value)] = n
		case t.kind == ofReasons:
			v.Reasons[store.Reason(t.value)] = n
		}
	}
	return err
}

// loose is how many rows of tallies a survey may have before they are folded.
const loose = 500

// fold sums up rows of tallies. Those that others add meanwhile are left for the next time.
func (s *Store) fold(ctx context.Context, tx session) error {
	surveys, err := each(ctx, tx, number, "SELECT survey FROM tallies GROUP BY survey HAVING COUNT(*) > ?", loose)
	for _, id := range surveys {
		if err == nil {
			err = s.foldSurvey(ctx, tx, id)
		}
	}
	return err
}

func (s *Store) foldSurvey(ctx context.Context, tx session, id int64) error {
	rows, err := each(ctx, tx, scanTally, "DELETE FROM tallies WHERE survey = ? RETURNING kind, value, n", id)
	if err != nil {
		return err
	}
	sum := tally{}
	for _, t := range rows {
		sum[t.counted] += t.n
	}
	return sum.keep(ctx, s, tx, id)
}
