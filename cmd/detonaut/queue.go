package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/store"
)

func (a *app) queue() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "queue",
		Short: "See what waits and runs, and have it go on, or not",
		Long: `The queue has the jobs of submissions and of surveys: an image to analyse, a list
of repositories to go on with, some repositories to look into. Workers and servers
with the same database share it. Without a command it is told how it stands.

A job that fails is tried again after a while; after three attempts it is set
aside, as failed. queue show tells why, and queue retry has it tried again.`,
		Example: `  detonaut queue
  detonaut queue jobs --state failed
  detonaut queue pause`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withExisting(cmd, func(_ *config.Loaded, r *remembered) error {
				q, err := r.store.Queue(cmd.Context())
				if err != nil {
					return err
				}
				return a.printResult(format, q, func(w io.Writer) { printQueue(w, q, time.Now()) })
			})
		},
	}
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, storeFlags...)
	cmd.AddCommand(a.queueJobs(), a.queueShow(), a.queueRetry(), a.queueCancel(), a.queuePause(true), a.queuePause(false), a.queueHosts())
	return cmd
}

// withExisting opens the store of a command that makes none.
func (a *app) withExisting(cmd *cobra.Command, do func(*config.Loaded, *remembered) error) error {
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	if database, _, err := cfg.Store.Places(a.env); err == nil && !cfg.Store.Postgres() {
		if _, err := os.Stat(database); err != nil {
			return fmt.Errorf("open store: %w: %w", detonaut.ErrNotFound, err)
		}
	}
	r, err := a.openStore(cmd.Context(), cfg.Store)
	if err != nil {
		return err
	}
	return errors.Join(do(cfg, r), r.close())
}

// kinds are those of jobs, in the order in which they are told.
var kinds = []store.JobKind{store.JobImage, store.JobLook, store.JobList}

// jobStates are those of jobs, in the same way.
var jobStates = []store.JobState{store.JobWaiting, store.JobLater, store.JobRunning, store.JobDone, store.JobFailed, store.JobCancelled}

func printQueue(w io.Writer, q *store.Queue, now time.Time) {
	if q.Paused {
		fmt.Fprintln(w, "paused: no jobs are taken until detonaut queue resume")
	}
	fmt.Fprintf(w, "%-8s %10s %10s %10s\n", "", "waiting", "later", "running")
	for _, k := range kinds {
		n := q.Jobs[k]
		fmt.Fprintf(w, "%-8s %10d %10d %10d\n", k, n[store.JobWaiting], n[store.JobLater], n[store.JobRunning])
	}
	if !q.Oldest.IsZero() {
		fmt.Fprintf(w, "the oldest that waits does so for %s\n", short(now.Sub(q.Oldest)))
	}
	if len(q.Workers) == 0 {
		fmt.Fprintln(w, "no workers")
	}
	for _, one := range q.Workers {
		fmt.Fprintf(w, "worker %s: %d running, heard of %s ago\n", report.Escape(one.Name), one.Running, short(now.Sub(one.Seen)))
	}
}

// short is a duration that is not told more exactly than it matters.
func short(d time.Duration) string {
	unit := time.Second
	switch {
	case d < 0:
		return "0s"
	case d > 24*time.Hour:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	case d > time.Hour:
		unit = time.Minute
	}
	text := d.Round(unit).String()
	if unit == time.Minute {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

// oneOf checks the value of a flag against those that there are; empty is none.
func oneOf[T ~string](flag, value string, all []T) (T, error) {
	if value == "" || slices.Contains(all, T(value)) {
		return T(value), nil
	}
	names := make([]string, 0, len(all))
	for _, one := range all {
		names = append(names, string(one))
	}
	return "", fmt.Errorf("%w: --%s %q: use %s", detonaut.ErrUsage, flag, value, strings.Join(names, ", "))
}

func (a *app) queueJobs() *cobra.Command {
	var format, kind, state string
	limit := 100
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "List jobs, the newest first",
		Long: `Jobs lists jobs, the newest first, with what they are about. A job that has ended
is forgotten after a while; one that failed stays longer.`,
		Example: `  detonaut queue jobs --state failed
  detonaut queue jobs --kind image --limit 1000 -o json`,
		Args: noArgs,
	}
	cmd.Flags().StringVar(&kind, "kind", "", "`KIND` of jobs: image, look, list (default all)")
	cmd.Flags().StringVar(&state, "state", "", "`STATE` of jobs: waiting, later, running, done, failed, cancelled (default all)")
	cmd.Flags().IntVar(&limit, "limit", limit, "`NUMBER` of jobs at most")
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, storeFlags...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		k, err := oneOf("kind", kind, kinds)
		if err != nil {
			return err
		}
		s, err := oneOf("state", state, jobStates)
		if err != nil {
			return err
		}
		return a.withExisting(cmd, func(_ *config.Loaded, r *remembered) error {
			all, err := collect(limit, func(p store.Page) ([]store.Job, string, error) { return r.store.Jobs(cmd.Context(), k, s, p) })
			if err != nil {
				return err
			}
			return a.printResult(format, all, func(w io.Writer) {
				for _, j := range all {
					fmt.Fprintf(w, "%-10d %-6s %-10s %d of %d  %s\n", j.ID, j.Kind, j.State, j.Attempt, j.MaxAttempts, report.Escape(aboutJob(j)))
				}
			})
		})
	}
	return cmd
}

// collect are the first lines of a list that comes in parts.
func collect[T any](limit int, part func(store.Page) ([]T, string, error)) ([]T, error) {
	all := []T{}
	for cursor := ""; len(all) < limit; {
		found, next, err := part(store.Page{Cursor: cursor, Limit: min(limit-len(all), 200)})
		if err != nil {
			return nil, err
		}
		if all = append(all, found...); next == "" {
			break
		}
		cursor = next
	}
	return all, nil
}

// aboutJob is what a job is about, in a few words; strings in it are the subject's.
func aboutJob(j store.Job) string {
	var of string
	switch {
	case j.Submission != "":
		of = ", submission " + j.Submission
	case j.Kind != store.JobImage:
		of = " of survey " + j.Survey
	case j.Survey != "":
		of = ", survey " + j.Survey
	}
	switch j.Kind {
	case store.JobList:
		return "the list" + of
	case store.JobLook:
		return fmt.Sprintf("batch %d%s", j.Batch, of)
	}
	return cmp.Or(string(j.Ref), string(j.Digest)) + of
}

// jobID takes the one argument of a command about a job.
func jobID(args []string) (int64, error) {
	if len(args) == 1 {
		if id, err := strconv.ParseInt(args[0], 10, 64); err == nil && id > 0 {
			return id, nil
		}
	}
	return 0, fmt.Errorf("%w: name one job by its number: detonaut queue jobs lists them", detonaut.ErrUsage)
}

func isJob(_ *cobra.Command, args []string) error {
	_, err := jobID(args)
	return err
}

func (a *app) queueShow() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a job, and why its attempts failed",
		Long: `Show tells how far a job is, who had it, and why attempts failed. What it says of
them is for those who operate it: it may name what is inside.`,
		Example: `  detonaut queue show 4711
  detonaut queue show 4711 -o json`,
		Args: isJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := jobID(args)
			if err != nil {
				return err
			}
			return a.withExisting(cmd, func(_ *config.Loaded, r *remembered) error {
				j, err := r.store.Job(cmd.Context(), id)
				if err != nil {
					return noSuch(err)
				}
				return a.printResult(format, j, func(w io.Writer) { printJob(w, j) })
			})
		},
	}
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

func printJob(w io.Writer, j *store.Job) {
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "%-12s %s\n", name, report.Escape(text))
		}
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	line("job", strconv.FormatInt(j.ID, 10))
	line("about", aboutJob(*j))
	line("state", string(j.State))
	line("digest", string(j.Digest))
	line("platform", j.Options.Platform)
	line("attempts", fmt.Sprintf("%d of %d", j.Attempt, j.MaxAttempts))
	line("worker", j.Worker)
	line("created", at(j.Created))
	line("due", at(j.Due))
	line("started", at(j.Started))
	line("finished", at(j.Finished))
	for _, e := range j.Errors {
		line("attempt "+strconv.Itoa(e.Attempt), at(e.At)+"  "+e.Text)
	}
}

// noSuch is the error of the store for something that there is not, as commands tell it.
func noSuch(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: %w", detonaut.ErrNotFound, err)
	}
	return err
}

// changeJob is a command that changes one job.
func (a *app) changeJob(cmd *cobra.Command, done string, change func(cmd *cobra.Command, s store.Store, id int64) error) *cobra.Command {
	cmd.Args = isJob
	addConfigFlags(cmd, storeFlags...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := jobID(args)
		if err != nil {
			return err
		}
		return a.withExisting(cmd, func(_ *config.Loaded, r *remembered) error {
			if err := noSuch(change(cmd, r.store, id)); err != nil {
				return err
			}
			a.notice("job %d %s", id, done)
			return nil
		})
	}
	return cmd
}

func (a *app) queueRetry() *cobra.Command {
	return a.changeJob(&cobra.Command{
		Use:     "retry ID",
		Short:   "Have a job run again that failed for good, or waits",
		Long:    `Retry has a job run as soon as a worker has time, as if it had not been tried.`,
		Example: `  detonaut queue retry 4711`,
	}, "runs as soon as a worker has time", func(cmd *cobra.Command, s store.Store, id int64) error {
		return s.RetryJob(cmd.Context(), id)
	})
}

func (a *app) queueCancel() *cobra.Command {
	return a.changeJob(&cobra.Command{
		Use:     "cancel ID",
		Short:   "End a job that has not ended",
		Long:    `Cancel ends a job, also while it runs, and the submission that it is of with it.`,
		Example: `  detonaut queue cancel 4711`,
	}, "is cancelled", func(cmd *cobra.Command, s store.Store, id int64) error { return s.CancelJob(cmd.Context(), id) })
}

func (a *app) queuePause(paused bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "pause",
		Short:   "Have nobody take jobs; what runs goes on",
		Long:    `Pause has all workers and servers take no jobs until queue resume. What runs goes on.`,
		Example: `  detonaut queue pause`,
	}
	done := "the queue is paused: what runs goes on"
	if !paused {
		cmd.Use, cmd.Short, cmd.Example = "resume", "Have jobs taken again", "  detonaut queue resume"
		cmd.Long, done = `Resume has workers take jobs again after queue pause.`, "jobs are taken again"
	}
	cmd.Args = noArgs
	addConfigFlags(cmd, storeFlags...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.withExisting(cmd, func(_ *config.Loaded, r *remembered) error {
			if err := r.store.PauseQueue(cmd.Context(), paused); err != nil {
				return err
			}
			a.notice("%s", done)
			return nil
		})
	}
	return cmd
}

func (a *app) queueHosts() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "hosts",
		Short: "See how often registries were asked, and which want to be left alone",
		Long: `Hosts lists the servers that jobs have asked, how many requests each got, how often
it may be asked by all workers together, and until when it has asked to be left
alone. The section politeness of the configuration sets the rates.`,
		Example: `  detonaut queue hosts
  detonaut queue hosts -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withExisting(cmd, func(_ *config.Loaded, r *remembered) error {
				all, err := r.store.Hosts(cmd.Context())
				if err != nil {
					return err
				}
				if all == nil {
					all = []store.HostState{}
				}
				return a.printResult(format, all, func(w io.Writer) {
					for _, h := range all {
						fmt.Fprintf(w, "%-40s %10d requests, %g a second, %d at once%s\n", report.Escape(h.Host), h.Asked, h.Second, h.Burst, comma(held(h, time.Now())))
					}
				})
			})
		},
	}
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

// comma has a text come behind another.
func comma(text string) string {
	if text != "" {
		text = "," + text
	}
	return text
}

// held says that a host wants to be left alone; its reason is its own.
func held(h store.HostState, now time.Time) string {
	if !h.Held.After(now) {
		return ""
	}
	text := " is left alone for " + short(h.Held.Sub(now))
	if h.Why != "" {
		text += ": " + report.Escape(h.Why)
	}
	return text
}
