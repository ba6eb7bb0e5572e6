package storetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// PutForever is what a process does that is to be killed: it puts reports, and ends submissions
// with reports, from a number on, and writes that number when both are acknowledged.
func PutForever(ctx context.Context, s store.Store, from uint64, w io.Writer) error {
	stop := serving(ctx, s, "w", func(j store.Job) store.Outcome {
		n, err := strconv.ParseUint(string(j.Ref), 10, 64)
		if err != nil {
			return failed(err.Error())
		}
		return done(kept(n + 1))
	})
	defer func() { _ = stop() }() // the error is that of putting
	for n := from; ; n += 2 {
		if err := putTwo(ctx, s, n); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w, n); err != nil {
			return err
		}
	}
}

// kept is an entry that a fact of its own leads to.
func kept(n uint64) store.Entry {
	e := withDomain(n, fmt.Sprintf("%d.example", n), "pool.example")
	e.Blobs = map[string]string{"tape": fmt.Sprint("blob of ", n)}
	return e
}

func putTwo(ctx context.Context, s store.Store, n uint64) error {
	if _, err := s.Put(ctx, kept(n)); err != nil {
		return err
	}
	v, err := s.Submit(ctx, store.Submission{Ref: detonaut.Ref(fmt.Sprint(n)), Owner: fmt.Sprint(n)})
	if err != nil {
		return err
	}
	if err := s.AddProgress(ctx, v.ID, []store.Progress{told("note", "1")}); err != nil {
		return err
	}
	for !v.State.Ended() {
		if v, err = s.Submission(ctx, v.ID); err != nil {
			return err
		}
	}
	if v.State != store.Done {
		return fmt.Errorf("submission %d is %s: %s", n, v.State, v.Failure)
	}
	return nil
}

// TestKill kills processes that run [PutForever] from a number on, and looks for everything that they
// had acknowledged in what open opens then.
func TestKill(t *testing.T, child func(from uint64) *exec.Cmd, open func() store.Store) {
	var all []uint64
	for round, acknowledged := range []int{1, 2, 7, 30} {
		all = append(all, killed(t, child(uint64(round)*100_000), acknowledged)...)
		s := open()
		for _, n := range all {
			isKept(t, s, n)
		}
		fits(t, s)
		must(t, s.Close())
	}
}

// killed starts a process, kills it after so many lines, and returns what it wrote.
func killed(t *testing.T, cmd *exec.Cmd, lines int) (all []uint64) {
	t.Helper()
	out := got(cmd.StdoutPipe())(t)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	must(t, cmd.Start())
	in := bufio.NewScanner(out)
	for in.Scan() {
		all = append(all, got(strconv.ParseUint(in.Text(), 10, 64))(t))
		if len(all) == lines {
			must(t, cmd.Process.Kill()) // it writes the next one by now
		}
	}
	_ = cmd.Wait() // it was killed
	if len(all) < lines {
		t.Fatalf("it ended by itself: %s", complaints.String())
	}
	return all
}

// isKept fails unless both reports of a number are there, with all that belongs to them.
func isKept(t *testing.T, s store.Store, n uint64) {
	t.Helper()
	for _, n := range []uint64{n, n + 1} {
		e := kept(n)
		is, err := s.Get(t.Context(), e.Report.Image.Digest, "")
		if err != nil {
			t.Fatalf("report %d was acknowledged: %v", n, err)
		}
		sameReport(t, e.Report, is.Report)
		if len(having(t, s, domain(fmt.Sprintf("%d.example", n)), 10)) != 1 {
			t.Errorf("the fact of report %d does not lead to it", n)
		}
	}
	recent, _, err := s.Recent(t.Context(), fmt.Sprint(n), store.Page{Limit: 10})
	must(t, err)
	if len(recent) != 1 || recent[0].State != store.Done {
		t.Errorf("the submission of report %d is %v", n, recent)
	}
}

// fits fails unless everything fits together: no report is there by halves.
func fits(t *testing.T, s store.Store) {
	t.Helper()
	all := got(s.All(t.Context(), 0, 1<<30))(t)
	for _, v := range all {
		e := got(s.Get(t.Context(), v.Digest, v.Key))(t)
		if len(e.Blobs) != 1 {
			t.Errorf("a report has the blobs %v", e.Blobs)
		}
	}
	same(t, "how many have a fact that all have", []int{len(all)}, got(s.Prevalence(t.Context(), []store.Fact{domain("pool.example")}))(t))
	same(t, "how many blobs all have", len(all), len(got(s.Named(t.Context(), "", 1<<30))(t)))
	same(t, "how many are counted", len(all), got(s.Numbers(t.Context()))(t).Reports)
}

// TestRestart has several put reports in two stores while the database is stopped and started again:
// they see errors, then go on, and what was acknowledged is there.
func TestRestart(t *testing.T, s, other store.Store, stop, start func()) {
	var mu sync.Mutex
	news := sync.NewCond(&mu)
	var acknowledged []uint64
	failures := 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	for w := range uint64(3) {
		st := []store.Store{s, other}[w%2]
		all.Go(func() {
			for n := w * 100_000; ctx.Err() == nil; {
				_, err := st.Put(ctx, kept(n))
				mu.Lock()
				if err == nil {
					acknowledged = append(acknowledged, n)
					n++
				} else {
					failures++
				}
				news.Broadcast()
				mu.Unlock()
			}
		})
	}
	// wait waits for more reports and failures than there were.
	wait := func(reports, failed int) {
		mu.Lock()
		defer mu.Unlock()
		reports, failed = reports+len(acknowledged), failed+failures
		for len(acknowledged) < reports || failures < failed {
			news.Wait()
		}
	}
	for round := range 2 {
		wait(10, 0)
		stop()
		wait(0, 5)
		if _, err := s.Find(t.Context(), store.Query{Page: store.Page{Limit: 1}}); err == nil {
			t.Errorf("round %d: something is found in a database that does not run", round)
		}
		start()
		wait(10, 0)
	}
	cancel()
	all.Wait()
	for _, n := range acknowledged {
		e := kept(n)
		is, err := s.Get(t.Context(), e.Report.Image.Digest, "")
		if err != nil {
			t.Fatalf("report %d was acknowledged: %v", n, err)
		}
		sameReport(t, e.Report, is.Report)
	}
	fits(t, s)
	fits(t, other)
}
