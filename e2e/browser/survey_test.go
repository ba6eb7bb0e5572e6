package browser_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/sqlite"
)

// A census is a private server that does not work, over a store with surveys: of so many
// repositories as a source tells of, half of them drawn, and most of these analysed.
type census struct {
	store store.Store
	at    *process
}

// surveyed is how many reports there are of the images of a survey.
const surveyed = 64

func takeCensus(t *testing.T) *census {
	t.Helper()
	file := filepath.Join(t.TempDir(), "store.db")
	s, err := sqlite.Open(t.Context(), file, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for seed := range uint64(surveyed) {
		r := reporttest.Realistic(seed)
		if _, err := s.Put(t.Context(), store.Entry{Report: r, Name: nameOf(r.Image.Ref), Aim: aim}); err != nil {
			t.Fatal(err)
		}
	}
	c := &census{store: s}
	c.survey(t, "hub-sample", store.PrioritySurvey, []string{"dockerhub:library", "dockerhub:search:web"}, func(i int) string { return fmt.Sprintf("team-%d/service-%d", i%17, i) }, nil)
	c.at = home(t).start(t, "serve", "--no-worker", "--listen", "127.0.0.1:0", "--database", file)
	return c
}

const aim = "0123456789abcdef"

// survey makes one of repositories with such names, some of which are skipped for reasons.
func (c *census) survey(t *testing.T, name string, priority int, sources []string, repository func(int) string, reasons []store.Reason) {
	t.Helper()
	sv := store.Survey{
		Name: name, Sources: sources, Aim: aim, Priority: priority,
		Choice: store.Choice{Sample: store.SampleRandom, Size: 100, Seed: 20, Platforms: []string{"linux/amd64"}},
	}
	if err := c.store.NewSurvey(t.Context(), sv); err != nil {
		t.Fatal(err)
	}
	found := make([]store.Candidate, 200)
	for i := range found {
		found[i] = store.Candidate{
			Repository: store.Repository{Registry: "docker.io", Name: repository(i), Pulls: int64(i) * int64(i) * 97, Stars: int64(i), Official: i%20 == 0, Updated: time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC)},
			Class:      []store.Class{store.ClassOfficial, store.ClassVerified, store.ClassCommunity}[min(i%20, 2)],
		}
	}
	if err := c.store.Listed(t.Context(), name, found, "", true); err != nil {
		t.Fatal(err)
	}
	reasons = append(reasons, store.ReasonImageless, store.ReasonArtifact, store.ReasonPlatform)
	c.feed(t)
	looks, _, err := c.store.Jobs(t.Context(), store.JobLook, "", store.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, j := range looks {
		if j.Survey != name {
			continue
		}
		some, err := c.store.Candidates(t.Context(), name, j.Batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range some {
			var items []store.Item
			var reason store.Reason
			if looked < len(reasons) {
				reason = reasons[looked]
			} else {
				items = []store.Item{{
					Name: store.Name{Registry: r.Registry, Repository: r.Name, Tag: "latest"}, Platform: "linux/amd64", Size: 30_000_000,
					State: store.ItemReady, Digest: reporttest.Realistic(uint64(looked % (surveyed + 8))).Image.Digest,
				}}
			}
			if err := c.store.Looked(t.Context(), name, r.Number, items, reason); err != nil {
				t.Fatal(err)
			}
			looked++
		}
	}
	if looked != sv.Choice.Size {
		t.Fatalf("%d repositories are to be looked at", looked)
	}
	c.feed(t)
}

func (c *census) feed(t *testing.T) {
	t.Helper()
	if _, err := c.store.Feed(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
}

// fail has a worker fail at two images, so that there are jobs that are set aside.
func (c *census) fail(t *testing.T, worker, says string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	var failed atomic.Int64
	vacant := func() int { return max(0, 2-int(failed.Load())) } // others are left to wait
	go func() {
		done <- c.store.Work(ctx, store.WorkOptions{Name: worker, Images: 2, Vacant: vacant, Poll: 10 * time.Millisecond, Do: func(context.Context, store.Job) store.Outcome {
			failed.Add(1)
			return store.Outcome{Failure: &store.Failure{Says: says, Detail: "pull image: " + says + "\nthe second line\n", Final: true}}
		}})
	}()
	for len(c.jobs(t, store.JobFailed)) < 2 {
		select {
		case err := <-done:
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func (c *census) jobs(t *testing.T, state store.JobState) []store.Job {
	t.Helper()
	found, _, err := c.store.Jobs(t.Context(), store.JobImage, state, store.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// enter opens a tab in which the administrator is signed in.
func (c *census) enter(t *testing.T) *tab {
	t.Helper()
	b := newTab(t, c.at.host)
	b.open(c.at.link)
	if b.count("main form button") > 0 { // it asks whether that was meant
		b.leave(chromedp.Click(chromedp.CSS("main form button")))
	}
	return b
}

// counted opens the page of a survey, and waits until its numbers are there.
func (b *tab) counted(path string) {
	b.t.Helper()
	b.until(func() bool {
		b.open(path)
		return b.count("#study-verdict") > 0
	})
}

// The pages of surveys and of the queue are for everybody, and what is asked of the queue is
// done at a click.
func TestSurveys(t *testing.T) {
	t.Parallel()
	c := takeCensus(t)
	c.fail(t, "worker-1", "the registry does not answer")
	if err := c.store.HoldHost(t.Context(), "registry-1.docker.io", time.Hour, "429 Too Many Requests"); err != nil {
		t.Fatal(err)
	}
	b := c.enter(t)
	b.counted("/surveys/hub-sample")
	failed, waiting := c.jobs(t, store.JobFailed)[0].ID, c.jobs(t, store.JobWaiting)[0].ID
	b.published("survey", "#study-verdict")
	for _, p := range []struct {
		name, path string
		keys       bool
	}{
		{"surveys", "/surveys", false},
		{"survey", "/surveys/hub-sample", true},
		{"survey-items", "/surveys/hub-sample/items", false},
		{"queue", "/queue", true},
		{"job", fmt.Sprint("/queue/jobs/", failed), true},
	} {
		b.open(p.path)
		b.check(p.name)
		b.do(narrow)
		b.fits(p.name + " on a small phone")
		b.picture(p.name + "-phone")
		b.do(desktop)
		if p.keys {
			b.reachable(p.name)
		}
	}
	c.deeds(t, b, failed, waiting)
	c.hostile(t, b)
}

// deeds are all that an administrator can do to the queue.
func (c *census) deeds(t *testing.T, b *tab, failed, waiting int64) {
	t.Helper()
	for _, deed := range []struct {
		path, button string
		done         func() bool
	}{
		{"/queue", "Pause", func() bool { return c.paused(t) }},
		{"/queue", "Resume", func() bool { return !c.paused(t) }},
		{fmt.Sprint("/queue/jobs/", failed), "Try again", func() bool { return c.state(t, failed) == store.JobWaiting }},
		{fmt.Sprint("/queue/jobs/", waiting), "Cancel", func() bool { return c.state(t, waiting) == store.JobCancelled }},
	} {
		b.open(deed.path)
		b.follow(link(deed.button))
		if got := b.path(); got != deed.path || !deed.done() {
			t.Errorf("%s at %s leads to %s: %s", deed.button, deed.path, got, b.text("main"))
		}
		if b.count("main button") > 0 && strings.Contains(b.text("main form"), deed.button) {
			t.Errorf("%s can be done again", deed.button)
		}
	}
}

func (c *census) paused(t *testing.T) bool {
	t.Helper()
	q, err := c.store.Queue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return q.Paused
}

func (c *census) state(t *testing.T, job int64) store.JobState {
	t.Helper()
	j, err := c.store.Job(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	return j.State
}

// hostile has everything that others say be hostile, and nothing of it do anything.
func (c *census) hostile(t *testing.T, b *tab) {
	t.Helper()
	known := map[string]bool{"bdi title": true} // of long texts
	pages := func(survey string, job int64) []string {
		at := "/surveys/" + survey
		return []string{"/surveys", at, at + "/items", at + "/items?state=failed", "/queue", "/queue?state=failed", fmt.Sprint("/queue/jobs/", job)}
	}
	for _, path := range pages("hub-sample", c.jobs(t, store.JobFailed)[0].ID) {
		b.open(path)
		b.learn(known)
	}
	all := reporttest.Payloads()
	var sources []string
	var reasons []store.Reason
	for i, p := range all {
		if i < 20 {
			sources = append(sources, p.Text)
		}
		if i < 40 {
			reasons = append(reasons, store.Reason(p.Text))
		}
	}
	c.survey(t, "hostile", store.PriorityPush, sources, func(i int) string { return fmt.Sprint(all[i%len(all)].Text, i) }, reasons)
	c.fail(t, all[1].Text, all[2].Text)
	if err := c.store.HoldHost(t.Context(), "registry.example", time.Hour, all[3].Text); err != nil {
		t.Fatal(err)
	}
	b.counted("/surveys/hostile")
	for _, path := range pages("hostile", c.jobs(t, store.JobFailed)[0].ID) {
		b.open(path)
		b.inert(path, known)
		b.fits(path)
	}
	b.open("/surveys/hostile")
	b.picture("survey-hostile")
}
