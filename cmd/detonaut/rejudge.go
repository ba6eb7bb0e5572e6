package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/static/all"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/rejudge"
)

func (a *app) surveyRejudge() *cobra.Command {
	var all, dry bool
	var format string
	cmd := &cobra.Command{
		Use:   "rejudge [NAME]",
		Short: "Judge the reports of a survey again, by the rules of today",
		Long: `Rejudge makes new reports of stored ones, their tapes and what their runs left: by
the rules of today, and with the vulnerability database of today. Nothing is
pulled, and nothing runs. It prints each verdict that changes, and at the end
how many there were of what.

What was read in an image stays as it was found: rules about files need the
image, and the report says so. A report that would be as it is, is left alone,
and so is one whose tape is not there any more. It may be interrupted, and goes
on where it was.`,
		Example: `  detonaut survey rejudge official --dry-run
  detonaut survey rejudge official --rules ./my-rules
  detonaut survey rejudge --all -o jsonl`,
		Args: func(cmd *cobra.Command, args []string) error {
			if all && len(args) == 0 {
				return nil
			}
			if all {
				return fmt.Errorf("%w: --all is every report, whatever survey it is of", detonaut.ErrUsage)
			}
			return oneSurvey(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "jsonl" {
				return fmt.Errorf("%w: unknown format %q: use text, jsonl", detonaut.ErrUsage, format)
			}
			return a.withExisting(cmd, func(cfg *config.Loaded, r *remembered) error {
				name := ""
				if !all {
					name = args[0]
				}
				return a.rejudge(cmd.Context(), cfg, r, name, dry, changesTo(a.stdout, format))
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&all, "all", false, "judge the newest report of every image, of no survey, too")
	f.BoolVar(&dry, "dry-run", false, "only tell what would change")
	f.StringVarP(&format, "output", "o", "text", "`FORMAT` of the changes: text, jsonl")
	addConfigFlags(cmd, storeFlags...)
	addConfigFlags(cmd, "jobs", "profile", "duration", "rules", "rules-only", "rule-packs", "ignore", "vex", "db-dir")
	return cmd
}

// rejudge judges the reports of a survey again, or all if it has no name.
func (a *app) rejudge(ctx context.Context, cfg *config.Loaded, r *remembered, name string, dry bool, tell func(rejudge.Change) error) (err error) {
	asked, err := a.askedOf(ctx, cfg, r.store, name)
	if err != nil {
		return err
	}
	books, err := a.readingRules(cfg, true)
	if err != nil {
		return err
	}
	deps, done, err := a.reading(ctx, cfg, books, books.deps())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	o := rejudge.Options{
		Store: r.store, Blobs: r.blobs, Deps: deps, Concurrency: cfg.Scan.Jobs, Dry: dry, Log: a.log(),
		Aim: func(old *store.Entry, now detonaut.Fingerprint) string {
			if old.Aim == "" || old.Aim != aimOf(old.Report.Fingerprint, asked) {
				return "" // nobody knows what was asked of its run
			}
			return aimOf(now, asked)
		},
		Tell: func(c rejudge.Change) {
			if err := tell(c); err != nil {
				stop(err)
			}
		},
	}
	var counts rejudge.Counts
	if name == "" {
		counts, err = rejudge.All(ctx, o)
	} else {
		counts, err = rejudge.Survey(ctx, name, o)
	}
	a.tellCounts(counts, dry)
	return err
}

// askedOf is what is asked of the runs of a survey.
func (a *app) askedOf(ctx context.Context, cfg *config.Loaded, s store.Surveys, name string) (detonate.Overrides, error) {
	internet, err := cfg.Run.Internet()
	if err != nil || name == "" {
		return overrides(cfg, internet), err
	}
	of, err := findSurvey(ctx, s, name)
	if err != nil {
		return detonate.Overrides{}, err
	}
	return chosen(overrides(cfg, internet), of.Options.Profile, of.Options.Duration)
}

// changesTo writes verdicts that change, a line each.
func changesTo(w io.Writer, format string) func(rejudge.Change) error {
	if format == "jsonl" {
		return func(c rejudge.Change) error { return json.NewEncoder(w).Encode(c) }
	}
	say := func(v detonaut.Verdict) string {
		text := string(v.Word)
		if more := cmp.Or(v.Family, string(v.Category)); more != "" {
			text += " (" + more + ")"
		}
		return text + ", " + string(v.Vulnerability)
	}
	return func(c rejudge.Change) error {
		name := string(c.Digest)
		if c.Name.Repository != "" {
			name = c.Name.Registry + "/" + c.Name.Repository + ":" + c.Name.Tag + "@" + name
		}
		_, err := fmt.Fprintf(w, "%s: %s -> %s\n", report.Escape(name), report.Escape(say(c.Was)), report.Escape(say(c.Is)))
		return err
	}
}

// tellCounts says what was done.
func (a *app) tellCounts(c rejudge.Counts, dry bool) {
	did := "judged again"
	if dry {
		did = "to be judged again"
	}
	a.notice("reports: %d looked at, %d %s, %d other verdicts, %d as they would be", c.Looked, c.Judged, did, c.Changed, c.Current)
	for _, why := range slices.Sorted(maps.Keys(c.Left)) {
		a.notice("left as they are, %s: %d", why, c.Left[why])
	}
}

// matching looks stored packages up as reader does; nil without a database.
func matching(reader *all.Reader) *pipeline.Matching {
	if reader.Database == nil {
		return nil
	}
	return &pipeline.Matching{
		Inventory: all.InventoryVersion, Versions: reader.MatchVersions(), Database: reader.Database.Info().Digest, Match: reader.Match,
	}
}
