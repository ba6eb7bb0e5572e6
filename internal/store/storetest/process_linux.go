package storetest

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// Variables that make a process of a test one that has jobs done: the directory in which it is told
// what to do, and by how much its clock is wrong.
const (
	childDir  = "DETONAUT_TEST_JOBS"
	childSkew = "DETONAUT_TEST_SKEW"
)

// shortLease is long enough for a machine that does many other things.
const shortLease = 3 * time.Second

// WorkForever is what a process does that is to be killed: if it is such a process, it has jobs done in the
// store that open opens, until SIGTERM, and tells true. Of each job it writes a line, and what
// it does follows from the ref: "hang" hangs at the first attempt, "poison" kills it, "stale" ends when
// there is a file named for the attempt.
func WorkForever(open func(context.Context, store.Options) (store.Store, error)) (bool, error) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return false, nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	skew, err := time.ParseDuration(os.Getenv(childSkew))
	if err != nil {
		return true, err
	}
	s, err := open(ctx, store.Options{Now: func() time.Time { return time.Now().Add(skew) }})
	if err != nil {
		return true, err
	}
	err = s.Work(ctx, store.WorkOptions{
		Name: strconv.Itoa(os.Getpid()), Images: 2, Lease: shortLease, Poll: 50 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)).With("process", os.Getpid()),
		Do:  func(ctx context.Context, j store.Job) store.Outcome { return childDo(ctx, dir, j) },
	})
	if err == nil {
		err = s.Close()
	}
	return true, err
}

func childDo(ctx context.Context, dir string, j store.Job) store.Outcome {
	_, _ = fmt.Fprintln(os.Stdout, j.Ref, j.Attempt) // who is not heard is killed
	kind, n, _ := strings.Cut(string(j.Ref), ":")
	number, _ := strconv.ParseUint(n, 10, 64) // the parent has made it
	switch kind {
	case "poison":
		p, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = p.Kill()
		}
		<-ctx.Done()
		return failed(fmt.Sprint(err))
	case "hang":
		if j.Attempt == 1 {
			<-ctx.Done()
			return store.Outcome{}
		}
	case "stale":
		for {
			if _, err := os.Stat(filepath.Join(dir, strconv.Itoa(j.Attempt))); err == nil || ctx.Err() != nil {
				break
			}
			<-time.After(10 * time.Millisecond)
		}
	}
	return done(under(entry(number), strconv.Itoa(j.Attempt)))
}

// scene is a store and processes that have its jobs done.
type scene struct {
	t     *testing.T
	s     store.Store
	dir   string
	child func() *exec.Cmd
	skew  time.Duration
}

// process is one of them.
type process struct {
	*exec.Cmd
	lines chan string
}

// start starts a process whose clock is wrong by hours.
func (c *scene) start() *process {
	c.t.Helper()
	cmd := c.child()
	c.skew = -c.skew
	cmd.Env = append(cmd.Env, childDir+"="+c.dir, childSkew+"="+c.skew.String())
	cmd.Stderr = os.Stderr
	out := got(cmd.StdoutPipe())(c.t)
	must(c.t, cmd.Start())
	p := &process{cmd, make(chan string, 100)}
	go func() {
		defer close(p.lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			p.lines <- in.Text()
		}
	}()
	return p
}

// has waits until a process has a job.
func (c *scene) has(p *process, want string) {
	c.t.Helper()
	select {
	case is := <-p.lines:
		same(c.t, "what a process has", want, is)
	case <-time.After(patient):
		c.t.Fatalf("the process never has %s", want)
	}
}

func (c *scene) signal(p *process, s syscall.Signal) {
	c.t.Helper()
	must(c.t, p.Process.Signal(s))
}

// holding starts a process that has a job, of a submission, and stops it where it keeps nobody from
// writing.
func (c *scene) holding(ref string) (*process, *store.Submission) {
	c.t.Helper()
	for {
		p, v := c.start(), submit(c.t, c.s, ref)
		c.has(p, ref+" 1")
		c.signal(p, syscall.SIGSTOP)
		ctx, cancel := context.WithTimeout(c.t.Context(), shortLease)
		err := c.s.Note(ctx, store.Deed{What: "write"})
		cancel()
		if err == nil {
			return p, v
		}
		c.t.Log(err) // it was in the middle of it
		c.signal(p, syscall.SIGKILL)
		_ = p.Wait() // it was killed
		must(c.t, c.s.Cancel(c.t.Context(), v.ID))
	}
}

// TestProcesses kills, stops and ends processes that have jobs done. child is one that calls
// [WorkForever], with the store that is s here.
func TestProcesses(t *testing.T, s store.Store, child func() *exec.Cmd) {
	c := &scene{t: t, s: s, dir: t.TempDir(), child: child, skew: 5 * time.Hour}
	for _, part := range []struct {
		name string
		test func(*scene, *testing.T)
	}{
		{"killed", (*scene).killed}, {"ended", (*scene).ended}, {"stopped", (*scene).stopped}, {"poison", (*scene).poison},
	} {
		t.Run(part.name, func(t *testing.T) {
			c.t = t
			part.test(c, t)
		})
	}
}

// killed kills a process that has a job: another does it.
func (c *scene) killed(t *testing.T) {
	p := c.start()
	v := submit(t, c.s, "hang:1")
	c.has(p, "hang:1 1")
	c.signal(p, syscall.SIGKILL)
	_ = p.Wait() // it was killed
	q := c.start()
	c.has(q, "hang:1 2")
	if v := becomes(t, c.s, v.ID, store.Done); v.Attempts != 2 {
		t.Errorf("what was done at last is %+v", v)
	}
	c.signal(q, syscall.SIGTERM)
	must(t, q.Wait())
}

// ended ends a process that has a job: another does it at once.
func (c *scene) ended(t *testing.T) {
	p := c.start()
	v := submit(t, c.s, "hang:2")
	c.has(p, "hang:2 1")
	c.signal(p, syscall.SIGTERM)
	must(t, p.Wait())
	if v := state(t, c.s, v.ID, store.Queued); v.Attempts != 0 {
		t.Errorf("what was put back is %+v", v)
	}
	must(t, c.s.Cancel(t.Context(), v.ID))
}

// stopped stops a process until another has its job, and lets it go on: what it says then counts for
// nothing, while the other works, and after.
func (c *scene) stopped(t *testing.T) {
	p, v := c.holding("stale:3")
	q := c.start()
	c.has(q, "stale:3 2")
	must(t, os.WriteFile(filepath.Join(c.dir, "1"), nil, 0o600))
	c.signal(p, syscall.SIGCONT)
	// It has ended the job, for its part, when it has another; which it may have only after it.
	c.signal(p, syscall.SIGTERM)
	must(t, p.Wait())
	if v := state(t, c.s, v.ID, store.Running); v.Attempts != 2 {
		t.Errorf("what another has is %+v", v)
	}
	must(t, os.WriteFile(filepath.Join(c.dir, "2"), nil, 0o600))
	v = becomes(t, c.s, v.ID, store.Done)
	e := under(entry(3), "2")
	all := got(c.s.Analyses(t.Context(), e.Report.Image.Digest))(t)
	if len(all) != 1 || all[0].Key != v.Fingerprint || all[0].Key != store.Key(e.Report.Fingerprint) {
		t.Errorf("of a job that two had there is %+v, and %+v", all, v)
	}
	c.signal(q, syscall.SIGTERM)
	must(t, q.Wait())
}

// poison kills every process that has it, until nobody is to have it any more.
func (c *scene) poison(t *testing.T) {
	v := submit(t, c.s, "poison:4")
	for i := 1; i <= store.MaxAttempts; i++ {
		p := c.start()
		c.has(p, fmt.Sprint("poison:4 ", i))
		if err := p.Wait(); err == nil {
			t.Error("a process has survived")
		}
	}
	w := submit(t, c.s, "good:5")
	p := c.start()
	c.has(p, "good:5 1")
	becomes(t, c.s, w.ID, store.Done)
	v = becomes(t, c.s, v.ID, store.Failed)
	jobs, _, err := c.s.Jobs(t.Context(), store.JobImage, store.JobFailed, store.Page{Limit: 1})
	must(t, err)
	if v.Attempts != store.MaxAttempts || !strings.Contains(v.Failure, "3 times") || len(jobs) != 1 || len(jobs[0].Errors) != store.MaxAttempts ||
		!strings.Contains(jobs[0].Errors[2].Text, "not heard of") || !strings.Contains(jobs[0].Errors[2].Text, "often enough") {
		t.Errorf("what kills everybody is %+v and %+v", v, jobs)
	}
	c.signal(p, syscall.SIGTERM)
	must(t, p.Wait())
}

// TestFence gives the leases of jobs to another while they are done: what comes of them counts for nothing,
// and the jobs are still the other's. db is the database of the store.
func TestFence(t *testing.T, s store.Store, db *sql.DB) {
	lost := working(t, s, store.WorkOptions{Images: 4})
	var ids []string
	var jobs []held
	for i := range 4 {
		ids = append(ids, submit(t, s, fmt.Sprint(i)).ID)
		jobs = append(jobs, lost.submitted(fmt.Sprint(i)))
	}
	got(db.ExecContext(t.Context(), "UPDATE leases SET holder = 'another'"))(t)
	for i, o := range []store.Outcome{done(entry(1)), failed("no"), {Later: time.Hour}, {}} {
		jobs[i].end(o)
	}
	lost.leave() // it has ended them, for its part
	for i, j := range jobs {
		if is := got(s.Job(t.Context(), j.ID))(t); is.State != store.JobRunning || is.Attempt != 1 || len(is.Errors) > 0 {
			t.Errorf("what is another's is %+v", is)
		}
		state(t, s, ids[i], store.Running)
	}
	notFound(t, "get a report of who lost the job", func() error { _, err := s.Get(t.Context(), entry(1).Report.Image.Digest, ""); return err })
	// The other is never heard of.
	got(db.ExecContext(t.Context(), "UPDATE leases SET until = 1"))(t)
	h := working(t, s, store.WorkOptions{Images: 1})
	for i := range jobs {
		j := h.submitted(fmt.Sprint(i))
		if j.Attempt != 2 || len(j.Errors) != 1 {
			t.Errorf("what is tried again is %+v", j.Job)
		}
		j.end(failed("no"))
		becomes(t, s, ids[i], store.Failed)
	}
	h.leave()
	// A job that runs and has no lease was changed by somebody else.
	h = working(t, s, store.WorkOptions{Lease: 10 * time.Second})
	v := submit(t, s, "a")
	j := h.submitted("a")
	got(db.ExecContext(t.Context(), "DELETE FROM leases"))(t)
	select {
	case <-j.ctx.Done():
	case <-time.After(patient):
		t.Error("who has no lease goes on")
	}
	h.submitted("a").end(done(entry(2)))
	becomes(t, s, v.ID, store.Done)
}

// TestWorkRestart stops the database while jobs run, and while one ends, and starts it again.
func TestWorkRestart(t *testing.T, s store.Store, stop, start func()) {
	a, b := submit(t, s, "a"), submit(t, s, "b")
	h := working(t, s, store.WorkOptions{Images: 2, Lease: 2 * patient})
	var all []held
	for range 2 {
		all = append(all, h.next())
	}
	stop()
	all[0].end(done(entry(1)))
	start()
	all[1].end(done(entry(2)))
	for _, id := range []string{a.ID, b.ID} {
		if v := becomes(t, s, id, store.Done); v.Attempts != 1 {
			t.Errorf("what was done while the database was away is %+v", v)
		}
	}
}
