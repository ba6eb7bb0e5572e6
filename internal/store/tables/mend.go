package tables

import (
	"context"

	"github.com/detonaut/detonaut/internal/store"
)

// mend finds what is stuck, which a crash never leaves, but queues that were emptied by hand, or
// for a survey that was paused: batches and images that wait for a job that is not there. It
// puts it again; that of one that is there is not put.
func (f *feeder) mend(ctx context.Context, v *survey, t tally) error {
	if err := f.mendLooks(ctx, v); err != nil {
		return err
	}
	all, err := f.waiters(ctx, v, isQueued, maxHandled, "")
	if err != nil || len(all) == 0 {
		return err
	}
	reported, err := f.reported(ctx, v, all)
	if err != nil {
		return err
	}
	var wait []waiter
	for _, w := range all {
		if !reported[w.digest] {
			wait = append(wait, w)
			continue
		}
		// Who ends a job has it first, and then items: so nobody may have items, and then want jobs.
		n, err := f.tx.exec(ctx, "UPDATE items SET state = ? WHERE survey = ? AND candidate = ? AND number = ? AND state = ?", isDone, v.id, w.candidate, w.number, isQueued)
		if err != nil {
			return err
		}
		t.item(store.ItemQueued, -n)
		t.item(store.ItemDone, n)
	}
	_, err = f.enqueue(ctx, jobsOf(v, wait))
	return err
}

// lookBatch is repositories that a job is to look at.
type lookBatch struct {
	id      int64
	numbers string
}

func scanBatch(row scanner) (b lookBatch, err error) { return b, row.Scan(&b.id, &b.numbers) }

// mendLooks puts jobs of batches, forgets those that were looked at, and has what is of none looked at
// anew.
func (f *feeder) mendLooks(ctx context.Context, v *survey) error {
	looked, err := each(ctx, f.tx, number, "SELECT number FROM candidates WHERE survey = ? AND state = 2", v.id) // isLooking
	if err != nil {
		return err
	}
	open := make(map[int64]bool, len(looked))
	for _, n := range looked {
		open[n] = true
	}
	batches, err := each(ctx, f.tx, scanBatch, "SELECT id, numbers FROM looks WHERE survey = ? AND failed = '' ORDER BY id", v.id)
	if err != nil {
		return err
	}
	for _, b := range batches {
		if err := f.mendBatch(ctx, v, b, open); err != nil {
			return err
		}
	}
	var lost [][1]int64
	for n := range open {
		lost = append(lost, [1]int64{n})
	}
	if len(lost) == 0 {
		return nil
	}
	_, err = f.tx.exec(ctx, "UPDATE candidates SET state = ? WHERE survey = ? AND state = ? AND number IN (SELECT CAST(e.value->>0 AS INTEGER) FROM "+
		f.s.dialect.Each+" e)", isChosen, v.id, isLooking, list(lost))
	return err
}

// mendBatch takes the repositories of a batch from those that are open.
func (f *feeder) mendBatch(ctx context.Context, v *survey, b lookBatch, open map[int64]bool) error {
	numbers, err := readNumbers(b.numbers)
	if err != nil {
		return err
	}
	left := 0
	for _, n := range numbers {
		if open[n] {
			delete(open, n)
			left++
		}
	}
	if left > 0 {
		_, err = f.enqueue(ctx, []store.Job{looking(v, b.id)})
		return err
	}
	_, err = f.tx.exec(ctx, "DELETE FROM looks WHERE id = ?", b.id)
	return err
}
