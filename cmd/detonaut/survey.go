package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey"
)

func (a *app) survey() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "survey",
		Short: "Analyse many images, and count what came of them",
		Long: `A survey lists the repositories of its sources, draws a sample if one is wanted,
looks which images are there, has each analysed once, and counts: the study.

On a laptop survey new begins one and survey run does the work. On a fleet that
is done by detonaut worker and detonaut serve, of any number of machines with one
database. Either may be ended at any time, and goes on where it was.
docs/survey.md shows the whole way.`,
		Example: `  detonaut survey new official --source dockerhub:library --sample random --size 100
  detonaut survey run official
  detonaut survey report official -o html=official.html`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.surveyNew(), a.surveyRun(), a.surveyList(), a.surveyShow(), a.surveyItems(), a.surveyReport(), a.surveyRejudge(),
		a.surveySteer(store.SurveyPaused), a.surveySteer(store.SurveyRunning), a.surveySteer(store.SurveyCancelled), a.surveyDrop())
	return cmd
}

// oneSurvey takes the one argument of a command about a survey.
func oneSurvey(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%w: %s takes the name of one survey, not %d", detonaut.ErrUsage, cmd.CommandPath(), len(args))
	}
	return nil
}

// findSurvey returns one without its counts, which cost something where there are millions.
func findSurvey(ctx context.Context, s store.Surveys, name string) (*store.Survey, error) {
	all, err := s.AllSurveys(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, fmt.Errorf("survey %q: %w", name, detonaut.ErrNotFound)
}

func (a *app) surveyList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List surveys, the newest first",
		Long:  `List shows the surveys that there are, how far each is, and where it looks.`,
		Example: `  detonaut survey list
  detonaut survey list -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withExisting(cmd, func(_ *config.Loaded, r *remembered) error {
				all, err := r.store.AllSurveys(cmd.Context())
				if err != nil {
					return err
				}
				if all == nil {
					all = []store.Survey{}
				}
				return a.printResult(format, all, func(w io.Writer) {
					for _, s := range all {
						fmt.Fprintf(w, "%-24s %-10s %s  %s\n", report.Escape(s.Name), s.State, s.Created.UTC().Format(time.DateOnly), report.Escape(strings.Join(s.Sources, " ")))
					}
				})
			})
		},
	}
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

// shownSurvey is a survey as it is shown.
type shownSurvey struct {
	store.Survey
	// Reading is what who began it reads yet, on that machine.
	Reading string `json:"reading,omitempty"`
	// Lacks are why what was listed is not all that there is.
	Lacks []string `json:"lacks,omitempty"`
}

func (a *app) surveyShow() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show how far a survey is, and what was left out of it",
		Long: `Show tells what a survey is about, how its sample was drawn, how many repositories
and images are in which state, why some were skipped or failed, and what its
sources did not list.`,
		Example: `  detonaut survey show official
  detonaut survey show official -o json`,
		Args: oneSurvey,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withExisting(cmd, func(_ *config.Loaded, r *remembered) error {
				s, err := r.store.Survey(cmd.Context(), args[0])
				if err != nil {
					return noSuch(err)
				}
				shown := shownSurvey{*s, survey.Reading(*s), survey.Lacks(*s)}
				return a.printResult(format, shown, func(w io.Writer) { printSurvey(w, shown) })
			})
		},
	}
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

func printSurvey(w io.Writer, s shownSurvey) {
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "%-12s %s\n", name, report.Escape(text))
		}
	}
	line("survey", s.Name)
	line("state", string(s.State))
	if s.Reading != "" {
		line("reads", s.Reading+": if that was interrupted, the same detonaut survey new goes on")
	}
	line("sources", strings.Join(s.Sources, " "))
	line("sample", sampleText(s.Choice))
	line("tags", tagsText(s.Choice.Tags))
	line("platforms", platformsText(s.Choice))
	if s.Watch {
		line("watches", "yes: pushes are added")
	}
	line("created", s.Created.UTC().Format(time.RFC3339))
	if !s.Ended.IsZero() {
		line("ended", s.Ended.UTC().Format(time.RFC3339))
	}
	line("repositories", counts(s.Repositories, candidateStates...))
	line("images", counts(s.Items, itemStates...))
	for _, reason := range slices.SortedFunc(maps.Keys(s.Reasons), func(a, b store.Reason) int {
		if s.Reasons[a] != s.Reasons[b] {
			return s.Reasons[b] - s.Reasons[a]
		}
		return strings.Compare(string(a), string(b))
	}) {
		line("", fmt.Sprintf("%d: %s", s.Reasons[reason], reason))
	}
	for _, lack := range s.Lacks {
		line("lacks", lack)
	}
}

// counts tells the numbers of states, in their order, but for those of which there are none.
func counts[S ~string](n map[S]int, states ...S) string {
	var all []string
	for _, state := range states {
		if n[state] > 0 {
			all = append(all, fmt.Sprintf("%d %s", n[state], state))
		}
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

func sampleText(c store.Choice) string {
	if c.Sample == "" {
		return "all repositories"
	}
	return fmt.Sprintf("%d repositories, %s, seed %d", c.Size, c.Sample, c.Seed)
}

func platformsText(c store.Choice) string {
	text := strings.Join(c.Platforms, ", ")
	if c.All {
		text = "each of " + text
	}
	return text
}

func tagsText(n int) string {
	switch {
	case n < 0:
		return "all"
	case n == 0:
		return "latest"
	}
	return "the newest " + strconv.Itoa(n)
}

// candidateStates are those of repositories, in the order in which they are told.
var candidateStates = []store.CandidateState{store.CandidateListed, store.CandidateLeftOut, store.CandidateChosen, store.CandidateLooked, store.CandidateSkipped}

// itemStates are those of items, in the order in which they are told.
var itemStates = []store.ItemState{store.ItemReady, store.ItemQueued, store.ItemDone, store.ItemSkipped, store.ItemFailed}

func (a *app) surveyItems() *cobra.Command {
	var format, state string
	cmd := &cobra.Command{
		Use:   "items NAME",
		Short: "List the images of a survey, and what came of each",
		Long: `Items lists the images of a survey: what is under a tag for a platform. Each has a
state, and one that was skipped or has failed a reason. Why an attempt to analyse
one failed tells detonaut queue.`,
		Example: `  detonaut survey items official --state failed
  detonaut survey items official -o jsonl > items.jsonl`,
		Args: oneSurvey,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := oneOf("state", state, itemStates)
			if err != nil {
				return err
			}
			write := itemText
			if format == "jsonl" {
				write = itemJSON
			} else if format != "text" {
				return fmt.Errorf("%w: unknown format %q: use text, jsonl", detonaut.ErrUsage, format)
			}
			return a.withExisting(cmd, func(_ *config.Loaded, r *remembered) error {
				if _, err := findSurvey(cmd.Context(), r.store, args[0]); err != nil {
					return err
				}
				return a.eachItem(cmd.Context(), r.store, args[0], s, write)
			})
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "`STATE` of images: ready, queued, done, skipped, failed (default all)")
	cmd.Flags().StringVarP(&format, "output", "o", "text", "`FORMAT` of the list: text, jsonl")
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

// eachItem writes the items of a survey as they are read: there may be millions.
func (a *app) eachItem(ctx context.Context, s store.Surveys, name string, state store.ItemState, write func(io.Writer, store.Item) error) error {
	for cursor := ""; ; {
		found, next, err := s.Items(ctx, name, state, store.Page{Cursor: cursor, Limit: 200})
		if err != nil {
			return noSuch(err)
		}
		for _, i := range found {
			if err := write(a.stdout, i); err != nil {
				return fmt.Errorf("write result: %w", err)
			}
		}
		if next == "" {
			return nil
		}
		cursor = next
	}
}

func itemText(w io.Writer, i store.Item) error {
	what := i.Name.Registry + "/" + i.Name.Repository
	if i.Name.Tag != "" {
		what += ":" + i.Name.Tag
	}
	state := string(i.State)
	if i.Reason != "" {
		state += ": " + string(i.Reason)
	} else if i.Seen {
		state += ", seen before"
	}
	_, err := fmt.Fprintf(w, "%s  %s  %s  %s\n", report.Escape(what), report.Escape(i.Platform), i.Digest, report.Escape(state))
	return err
}

func itemJSON(w io.Writer, i store.Item) error {
	b, err := json.Marshal(i)
	if err == nil {
		_, err = w.Write(append(report.EscapeJSON(b), '\n'))
	}
	return err
}

// surveySteer is the command that pauses a survey, lets it go on, or cancels it.
func (a *app) surveySteer(to store.SurveyState) *cobra.Command {
	cmd := &cobra.Command{Args: oneSurvey}
	done := ""
	switch to {
	case store.SurveyPaused:
		cmd.Use, cmd.Short = "pause NAME", "Have nothing more of a survey begun; what runs goes on"
		cmd.Long = `Pause takes what waits of a survey from the queue. What runs goes on.`
		cmd.Example, done = "  detonaut survey pause official", "is paused: it goes on with detonaut survey resume"
	case store.SurveyCancelled:
		cmd.Use, cmd.Short = "cancel NAME", "End a survey for good; what it has found stays"
		cmd.Long = `Cancel ends a survey. What it has found stays, and can be reported.`
		cmd.Example, done = "  detonaut survey cancel official", "is cancelled"
	default:
		cmd.Use, cmd.Short = "resume NAME", "Have a survey go on that was paused"
		cmd.Long = `Resume has a survey go on where it was when it was paused.`
		cmd.Example, done = "  detonaut survey resume official", "goes on"
	}
	addConfigFlags(cmd, storeFlags...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withExisting(cmd, func(_ *config.Loaded, r *remembered) error {
			if err := r.store.SteerSurvey(cmd.Context(), args[0], to); err != nil {
				return noSuch(err)
			}
			a.notice("survey %s %s", args[0], done)
			return nil
		})
	}
	return cmd
}

func (a *app) surveyDrop() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drop NAME",
		Short: "Forget a survey; reports stay",
		Long: `Drop forgets which repositories and images a survey had, and what came of each. The
reports of its images stay.`,
		Example: `  detonaut survey drop official`,
		Args:    oneSurvey,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withExisting(cmd, func(_ *config.Loaded, r *remembered) error {
				if err := r.store.DropSurvey(cmd.Context(), args[0]); err != nil {
					return noSuch(err)
				}
				a.notice("survey %s is forgotten; its reports stay", args[0])
				return nil
			})
		},
	}
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

// ended tells whether nothing more will happen to a survey.
func ended(s *store.Survey) bool {
	return s.State == store.SurveyDone || s.State == store.SurveyCancelled
}
