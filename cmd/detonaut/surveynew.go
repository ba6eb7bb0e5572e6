package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey"
	"github.com/detonaut/detonaut/internal/survey/source"
)

// newSurvey is what is typed of a survey that is to begin.
type newSurvey struct {
	sources, platforms  []string
	sample, seed, tags  string
	size                int
	allPlatforms, watch bool
}

func (a *app) surveyNew() *cobra.Command {
	var n newSurvey
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Begin a survey",
		Long: `New begins a survey: it keeps what is wanted, and the first job. Workers and
servers with the same database take it up; without any, survey run does.

What is typed of --duration and --profile holds for its runs, as far as the workers
allow. A source is where repositories are listed:

  dockerhub:NAMESPACE       those of a namespace of Docker Hub, such as library
  dockerhub:search:WORDS    those that its search finds
  registry:HOST             those of a registry, by its catalogue
  harbor:HOST, quay:NAMESPACE, ghcr:OWNER
  file:FILE, or -           one repository or image a line, read now

Without --sample all repositories are looked at. A sample is drawn when all are
listed; the same seed draws the same of the same repositories, so that it can be
drawn again by others. An image that was analysed before in the same way, by
rules and limits that are the same, is not analysed again.

Whoever is interrupted while a file or standard input is read gives the same
command again: it is read again, and the survey goes on.`,
		Example: `  detonaut survey new official --source dockerhub:library
  detonaut survey new ours --source registry:registry.example --tags 3 --watch
  detonaut survey new hub --source dockerhub:search:a --sample random --size 10000 --seed 1
  cat repositories.txt | detonaut survey new mine --source -`,
		Args: oneSurvey,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runSurveyNew(cmd, args[0], n) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&n.sources, "source", nil, "`SPEC` of where repositories are listed, may be given more than once")
	f.StringVar(&n.sample, "sample", "", "`HOW` repositories are drawn: random, pulls, recent, stratified (default all are taken)")
	f.IntVar(&n.size, "size", 0, "`NUMBER` of repositories to draw")
	f.StringVar(&n.seed, "seed", "", "`NUMBER` that makes the draw (default one is chosen, and recorded)")
	f.StringVar(&n.tags, "tags", "latest", "`TAGS` of each repository: latest, all, or a number of the newest")
	f.StringSliceVar(&n.platforms, "platforms", []string{"linux/" + runtime.GOARCH}, "`PLATFORMS` (os/arch,...) of which the first that an image has is taken")
	f.BoolVar(&n.allPlatforms, "all-platforms", false, "take each of the platforms that an image has")
	f.BoolVar(&n.watch, "watch", false, "do not end: analyse what is pushed later, too")
	addConfigFlags(cmd, storeFlags...)
	addConfigFlags(cmd, "profile", "duration", "rules", "rules-only", "rule-packs", "plain-http", "insecure")
	return cmd
}

// goodName is what surveys may be called.
var goodName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)

// maxSources bounds those of a survey.
const maxSources = 1000

func (a *app) runSurveyNew(cmd *cobra.Command, name string, n newSurvey) error {
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	s, err := n.survey(name)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("profile") {
		s.Options.Profile = cfg.Run.Profile
	}
	if cmd.Flags().Changed("duration") {
		s.Options.Duration = cfg.Run.Duration
	}
	internet, err := cfg.Run.Internet()
	if err != nil {
		return err
	}
	books, err := a.readingRules(cfg, true)
	if err != nil {
		return err
	}
	asked, err := chosen(overrides(cfg, internet), s.Options.Profile, s.Options.Duration)
	if err != nil {
		return err
	}
	deps, done, err := a.reading(cmd.Context(), cfg, books, books.deps())
	if err != nil {
		return err
	}
	s.Aim = aim(deps, asked)
	if err := done(); err != nil {
		return err
	}
	r, err := a.openStore(cmd.Context(), cfg.Store)
	if err != nil {
		return err
	}
	begins := "begins"
	old, err := a.beginSurvey(cmd.Context(), cfg, r, s, n.seed != "")
	if old != nil {
		s, begins = *old, "goes on"
	}
	if err := errors.Join(err, r.close()); err != nil {
		return err
	}
	a.notice("survey %s %s: %s, tags: %s", name, begins, sampleText(s.Choice), tagsText(s.Choice.Tags))
	a.notice("workers take it up; without any, detonaut survey run %s does the work", name)
	return nil
}

// survey is what is wanted, if that makes sense.
func (n *newSurvey) survey(name string) (s store.Survey, err error) {
	bad := func(format string, args ...any) (store.Survey, error) {
		return s, fmt.Errorf("%w: %s", detonaut.ErrUsage, fmt.Sprintf(format, args...))
	}
	if !goodName.MatchString(name) {
		return bad("a survey cannot be called %q: use at most 63 lower case letters, digits, dots and dashes", name)
	}
	if len(n.sources) == 0 || len(n.sources) > maxSources {
		return bad("a survey has 1 to %d sources, not %d: name one with --source", maxSources, len(n.sources))
	}
	sample, err := oneOf("sample", n.sample, []store.Sample{store.SampleRandom, store.SamplePulls, store.SampleRecent, store.SampleStratified})
	if err != nil {
		return s, err
	}
	if (sample == "") != (n.size == 0) || n.size < 0 {
		return bad("--sample and --size go together: so many repositories are drawn")
	}
	if sample == "" && n.seed != "" {
		return bad("--seed is for a --sample")
	}
	if len(n.platforms) == 0 {
		return bad("--platforms: name one at least")
	}
	s = store.Survey{
		Name: name, Sources: localFirst(n.sources), Watch: n.watch,
		Choice: store.Choice{Sample: sample, Size: n.size, Platforms: n.platforms, All: n.allPlatforms},
	}
	if s.Choice.Tags, err = tagsOf(n.tags); err != nil {
		return s, err
	}
	if sample != "" {
		s.Choice.Seed, err = seedOf(n.seed)
	}
	return s, err
}

// tagsOf is how many tags that are, as a choice has it.
func tagsOf(text string) (int, error) {
	switch text {
	case "latest":
		return 0, nil
	case "all":
		return -1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > store.MaxItems {
		return 0, fmt.Errorf("%w: --tags %q: use latest, all, or a number from 1 to %d", detonaut.ErrUsage, text, store.MaxItems)
	}
	return n, nil
}

// seedOf is the seed that was typed, or one that was not. It is one that JSON can tell.
func seedOf(text string) (uint64, error) {
	if text == "" {
		var b [8]byte
		_, _ = rand.Read(b[:]) // which does not fail
		return binary.LittleEndian.Uint64(b[:]) >> 11, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%w: --seed %q is no number from 0 to 9223372036854775807", detonaut.ErrUsage, text)
	}
	return n, nil
}

// localFirst has what is read on this machine come first: that is done before the survey is
// anybody else's.
func localFirst(specs []string) []string {
	sorted := slices.Clone(specs)
	slices.SortStableFunc(sorted, func(a, b string) int { return order(survey.Local(a)) - order(survey.Local(b)) })
	return sorted
}

func order(first bool) int {
	if first {
		return 0
	}
	return 1
}

// beginSurvey keeps a survey, and lists those of its sources that are on this machine. All of
// them are opened before anything is kept. It returns the survey that goes on instead, if there is one
// whose sources were being read when somebody was interrupted. seeded tells that its seed was typed.
func (a *app) beginSurvey(ctx context.Context, cfg *config.Loaded, r *remembered, s store.Survey, seeded bool) (old *store.Survey, err error) {
	reg, err := a.registries(cfg, r.store, nil, a.log())
	if err != nil {
		return nil, err
	}
	defer reg.close()
	opened := map[string]source.Source{} // once: what is read from standard input is read once
	for _, spec := range s.Sources {
		if opened[spec] == nil {
			if opened[spec], err = reg.open(spec, a.stdin); err != nil {
				return nil, err
			}
		}
	}
	err = r.store.NewSurvey(ctx, s)
	if errors.Is(err, store.ErrConflict) {
		old, err = interrupted(ctx, r.store, s, seeded)
	}
	if err != nil {
		return nil, err
	}
	e := survey.New(survey.Options{Store: r.store, Log: a.log(), Open: func(spec string) (source.Source, error) { return opened[spec], nil }})
	err = e.ListLocal(ctx, s.Name)
	if err != nil && old == nil {
		err = errors.Join(err, r.store.DropSurvey(context.WithoutCancel(ctx), s.Name)) // it has not begun
	}
	return old, err
}

// interrupted finds the survey of the name of s that is to go on because its sources were being read when
// somebody was interrupted, and that is what s is to be.
func interrupted(ctx context.Context, surveys store.Surveys, s store.Survey, seeded bool) (*store.Survey, error) {
	old, err := findSurvey(ctx, surveys, s.Name)
	if err != nil {
		return nil, err
	}
	spec := survey.Reading(*old)
	if spec == "" {
		return nil, fmt.Errorf("%w: there is a survey %q already: choose another name, or forget it with detonaut survey drop", detonaut.ErrUsage, s.Name)
	}
	if other := differs(*old, s, seeded); other != "" {
		return nil, fmt.Errorf("%w: survey %q has begun, and %s is not read to its end: the same command goes on with it, but %s; choose another name, or forget it with detonaut survey drop",
			detonaut.ErrUsage, s.Name, spec, other)
	}
	return old, nil
}

// differs says what of a survey is not as it was, in words; empty if it is the same. A seed that was not
// typed is not compared.
func differs(old, s store.Survey, seeded bool) string {
	if !seeded {
		s.Choice.Seed = old.Choice.Seed
	}
	for _, part := range []struct{ what, was, is string }{
		{"--source", strings.Join(old.Sources, " "), strings.Join(s.Sources, " ")},
		{"--sample", sampleText(old.Choice), sampleText(s.Choice)},
		{"--tags", tagsText(old.Choice.Tags), tagsText(s.Choice.Tags)},
		{"--platforms", platformsText(old.Choice), platformsText(s.Choice)},
		{"--watch", strconv.FormatBool(old.Watch), strconv.FormatBool(s.Watch)},
		{"--profile", old.Options.Profile, s.Options.Profile},
		{"--duration", old.Options.Duration.String(), s.Options.Duration.String()},
		{"what rules and limits make", old.Aim, s.Aim},
	} {
		if part.was != part.is {
			return fmt.Sprintf("%s was %q, and is %q", part.what, part.was, part.is)
		}
	}
	return ""
}
