package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/worker"
	"github.com/detonaut/detonaut/internal/worker/room"
)

// reports is a store of the reports of one digest, by their keys.
type reports struct {
	store.Store
	surveys []store.Survey
	aims    map[string]string
	looked  int
}

func (r *reports) Under(_ context.Context, d detonaut.Digest, aim string) (string, error) {
	for key, of := range r.aims {
		if d == "sha256:known" && of == aim {
			return key, nil
		}
	}
	return "", store.ErrNotFound
}

func (r *reports) AllSurveys(context.Context) ([]store.Survey, error) {
	r.looked++
	return r.surveys, nil
}

func TestKnown(t *testing.T) {
	s := &reports{aims: map[string]string{"a": "older", "b": "same"}}
	for _, tc := range []struct {
		digest detonaut.Digest
		aim    string
		want   *store.Known
	}{
		{"sha256:known", "same", &store.Known{Digest: "sha256:known", Key: "b"}},
		{"sha256:known", "another", nil},
		{"sha256:new", "same", nil},
		{"", "same", nil},
		{"sha256:known", "", nil}, // whoever asks for any aim asks for a new report
	} {
		got, err := known(t.Context(), s, tc.digest, tc.aim)
		if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
			t.Errorf("%s, %q: %v (-want +got):\n%s", tc.digest, tc.aim, err, diff)
		}
	}
}

// TestAim: what is asked of runs makes another aim, and so do rules and analyzers. Where the record
// of a network lies does not, the salt of a machine, or what is matched anew with stored reports.
func TestAim(t *testing.T) {
	base := func() (pipeline.Deps, detonate.Overrides) {
		return pipeline.Deps{Rules: "sha256:a", Reads: []string{"config@1", "secret@1-rules-salt", "vuln@1"}}, detonate.Overrides{Network: plan.Simulated}
	}
	of := func(change func(*pipeline.Deps, *detonate.Overrides)) string {
		d, o := base()
		change(&d, &o)
		return aim(d, o)
	}
	d, o := base()
	first := aim(d, o)
	for name, change := range map[string]func(*pipeline.Deps, *detonate.Overrides){
		"rules":       func(d *pipeline.Deps, _ *detonate.Overrides) { d.Rules = "sha256:b" },
		"an analyzer": func(d *pipeline.Deps, _ *detonate.Overrides) { d.Reads[0] = "config@2" },
		"secrets":     func(d *pipeline.Deps, _ *detonate.Overrides) { d.Reads[1] = "secret@1-others-salt" },
		"duration":    func(_ *pipeline.Deps, o *detonate.Overrides) { o.Limits.Duration = time.Minute },
		"profile":     func(_ *pipeline.Deps, o *detonate.Overrides) { o.Profile = plan.Time },
		"network":     func(_ *pipeline.Deps, o *detonate.Overrides) { o.Network = plan.None },
	} {
		if of(change) == first {
			t.Errorf("another aim is expected: %s", name)
		}
	}
	for name, change := range map[string]func(*pipeline.Deps, *detonate.Overrides){
		"nothing":       func(*pipeline.Deps, *detonate.Overrides) {},
		"the salt":      func(d *pipeline.Deps, _ *detonate.Overrides) { d.Reads[1] = "secret@1-rules-other" },
		"no salt":       func(d *pipeline.Deps, _ *detonate.Overrides) { d.Reads[1] = "secret@1-rules" },
		"the matcher":   func(d *pipeline.Deps, _ *detonate.Overrides) { d.Reads[2] = "vuln@2" },
		"suppressions":  func(d *pipeline.Deps, _ *detonate.Overrides) { d.Reads = append(d.Reads, "suppress@1") },
		"a place":       func(_ *pipeline.Deps, o *detonate.Overrides) { o.Internet.Replay = "/somewhere" },
		"another order": func(d *pipeline.Deps, _ *detonate.Overrides) { slices.Reverse(d.Reads) },
	} {
		if of(change) != first {
			t.Errorf("the same aim is expected: %s", name)
		}
	}
	// The report that comes of it was made under the aim, with whatever database.
	made := detonaut.Fingerprint{Tool: version.String(), Rules: d.Rules, Analyzers: d.Versions(), Database: "sha256:db", Plan: "sha256:plan"}
	if aimOf(made, o) != first {
		t.Error("its report has another aim")
	}
}

// deaf is told in vain.
type deaf struct{}

func (deaf) Stage(string)      {}
func (deaf) Note(string)       {}
func (deaf) Event(*tape.Event) {}

// busyHand is a hand in a room whose memory is as much as is told, which does analyses so.
func busyHand(memory func() int64, analyse func(context.Context, pipeline.Job) (*detonaut.Report, error)) *hand {
	const all = 16 << 30
	in := room.New(room.Options{Most: 2, Needs: room.NeedsOf(0, 0), Every: time.Millisecond, Look: func() room.Machine {
		return room.Machine{CPUs: 1, Memory: all, Available: memory()}
	}})
	return &hand{
		an: &analyst{analyse: func(ctx context.Context, _ pipeline.Deps, job pipeline.Job) (*detonaut.Report, error) {
			return analyse(ctx, job)
		}},
		store: &reports{aims: map[string]string{"k": "seen"}}, room: in,
		guest: func(context.Context, string) (*image.Guest, error) { return &image.Guest{}, nil },
	}
}

// TestHand: what was analysed before is named, and an analysis that has to leave is put back.
func TestHand(t *testing.T) {
	left := make(chan int64, 1)
	left <- 16 << 30
	memory := func() int64 { n := <-left; left <- n; return n }
	began := make(chan struct{}, 2)
	h := busyHand(memory, func(ctx context.Context, job pipeline.Job) (*detonaut.Report, error) {
		job.OnStage(detonaut.StagePull)
		job.OnStage(detonaut.StageDetonate)
		began <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	h.runs = t.TempDir()
	a, err := h.analyse(t.Context(), store.Job{Digest: "sha256:known", Aim: "seen", Ref: "a/b"}, nil)
	if err != nil || a == nil || a.Known == nil || a.Known.Key != "k" {
		t.Fatalf("got %+v and %v", a, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() { defer close(watched); h.room.Watch(ctx) }()
	ends := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := h.analyse(ctx, store.Job{Ref: "ghcr.io/a/b:1"}, deaf{})
			ends <- err
		}()
		<-began
	}
	<-left
	left <- 0
	err = <-ends
	if later, ok := errors.AsType[*worker.Later](err); !ok || later.For != afterShed {
		t.Errorf("got %v", err)
	}
	cancel()
	if err := <-ends; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-watched
}

// TestGuestOf: the hosts that sources name may be reached, and those that are named in lists may not.
func TestGuestOf(t *testing.T) {
	cfg := config.Defaults()
	cfg.Guests.Registries, cfg.Guests.Logins = []string{"10.1.0.0/16"}, []string{"quay.io"}
	s := &reports{surveys: []store.Survey{{Name: "ours", Sources: []string{"registry:registry.internal:5000", "harbor:harbor.internal/x", "-", "dockerhub:library"}}}}
	a := &app{env: func(string) string { return "" }}
	r, err := a.registries(cfg, s, nil, a.log())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		g, err := r.guestOf(t.Context(), "ours")
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"quay.io", "registry.internal:5000", "harbor.internal", "docker.io"}; !slices.Equal(g.Logins, want) {
			t.Errorf("got logins %v", g.Logins)
		}
		for host, want := range map[string]bool{"registry.internal:5000": true, "harbor.internal:443": true, "other.internal:443": false} {
			if err := g.Reach.Allows(host, netip.MustParseAddrPort("192.168.0.1:443")); (err == nil) != want {
				t.Errorf("%s: got %v", host, err)
			}
		}
		if err := g.Reach.Allows("other.internal:443", netip.MustParseAddrPort("10.1.2.3:443")); err != nil {
			t.Error(err)
		}
	}
	if s.looked != 1 {
		t.Errorf("the survey was looked up %d times", s.looked)
	}
	if _, err := r.guestOf(t.Context(), "dropped"); !errors.Is(err, detonaut.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	g, err := r.guestOf(t.Context(), "")
	if err != nil || g.Reach.Allows("registry.internal:5000", netip.MustParseAddrPort("192.168.0.1:5000")) == nil {
		t.Errorf("who submits may reach what a survey may: %v", err)
	}
}

// Take implements [store.Politeness].
func (r *reports) Take(_ context.Context, _ string, _ store.HostRate, n int) (int, time.Duration, error) {
	return n, 0, nil
}

// TestLook: all repositories of a survey are asked for by the same connection, which is closed at the
// end, and what the configuration says is too large is so before anything is pulled.
func TestLook(t *testing.T) {
	var mu sync.Mutex
	conns := map[http.ConnState]int{}
	hub := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"results": [{"name": "one", "digest": "sha256:%064d", "images": [{"os": "linux", "architecture": "amd64", "digest": "sha256:%064d", "size": 5000}]}]}`, 1, 2)
	}))
	hub.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		conns[s]++
	}
	count := func(s http.ConnState) int {
		mu.Lock()
		defer mu.Unlock()
		return conns[s]
	}
	hub.Start()
	defer hub.Close()
	cfg := config.Defaults()
	cfg.Guests.Registries, cfg.Survey.DockerHub, cfg.Image.MaxCompressed = []string{"127.0.0.1"}, hub.URL, 4999
	a := &app{env: func(string) string { return "" }}
	r, err := a.registries(cfg, &reports{}, nil, a.log())
	if err != nil {
		t.Fatal(err)
	}
	s := store.Survey{Name: "ours", Sources: []string{"dockerhub:library"}, Choice: store.Choice{Tags: 1}}
	for i, want := range []store.Reason{store.ReasonLarge, store.ReasonLarge, ""} {
		if want == "" {
			cfg.Image.MaxCompressed = 5000
		}
		c := store.Candidate{Repository: store.Repository{Registry: "docker.io", Name: fmt.Sprintf("library/r%d", i)}}
		items, reason, err := r.look(t.Context(), s, c)
		if err != nil || reason != "" || len(items) != 1 || items[0].Reason != want {
			t.Errorf("%d: got %+v, %q, %v", i, items, reason, err)
		}
	}
	if n := count(http.StateNew); n != 1 {
		t.Errorf("there were %d connections", n)
	}
	r.close()
	for count(http.StateClosed) == 0 {
		<-time.After(time.Millisecond)
	}
}

func TestSurveyProgress(t *testing.T) {
	w := &surveyWatch{}
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	s := &store.Survey{State: store.SurveyListing, Repositories: map[store.CandidateState]int{store.CandidateListed: 7}}
	if got := w.progress(s, now); got != "7 repositories listed" {
		t.Errorf("got %s", got)
	}
	s = &store.Survey{
		State:        store.SurveyRunning,
		Repositories: map[store.CandidateState]int{store.CandidateLeftOut: 50, store.CandidateChosen: 20, store.CandidateLooked: 10, store.CandidateSkipped: 2},
		Items:        map[store.ItemState]int{store.ItemDone: 4, store.ItemFailed: 1, store.ItemSkipped: 3, store.ItemReady: 3, store.ItemQueued: 2},
	}
	const first = "12 of 32 repositories looked at; images: 4 done, 1 failed, 3 skipped, 5 to go"
	if got := w.progress(s, now); got != first {
		t.Errorf("got %s", got)
	}
	s.Items[store.ItemDone], s.Items[store.ItemQueued] = 6, 0
	if got := w.progress(s, now.Add(time.Minute)); !strings.HasSuffix(got, "3 to go; 2 a minute") {
		t.Errorf("got %s", got)
	}
	s.Items[store.ItemDone] = 24
	// Ten a minute; 3 wait, and the 20 that are not looked at have 2.8 each, as the 10 that are.
	if got := w.progress(s, now.Add(2*time.Minute)); !strings.HasSuffix(got, "3 to go; 10 a minute, about 5m54s left") {
		t.Errorf("got %s", got)
	}
	if got := w.progress(s, now.Add(time.Hour)); strings.Contains(got, "left") || len(w.samples) != 1 {
		t.Errorf("after an hour without any: got %s", got)
	}
}

func (r *reports) Queue(context.Context) (*store.Queue, error) {
	return &store.Queue{Paused: true}, nil
}

func (r *reports) Hosts(context.Context) ([]store.HostState, error) {
	until := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	return []store.HostState{
		{Host: "free.example"},
		{Host: "docker.io", Held: until, Why: "too many\x1b[2J requests"},
		{Host: "before.example", Held: until.Add(-2 * time.Hour)},
	}, nil
}

// TestHindered: what keeps a survey from getting on is said, and cannot harm a terminal.
func TestHindered(t *testing.T) {
	w := &surveyWatch{store: &reports{}}
	got := w.hindered(t.Context(), time.Date(2026, 11, 30, 10, 20, 0, 0, time.UTC))
	const want = `; the queue is paused: detonaut queue resume has it go on; docker.io is left alone for 1h40m: too many\x1b[2J requests`
	if got != want {
		t.Errorf("got %s", got)
	}
}

func TestSeed(t *testing.T) {
	a, err := seedOf("")
	b, err2 := seedOf("")
	if err != nil || err2 != nil || a == b || a >= 1<<53 {
		t.Errorf("got %d and %d, %v, %v", a, b, err, err2)
	}
	if n, err := seedOf("12"); n != 12 || err != nil {
		t.Errorf("got %d and %v", n, err)
	}
	for _, text := range []string{"-1", "x", "9223372036854775808"} {
		if _, err := seedOf(text); !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 1500 * time.Millisecond: "2s", 90 * time.Second: "1m30s", 100*time.Minute + 20*time.Second: "1h40m", 50 * time.Hour: "2d",
	} {
		if got := short(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
