package tables

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Bounds of what one call of Feed does, so that it does not keep others from writing for long.
const (
	maxAhead   = 5_000 // jobs that wait
	maxBatches = 20    // jobs of looking that are put
	perBatch   = 50    // repositories that one of them is about
	maxHandled = 5_000 // images that are looked at
	// timesBack is how many times as many jobs of a survey as are to wait may have been put back, when it is
	// given no more of that kind: a registry that answers nobody is not to have its whole catalogue in the
	// queue, nor to keep others from being fed.
	timesBack = 4
	// mending is how often it is looked for what is stuck.
	mending = 10 * time.Minute
)

// Feed implements [store.Store].
func (s *Store) Feed(ctx context.Context, ahead int) (n int, err error) {
	ahead = max(1, min(ahead, maxAhead))
	err = s.change(ctx, func(tx session) error {
		f := feeder{s: s, tx: tx}
		err := f.feed(ctx, ahead)
		n = f.put
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("feed queue: %w", err)
	}
	return n, nil
}

// feeder is one call of Feed.
type feeder struct {
	s  *Store
	tx session
	// batches, images and handled are how many may still be put and looked at; put is how many jobs
	// were put.
	batches, images, handled, put int
	// most is how many jobs of a survey may have been put back; backLooks and backImages how many have.
	most                  int
	backLooks, backImages map[string]int
}

func (f *feeder) feed(ctx context.Context, ahead int) error {
	if err := f.s.alone(ctx, f.tx, feeding); err != nil {
		return err
	}
	if err := f.s.fold(ctx, f.tx); err != nil {
		return err
	}
	looks, err := f.s.waiting(ctx, f.tx, store.JobLook)
	if err != nil {
		return err
	}
	images, err := f.s.waiting(ctx, f.tx, store.JobImage)
	if err != nil {
		return err
	}
	if f.backLooks, err = f.s.putBack(ctx, f.tx, store.JobLook); err != nil {
		return err
	}
	if f.backImages, err = f.s.putBack(ctx, f.tx, store.JobImage); err != nil {
		return err
	}
	f.most = timesBack * ahead
	f.batches, f.images, f.handled = min(ahead-looks, maxBatches), ahead-images, maxHandled
	surveys, err := each(ctx, f.tx, scanSurvey, ofSurveys+"WHERE state IN ('listing', 'running') AND name NOT LIKE '%/%' ORDER BY priority, id")
	for i := range surveys {
		if err == nil {
			err = f.survey(ctx, &surveys[i])
		}
	}
	return err
}

// survey feeds what there is of one.
func (f *feeder) survey(ctx context.Context, v *survey) error {
	if !v.listed {
		if _, err := f.enqueue(ctx, []store.Job{listing(&v.Survey)}); err != nil {
			return err
		}
	}
	t := tally{}
	if now := f.s.now(); now.Sub(v.mended) >= mending || now.Before(v.mended) {
		if err := f.mend(ctx, v, t); err != nil {
			return err
		}
		if _, err := f.tx.exec(ctx, "UPDATE surveys SET mended = ? WHERE id = ?", nanoseconds(now), v.id); err != nil {
			return err
		}
	}
	if (v.listed || v.Choice.Sample == "") && f.backLooks[v.Name] < f.most {
		if err := f.looks(ctx, v); err != nil {
			return err
		}
	}
	if f.backImages[v.Name] < f.most {
		if err := f.ready(ctx, v, t); err != nil {
			return err
		}
	}
	if err := t.keep(ctx, f.s, f.tx, v.id); err != nil {
		return err
	}
	return f.end(ctx, v)
}

// enqueue puts jobs, and counts those that were not there.
func (f *feeder) enqueue(ctx context.Context, jobs []store.Job) (n int, err error) {
	if len(jobs) == 0 {
		return 0, nil
	}
	put, err := f.s.enqueue(ctx, f.tx, jobs)
	for _, ok := range put {
		if ok {
			n++
		}
	}
	f.put += n
	return n, err
}

// looks has repositories looked at, in the order of their ranks.
func (f *feeder) looks(ctx context.Context, v *survey) error {
	for ; f.batches > 0; f.batches-- {
		numbers, err := each(ctx, f.tx, number, `UPDATE candidates SET state = ? WHERE survey = ? AND number IN (SELECT number FROM candidates
WHERE survey = ? AND state = 1 ORDER BY rank, number LIMIT ? `+f.s.dialect.Skip+`) RETURNING number`, isLooking, v.id, v.id, perBatch) // isChosen
		if err != nil || len(numbers) == 0 {
			return err
		}
		var id int64
		if err := f.tx.row(ctx, "INSERT INTO looks (survey, numbers, failed) VALUES (?, ?, '') RETURNING id", v.id, numbersOf(numbers)).Scan(&id); err != nil {
			return err
		}
		if _, err := f.enqueue(ctx, []store.Job{looking(v, id)}); err != nil {
			return err
		}
	}
	return nil
}

// looking is the job that looks at a batch.
func looking(v *survey, batch int64) store.Job {
	return store.Job{Kind: store.JobLook, Survey: v.Name, Batch: batch, Priority: v.Priority}
}

// numbersOf is the JSON of a batch: an array of arrays, as [Dialect].Each has it.
func numbersOf(all []int64) string {
	rows := make([][1]int64, len(all))
	for i, n := range all {
		rows[i][0] = n
	}
	return list(rows)
}

func readNumbers(text string) (all []int64, err error) {
	var rows [][1]int64
	err = json.Unmarshal([]byte(text), &rows)
	for _, row := range rows {
		all = append(all, row[0])
	}
	return all, err
}

// waiter is an item that waits to be analysed, or for its job to end.
type waiter struct {
	candidate, number, rank int64
	digest                  string // of the column
	platform                string
	name                    store.Name
}

func scanWaiter(row scanner) (w waiter, err error) {
	return w, row.Scan(&w.candidate, &w.number, &w.rank, &w.digest, &w.platform, &w.name.Tag, &w.name.Registry, &w.name.Repository)
}

// waiters are items in a state, the first by rank. lock is of their rows.
func (f *feeder) waiters(ctx context.Context, v *survey, state, limit int, lock string) ([]waiter, error) {
	return each(ctx, f.tx, scanWaiter, `SELECT i.candidate, i.number, i.rank, i.digest, i.platform, i.tag, c.registry, c.repository
FROM items i CROSS JOIN candidates c WHERE c.survey = i.survey AND c.number = i.candidate AND i.survey = ? AND i.state = `+strconv.Itoa(state)+" ORDER BY i.rank, i.candidate, i.number LIMIT ? "+lock, v.id, limit)
}

// ready puts jobs for items that are ready, until enough of them wait.
func (f *feeder) ready(ctx context.Context, v *survey, t tally) error {
	skip := f.s.dialect.Skip // what somebody changes just now
	if skip != "" {
		skip = "FOR UPDATE OF i SKIP LOCKED"
	}
	for f.images > 0 && f.handled > 0 {
		all, err := f.waiters(ctx, v, isReady, min(f.images, f.handled), skip)
		if err != nil || len(all) == 0 {
			return err
		}
		f.handled -= len(all)
		if err := f.settle(ctx, v, t, all); err != nil {
			return err
		}
	}
	return nil
}

// settle decides what becomes of items that are ready: there is a report by now, or the digest was tried in
// vain under another name, or it waits for a job, which is put if it is not there. If it is, this locks it:
// who ends it does so first, and sees what waits for it then.
func (f *feeder) settle(ctx context.Context, v *survey, t tally, all []waiter) error {
	reported, err := f.reported(ctx, v, all)
	if err != nil {
		return err
	}
	tried, err := f.tried(ctx, v, all)
	if err != nil {
		return err
	}
	var moves [][]any
	var wait []waiter
	for _, w := range all {
		to, seen, reason := isQueued, false, store.Reason("")
		if was, ok := tried[w.digest]; reported[w.digest] {
			to, seen = isDone, true
		} else if ok {
			to, reason = was.state, was.reason
		} else {
			wait = append(wait, w)
		}
		t.item(store.ItemReady, -1)
		t.item(itemStates[to], 1)
		t.reason(reason, 1)
		moves = append(moves, []any{v.id, w.candidate, w.number, to, seen, reason})
	}
	if err := f.s.moveItems(ctx, f.tx, moves); err != nil {
		return err
	}
	n, err := f.enqueue(ctx, jobsOf(v, wait))
	f.images -= n
	return err
}

// jobsOf are the jobs that items wait for, one for each digest.
func jobsOf(v *survey, all []waiter) (jobs []store.Job) {
	asked := map[string]bool{}
	for i := range all {
		if w := &all[i]; !asked[w.digest] {
			asked[w.digest] = true
			jobs = append(jobs, w.job(v))
		}
	}
	return jobs
}

// job is the job that analyses an item.
func (w *waiter) job(v *survey) store.Job {
	d := digestOf(w.digest)
	j := store.Job{
		Kind: store.JobImage, Survey: v.Name, Priority: v.Priority, Digest: d, Aim: v.Aim, Options: v.Options,
		Ref: detonaut.Ref(w.name.Registry + "/" + w.name.Repository + "@" + string(d)),
	}
	if w.name.Tag != "" {
		j.Ref = detonaut.Ref(w.name.Registry + "/" + w.name.Repository + ":" + w.name.Tag + "@" + string(d))
	}
	j.Options.Platform = w.platform // of which the worker may not be
	if w.rank == rankPushed {
		j.Priority = min(j.Priority, store.PriorityPush)
	}
	return j
}

// reported are the digests, as columns have them, that have a report under the aim of a survey.
func (f *feeder) reported(ctx context.Context, v *survey, all []waiter) (map[string]bool, error) {
	rows := make([][1]string, len(all))
	for i, w := range all {
		rows[i][0] = string(digestOf(w.digest))
	}
	found, err := each(ctx, f.tx, text, "SELECT r.digest FROM "+f.s.dialect.Each+" e CROSS JOIN reports r WHERE r.digest = (e.value->>0) AND ? IN ('', r.aim)", list(rows), v.Aim)
	have := make(map[string]bool, len(found))
	for _, d := range found {
		have[columnOf(detonaut.Digest(d))] = true
	}
	return have, err
}

// try is what came of a digest under another name.
type try struct {
	state  int
	reason store.Reason
}

// tried are those of the digests of items that were tried in vain before for this survey.
func (f *feeder) tried(ctx context.Context, v *survey, all []waiter) (map[string]try, error) {
	var rows [][2]string
	asked := map[string]bool{} // thousands of tags may be of one digest
	for _, w := range all {
		if !asked[w.digest] {
			asked[w.digest] = true
			rows = append(rows, [2]string{w.digest, prefix(w.digest)})
		}
	}
	type found struct {
		digest string
		what   *string
	}
	tries, err := each(ctx, f.tx, func(row scanner) (t found, err error) { return t, row.Scan(&t.digest, &t.what) },
		"SELECT e.value->>0, (SELECT CAST(i.state AS TEXT) || i.reason FROM items i WHERE substr(i.digest, 1, 12) = e.value->>1 AND i.survey = ? AND i."+isTried+
			" AND i.state IN (4, 5) AND i.digest = e.value->>0 LIMIT 1) FROM "+f.s.dialect.Each+" e", v.id, list(rows))
	by := map[string]try{}
	for _, t := range tries {
		if t.what != nil {
			by[t.digest] = try{int((*t.what)[0] - '0'), store.Reason((*t.what)[1:])} // a state is one digit
		}
	}
	return by, err
}

// moveItems has items become something: rows are of survey, candidate, number, state, seen and reason.
func (s *Store) moveItems(ctx context.Context, tx session, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.exec(ctx, `UPDATE items SET state = w.state, seen = w.seen, reason = w.reason
FROM (SELECT CAST(e.value->>0 AS INTEGER) AS survey, CAST(e.value->>1 AS INTEGER) AS candidate, CAST(e.value->>2 AS INTEGER) AS number,
  CAST(e.value->>3 AS SMALLINT) AS state, CAST(e.value->>4 AS BOOLEAN) AS seen, e.value->>5 AS reason FROM `+s.dialect.Each+` e) w
WHERE items.survey = w.survey AND items.candidate = w.candidate AND items.number = w.number`, list(rows))
	return err
}

// end ends a survey of which nothing is left to do.
func (f *feeder) end(ctx context.Context, v *survey) error {
	if !v.listed || v.Watch {
		return nil
	}
	var left bool
	err := f.tx.row(ctx, `SELECT EXISTS (SELECT 1 FROM candidates WHERE survey = ? AND state = 1) OR EXISTS (SELECT 1 FROM candidates WHERE survey = ? AND state = 2)
  OR EXISTS (SELECT 1 FROM items WHERE survey = ? AND state = 0) OR EXISTS (SELECT 1 FROM items WHERE survey = ? AND state = 1)
  OR EXISTS (SELECT 1 FROM items WHERE survey = ? AND state = 6)`, v.id, v.id, v.id, v.id, v.id).Scan(&left)
	if err != nil || left {
		return err
	}
	if err := f.s.foldSurvey(ctx, f.tx, v.id); err != nil {
		return err
	}
	_, err = f.tx.exec(ctx, "UPDATE surveys SET state = ?, ended = ? WHERE id = ?", store.SurveyDone, nanoseconds(f.s.or(time.Time{})), v.id)
	return err
}
