package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// testHostileSurvey has registries that lie.
func testHostileSurvey(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	begin(t, s, "s", nil)
	names := []string{"a'b", `"; DROP TABLE candidates; --`, "nul\x00", "bad\xff\xfe", "esc\x1b[31m", "\u202egnp.exe", strings.Repeat("x", 100_000), strings.Repeat("é", 200), "?", "%s", "$1"}
	var list []store.Candidate
	for i, name := range names {
		list = append(list, store.Candidate{Class: "king", Weight: math.Inf(1), Stratum: name, Reason: store.Reason(name), State: "mad", Number: -1, Repository: store.Repository{
			Registry: "evil" + name[:min(len(name), 4)], Name: name, Description: strings.Repeat(name, 1+5000/len(name)),
			Pulls: []int64{math.MaxInt64, math.MinInt64, 0}[i%3], Stars: []int64{math.MinInt64, math.MaxInt64}[i%2],
			Updated: []time.Time{{}, time.Unix(1<<60, 0), time.Unix(-1<<60, 0), pushedAt}[i%4],
		}})
	}
	list = append(list, list...)
	list = append(list, store.Candidate{}, store.Candidate{Repository: store.Repository{Registry: "r"}})
	must(t, s.Listed(t.Context(), "s", list, "\x00\xff", false))
	invalid(t, "a cursor without an end", s.Listed(t.Context(), "s", nil, strings.Repeat("x", 2<<20), false))
	must(t, s.Listed(t.Context(), "s", nil, "", true))
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateChosen: len(names) - 2, store.CandidateSkipped: 2}, nil, map[store.Reason]int{store.ReasonBroken: 2})
	feed(t, s)
	look(t, s, func(c store.Candidate) ([]store.Item, store.Reason) {
		var items []store.Item
		for _, name := range names {
			items = append(items, store.Item{
				Survey: name, Candidate: -1, Number: -1, Name: store.Name{Registry: name, Repository: name, Tag: name}, Digest: detonaut.Digest("sha256:" + name),
				Platform: name, Size: math.MinInt64, Pushed: time.Unix(1<<60, 0), State: store.ItemDone, Seen: true,
			}, store.Item{Name: store.Name{Tag: name}, Digest: detonaut.Digest(name), Platform: "p" + name})
		}
		return items, store.Reason(names[6])
	})
	for range 10 {
		feed(t, s)
	}
	all := results(t, s, "s", 7)
	for _, r := range all {
		for _, text := range []string{r.Candidate.Registry, r.Candidate.Name, string(r.Candidate.Reason)} {
			if len(text) > 600 || strings.Contains(text, "\x00") || !utf8.ValidString(text) {
				t.Errorf("a text of %d bytes was kept", len(text))
			}
		}
		if r.Item != nil && (r.Item.State == store.ItemDone || r.Item.Seen || r.Item.Size < 0 || len(r.Item.Name.Tag) > 600 || len(r.Item.Digest) > 1024 || !r.Item.Pushed.IsZero()) {
			t.Errorf("an image is %.300v", r.Item)
		}
	}
	v := counts(t, s, "s")
	if v.Items[store.ItemQueued] == 0 || v.Items[store.ItemSkipped] == 0 || v.Items[store.ItemDone] != 0 {
		t.Errorf("images are %v", v.Items)
	}
	if c := got(s.Repository(t.Context(), "evila'b", "a'b"))(t); len(c.Description) > 5000 {
		t.Errorf("a description of %d bytes was kept", len(c.Description))
	}
	must(t, s.DropSurvey(t.Context(), "s"))
}

// testMillionTags has a registry tell of a million tags.
func testMillionTags(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	all(t, s, "s", 2, nil)
	feed(t, s)
	items := make([]store.Item, 1_000_000)
	for i := range items {
		items[i] = store.Item{Name: store.Name{Tag: fmt.Sprint(i)}, Platform: "linux/amd64", Digest: digest(uint64(i) % 3)}
	}
	must(t, s.Looked(t.Context(), "s", 1, items, ""))
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateChosen: 1, store.CandidateLooked: 1},
		map[store.ItemState]int{store.ItemReady: store.MaxItems}, map[store.Reason]int{store.ReasonMany: 1})
	must(t, s.Looked(t.Context(), "s", 1, items[999_000:], "")) // there is no more room
	must(t, s.Looked(t.Context(), "s", 2, items[:2], ""))
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateLooked: 2},
		map[store.ItemState]int{store.ItemReady: store.MaxItems + 2}, map[store.Reason]int{store.ReasonMany: 1})
	for counts(t, s, "s").Items[store.ItemReady] > 0 {
		feed(t, s)
	}
	same(t, "how many jobs there are of three digests", 3, len(waits(t, s, store.JobImage)))
	work(t, s, isImage, func(j store.Job) store.Outcome {
		if j.Digest == digest(0) {
			return failed("no")
		}
		return done(aimed(map[detonaut.Digest]uint64{digest(1): 1, digest(2): 2}[j.Digest], "aim"))
	})
	feed(t, s)
	isCounted(t, s, "s", store.SurveyDone, map[store.CandidateState]int{store.CandidateLooked: 2},
		map[store.ItemState]int{store.ItemDone: 6667, store.ItemFailed: 3335}, map[store.Reason]int{store.ReasonMany: 1, "no": 3335})
}

// TestStuck has jobs vanish from the queue. Some time later they are there again.
func TestStuck(t *testing.T, open func(store.Options) store.Store, db *sql.DB) {
	clock := newClock()
	s := open(clock.options())
	vanish := func() {
		t.Helper()
		got(db.ExecContext(t.Context(), "DELETE FROM river_job"))(t)
	}
	all(t, s, "s", 60, nil)
	feed(t, s)
	vanish()
	same(t, "how many jobs wait", 0, len(waits(t, s, "")))
	same(t, "how many jobs are put at once", 0, feed(t, s))
	got(db.ExecContext(t.Context(), "DELETE FROM looks WHERE id = (SELECT MIN(id) FROM looks)"))(t)
	clock.pass(time.Hour)
	same(t, "how many jobs are put later", 2, feed(t, s)) // of what is in no batch, a new one
	same(t, "how many are to be looked at", 60, len(candidates(t, s)))
	look(t, s, one)
	same(t, "how many jobs are put", 60, feed(t, s))
	vanish()
	put(t, s, aimed(5, "aim"))
	same(t, "how many jobs are put at once", 0, feed(t, s))
	clock.pass(time.Hour)
	same(t, "how many jobs are put later", 59, feed(t, s))
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateLooked: 60}, map[store.ItemState]int{store.ItemDone: 1, store.ItemQueued: 59}, nil)
	clock.pass(time.Hour)
	same(t, "how many jobs are put that are there", 0, feed(t, s))
	CheckTables(t, db)
}

// world is a registry with repositories, of which it is known what a survey must find.
type world struct {
	s store.Store
	// size is how many repositories it has, and page how many are listed at once.
	size, page int
	mu         sync.Mutex
	analysed   map[detonaut.Digest]int
}

// Of the repositories of a world every fifth has no tags, every fourth an artifact; each has three tags,
// of which the digests are shared with others. Every eleventh digest is poison.
func (w *world) truth() (repositories map[store.CandidateState]int, items map[store.ItemState]int, reasons map[store.Reason]int, digests int) {
	repositories, items, reasons = map[store.CandidateState]int{}, map[store.ItemState]int{}, map[store.Reason]int{}
	all := map[uint64]bool{}
	for n := 1; n <= w.size; n++ {
		if n%5 == 0 {
			repositories[store.CandidateSkipped]++
			reasons[store.ReasonImageless]++
			continue
		}
		repositories[store.CandidateLooked]++
		if n%4 == 0 {
			items[store.ItemSkipped]++
			reasons[store.ReasonArtifact]++
		}
		for _, d := range w.digests(n) {
			all[d] = true
			if d%11 == 0 {
				items[store.ItemFailed]++
				reasons["poison"]++
			} else {
				items[store.ItemDone]++
			}
		}
	}
	return repositories, items, reasons, len(all)
}

func (*world) digests(n int) []uint64 { return []uint64{uint64(n / 2), uint64(n % 7), uint64(n % 5)} }

// do does a job as a worker would.
func (w *world) do(ctx context.Context, j store.Job) store.Outcome {
	var err error
	switch j.Kind {
	case store.JobList:
		err = w.list(ctx, j.Survey)
	case store.JobLook:
		err = w.look(ctx, j)
	case store.JobImage:
		return w.analyse(ctx, j)
	}
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return store.Outcome{Failure: &store.Failure{Says: "the store has a problem", Detail: err.Error(), Pause: time.Millisecond}}
	}
	return store.Outcome{}
}

func (w *world) list(ctx context.Context, name string) error {
	for {
		v, err := w.s.Survey(ctx, name)
		if err != nil {
			return err
		}
		var at int
		if v.Cursor != "" {
			if _, err := fmt.Sscan(v.Cursor, &at); err != nil {
				return err
			}
		}
		next := min(at+w.page, w.size)
		if err := w.s.Listed(ctx, name, repositories(max(at-1, 1), next), fmt.Sprint(next), next == w.size); err != nil || next == w.size {
			return err
		}
	}
}

func (w *world) look(ctx context.Context, j store.Job) error {
	all, err := w.s.Candidates(ctx, j.Survey, j.Batch)
	for _, c := range all {
		if err != nil {
			break
		}
		n := int(c.Pulls)
		if n%5 == 0 {
			err = w.s.Looked(ctx, j.Survey, c.Number, nil, store.ReasonImageless)
			continue
		}
		var items []store.Item
		if n%4 == 0 {
			items = append(items, store.Item{Name: store.Name{Tag: "chart"}, Reason: store.ReasonArtifact})
		}
		for i, d := range w.digests(n) {
			items = append(items, tagged(fmt.Sprint(i), d))
		}
		err = w.s.Looked(ctx, j.Survey, c.Number, items, "")
	}
	return err
}

func (w *world) analyse(ctx context.Context, j store.Job) store.Outcome {
	if e, err := w.s.Get(ctx, j.Digest, ""); err == nil { // it was made since the job was put
		return store.Outcome{Known: &store.Known{Digest: j.Digest, Key: e.Key}}
	}
	w.mu.Lock()
	w.analysed[j.Digest]++
	w.mu.Unlock()
	for n := range uint64(w.size) {
		if digest(n) == j.Digest && n%11 == 0 {
			return failed("poison")
		}
		if digest(n) == j.Digest {
			e := aimed(n, "aim")
			e.Blobs = map[string]string{"tape": fmt.Sprint("blob of ", n)}
			return done(e)
		}
	}
	return failed("nobody knows it")
}

// survey works and feeds until ctx ends, or the survey does. told is told of each job that was done.
func (w *world) survey(ctx context.Context, name string, told func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	worked := make(chan error, 1)
	go func() {
		worked <- w.s.Work(ctx, store.WorkOptions{
			Name: "w", Images: 3, Catalogue: 2, Lease: 2 * time.Second, Poll: 20 * time.Millisecond, Grace: patient,
			Do: func(ctx context.Context, j store.Job) store.Outcome {
				o := w.do(ctx, j)
				told()
				return o
			},
		})
	}()
	for {
		_, err := w.s.Feed(ctx, 20)
		var v *store.Survey
		if err == nil {
			v, err = w.s.Survey(ctx, name)
		}
		if err != nil || v.State == store.SurveyDone {
			cancel()
			if err = errors.Join(err, <-worked); errors.Is(err, context.Canceled) {
				err = nil
			}
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// testSurveyCrowd has several workers with two stores do a survey, and another that wants the same.
func testSurveyCrowd(t *testing.T, open Opener) {
	const size = 90
	var all []*world
	for range 2 {
		all = append(all, &world{s: open(t, store.Options{}), size: size, page: 7, analysed: map[detonaut.Digest]int{}})
	}
	begin(t, all[0].s, "s", nil)
	begin(t, all[0].s, "second", func(v *store.Survey) { v.Choice.Sample, v.Choice.Size = store.SampleStratified, size })
	var crowd sync.WaitGroup
	for _, w := range all {
		for _, name := range []string{"s", "second"} {
			crowd.Go(func() {
				if err := w.survey(t.Context(), name, func() {}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	crowd.Wait()
	repositories, items, reasons, digests := all[0].truth()
	for _, name := range []string{"s", "second"} {
		isCounted(t, all[0].s, name, store.SurveyDone, repositories, items, reasons)
	}
	n := 0
	for _, w := range all {
		for _, times := range w.analysed {
			n += times
		}
	}
	poison := poisoned(all[0])
	if n < digests || n > digests+4*poison {
		t.Errorf("of %d digests there were %d analyses", digests, n) // what is poison may be tried for each survey
	}
	same(t, "how many reports there are", digests-poison, len(got(all[1].s.All(t.Context(), 0, 1000))(t)))
}

// poisoned is how many digests of a world are poison.
func poisoned(w *world) int {
	all := map[uint64]bool{}
	for n := 1; n <= w.size; n++ {
		for _, d := range w.digests(n) {
			if n%5 != 0 && d%11 == 0 {
				all[d] = true
			}
		}
	}
	return len(all)
}

// killSize is how many repositories the world has of which somebody is killed.
const killSize = 150

// SurveyForever is what a process does that is to be killed: it works at the survey of [TestSurveyKill], and
// writes a number when a job is done.
func SurveyForever(ctx context.Context, s store.Store, out io.Writer) error {
	w := &world{s: s, size: killSize, page: 10, analysed: map[detonaut.Digest]int{}}
	var mu sync.Mutex
	n := 0
	return w.survey(ctx, "s", func() {
		mu.Lock()
		defer mu.Unlock()
		n++
		_, _ = fmt.Fprintln(out, n) // who reads it kills
	})
}

// TestSurveyKill kills processes that run [SurveyForever], one after the other, and has the last one come to
// the end: then it must be as if nobody had been killed.
func TestSurveyKill(t *testing.T, child func() *exec.Cmd, open func() store.Store) {
	s := open()
	begin(t, s, "s", nil)
	must(t, s.Close())
	for _, jobs := range []int{1, 2, 4, 9, 25} {
		killed(t, child(), jobs)
	}
	s = open()
	w := &world{s: s, size: killSize, page: 10, analysed: map[detonaut.Digest]int{}}
	must(t, w.survey(t.Context(), "s", func() {}))
	repositories, items, reasons, _ := w.truth()
	isCounted(t, s, "s", store.SurveyDone, repositories, items, reasons)
	seen := map[string]bool{}
	for _, r := range results(t, s, "s", 100) {
		if r.Item == nil {
			continue
		}
		place := fmt.Sprint(r.Candidate.Number, r.Item.Name.Tag, r.Item.Platform)
		if seen[place] || (r.Item.State == store.ItemDone) != (r.Measured != nil) {
			t.Errorf("a result is there twice, or without what was measured: %+v", r.Item)
		}
		seen[place] = true
	}
	same(t, "how many jobs are left", 0, len(waits(t, s, "")))
	must(t, s.Close())
}
