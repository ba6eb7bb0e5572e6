package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey"
)

func (a *app) surveyRun() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run NAME",
		Short: "Do the work of a survey on this machine, until it is done",
		Long: `Run is a worker that ends when a survey does, and tells how far it is: how many
repositories are listed and looked at, how many images are done, and how long the
rest may take. Other workers and servers may help at the same time; whatever else
is in the queue is done, too.

Ctrl-C ends it: what runs may go on for --grace, a second Ctrl-C ends it at once.
Either way the survey goes on where it was when it is run again.`,
		Example: `  detonaut survey run official
  detonaut survey run official --concurrency 4 --metrics 127.0.0.1:9090`,
		Args: oneSurvey,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runSurveyRun(cmd, args[0]) },
	}
	addConfigFlags(cmd, workFlags...)
	addConfigFlags(cmd, storeFlags...)
	addConfigFlags(cmd, telemetryFlags...)
	addConfigFlags(cmd, readFlags...)
	addConfigFlags(cmd, analyseFlags...)
	return cmd
}

func (a *app) runSurveyRun(cmd *cobra.Command, name string) (err error) {
	ctx := cmd.Context()
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	r, err := a.openStore(ctx, cfg.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	s, err := findSurvey(ctx, r.store, name)
	if err != nil {
		return err
	}
	switch {
	case s.State == store.SurveyPaused:
		return fmt.Errorf("%w: survey %s is paused: detonaut survey resume %s lets it go on", detonaut.ErrUsage, name, name)
	case s.State == store.SurveyCancelled:
		return fmt.Errorf("%w: survey %s was cancelled", detonaut.ErrUsage, name)
	case survey.Reading(*s) != "":
		return fmt.Errorf("%w: survey %s is not begun yet: detonaut survey new reads %s; if that was interrupted, the same command goes on",
			detonaut.ErrUsage, name, report.Escape(survey.Reading(*s)))
	case ended(s):
		return a.surveyEnded(ctx, r.store, name)
	}
	con := newConsole(a.stderr, a.quiet, 1)
	defer con.close()
	log := slog.New(slog.NewTextHandler(between{con, a.stderr}, &slog.HandlerOptions{Level: a.logLevel()}))
	c, _, done, err := a.crew(ctx, cfg, r, crewOptions{images: cfg.Worker.Images(), grace: cfg.Worker.Grace, log: log})
	if err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	defer func() { err = errors.Join(err, done()) }()
	con.notice("survey %s: %s", name, c.limits())
	interrupted := context.AfterFunc(ctx, func() {
		con.clear(func() {
			a.notice("ending: what runs may go on for %s; another Ctrl-C ends it at once, and nothing is lost", short(cfg.Worker.Grace))
		})
	})
	defer interrupted()
	work, stop := context.WithCancel(ctx)
	w := &surveyWatch{name: name, store: r.store, console: con, status: con.begin(detonaut.Ref("survey " + name)), log: log}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer stop() // nothing is left to do
		w.watch(work)
	}()
	err = c.run(work)
	stop()
	<-over
	w.status.end()
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		con.clear(func() { a.notice("survey %s is not done: detonaut survey run %s goes on with it", name, name) })
		return ctx.Err()
	}
	return a.surveyEnded(context.WithoutCancel(ctx), r.store, name)
}

// surveyEnded tells what came of a survey on which nobody here works any more.
func (a *app) surveyEnded(ctx context.Context, surveys store.Surveys, name string) error {
	s, err := surveys.Survey(ctx, name)
	if err != nil {
		return noSuch(err)
	}
	for _, lack := range survey.Lacks(*s) {
		fmt.Fprintf(a.stderr, "detonaut: warning: not listed: %s\n", report.Escape(lack))
	}
	a.notice("survey %s is %s: repositories: %s; images: %s", name, s.State,
		counts(s.Repositories, candidateStates...), counts(s.Items, itemStates...))
	if s.State != store.SurveyDone {
		return nil
	}
	if total(s.Repositories) == 0 {
		return fmt.Errorf("survey %s: its sources have listed no repositories: %w", name, detonaut.ErrNotFound)
	}
	a.notice("detonaut survey report %s tells what came of it", name)
	return nil
}

func total[S ~string](n map[S]int) (sum int) {
	for _, one := range n {
		sum += one
	}
	return sum
}

// between writes to a terminal what comes between the lines of progress.
type between struct {
	c *console
	w io.Writer
}

// Write implements [io.Writer].
func (b between) Write(p []byte) (n int, err error) {
	b.c.clear(func() { n, err = b.w.Write(p) })
	return n, err
}

// How often a survey is looked at, how often that is said where there is no line of progress, and
// over which time its rate is; and of how many images more cannot be told.
const (
	surveyEvery  = 2 * time.Second
	surveyNotice = 30 * time.Second
	surveyRate   = 5 * time.Minute
	surveyFew    = 10
)

// surveyWatch follows a survey.
type surveyWatch struct {
	name    string
	store   watched
	console *console
	status  *status
	log     *slog.Logger
	// samples are how many images had ended at which time, the earliest first.
	samples []sample
}

// watched is what is looked at while a survey goes on.
type watched interface {
	Survey(ctx context.Context, name string) (*store.Survey, error)
	Queue(ctx context.Context) (*store.Queue, error)
	Hosts(ctx context.Context) ([]store.HostState, error)
}

type sample struct {
	at    time.Time
	ended int
}

// watch tells how far the survey is, until it has ended or is paused, or ctx ends.
func (w *surveyWatch) watch(ctx context.Context) {
	noticed, said := time.Time{}, ""
	for {
		s, err := w.store.Survey(ctx, w.name)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, store.ErrNotFound): // somebody dropped it
			return
		case err != nil:
			w.log.Warn("cannot see how far the survey is", "error", err)
		case ended(s) || s.State == store.SurveyPaused:
			return
		default:
			text := w.progress(s, time.Now()) + w.hindered(ctx, time.Now())
			w.status.tell(text)
			if now := time.Now(); text != said && now.Sub(noticed) >= surveyNotice {
				w.console.notice("%s: %s", w.name, text)
				noticed, said = now, text
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(surveyEvery):
		}
	}
}

// maxHindering bounds how many servers are named that have no time.
const maxHindering = 3

// hindered says why a survey may not get on, if there is anything: it is no fault of the survey.
func (w *surveyWatch) hindered(ctx context.Context, now time.Time) (text string) {
	if q, err := w.store.Queue(ctx); err == nil && q.Paused {
		text = "; the queue is paused: detonaut queue resume has it go on"
	}
	hosts, err := w.store.Hosts(ctx)
	if err != nil {
		return text // which is told of the survey
	}
	n := 0
	for _, h := range hosts {
		if why := held(h, now); why != "" && n < maxHindering {
			text += "; " + report.Escape(h.Host) + why
			n++
		}
	}
	return text
}

// progress is how far a survey is, in a line.
func (w *surveyWatch) progress(s *store.Survey, now time.Time) string {
	listed := total(s.Repositories)
	if s.State == store.SurveyListing && total(s.Items) == 0 {
		return fmt.Sprintf("%d repositories listed", listed)
	}
	left, looked := s.Repositories[store.CandidateChosen], s.Repositories[store.CandidateLooked]
	done, failed, skipped := s.Items[store.ItemDone], s.Items[store.ItemFailed], s.Items[store.ItemSkipped]
	open := s.Items[store.ItemReady] + s.Items[store.ItemQueued]
	text := fmt.Sprintf("%d of %d repositories looked at; images: %d done, %d failed, %d skipped, %d to go",
		looked+s.Repositories[store.CandidateSkipped], listed-s.Repositories[store.CandidateLeftOut], done, failed, skipped, open)
	w.samples = append(w.samples, sample{now, done + failed})
	first := slices.IndexFunc(w.samples, func(one sample) bool { return now.Sub(one.at) <= surveyRate })
	w.samples = w.samples[first:]
	took, ended := now.Sub(w.samples[0].at), done+failed-w.samples[0].ended
	if took < surveyEvery || ended <= 0 {
		return text
	}
	rate := float64(ended) / took.Seconds()
	text = fmt.Sprintf("%s; %.3g a minute", text, rate*60)
	if ended < surveyFew {
		return text // of many that run side by side the first tell little of the rest
	}
	if looked > 0 { // those that are not looked at have as many as the others
		open += left * (done + failed + open) / looked
	}
	return fmt.Sprintf("%s, about %s left", text, short(time.Duration(float64(open)/rate*float64(time.Second))))
}
