package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/behavior/rule"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/static/all"
	"github.com/detonaut/detonaut/rules"
)

// ruleSet is the set of rules that a command uses.
type ruleSet struct{ *rule.Set }

// readRules reads the rules below dir, or those built in if it is empty.
func readRules(dir string) (ruleSet, error) {
	fsys := rules.Behavior()
	if dir != "" {
		info, err := os.Stat(dir)
		if err != nil {
			return ruleSet{}, fmt.Errorf("open rules: %w: %w", detonaut.ErrNotFound, err)
		}
		if !info.IsDir() {
			return ruleSet{}, fmt.Errorf("open rules: %w: %s is no directory", detonaut.ErrUsage, dir)
		}
		fsys = os.DirFS(dir)
	}
	set, err := rule.Load(fsys)
	if err != nil {
		return ruleSet{}, fmt.Errorf("load rules: %w", err)
	}
	if len(set.Rules()) == 0 && len(set.Problems()) == 0 {
		// By no rules everything is clean.
		return ruleSet{}, fmt.Errorf("load rules: %w: there are none below %s", detonaut.ErrUsage, dir)
	}
	return ruleSet{set}, nil
}

// loadRules reads rules to judge by, and says which of them cannot be used:
// what they would have found is a gap in every report.
func (a *app) loadRules(dir string) (ruleSet, error) {
	set, err := readRules(dir)
	if err != nil {
		return ruleSet{}, err
	}
	for _, p := range set.Problems() {
		fmt.Fprintf(a.stderr, "detonaut: warning: rule left out: %s\n", report.Escape(p.Error()))
	}
	return set, nil
}

// deps are those of a pipeline which explains by these rules, and reads what a
// run leaves.
func (s ruleSet) deps() pipeline.Deps {
	return pipeline.Deps{
		Detectors: func(img detonaut.Image) []behavior.Detector { return []behavior.Detector{s.Detector(img)} },
		Rules:     s.Digest(),
		Analyzers: all.Analyzers(),
	}
}

func (a *app) rules() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List and test the rules that explain what an image does",
		Example: `  detonaut rules list
  detonaut rules test ./my-rules`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.rulesList(), a.rulesTest())
	return cmd
}

// ruleInfo is what rules list tells of a rule.
type ruleInfo struct {
	ID         string              `json:"id"`
	Title      string              `json:"title"`
	Meaning    string              `json:"meaning,omitempty"`
	Severity   detonaut.Severity   `json:"severity"`
	Confidence detonaut.Confidence `json:"confidence"`
	Category   detonaut.Category   `json:"category,omitempty"`
	Techniques []string            `json:"techniques,omitempty"`
	References []string            `json:"references,omitempty"`
}

func (a *app) rulesList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list [DIR]",
		Short: "List the rules, built in or below a directory",
		Example: `  detonaut rules list
  detonaut rules list ./my-rules -o json`,
		Args: atMostOne("directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := a.rulesOf(cmd, args)
			if err != nil {
				return err
			}
			list := []ruleInfo{}
			for _, r := range set.Rules() {
				f := r.Finding
				list = append(list, ruleInfo{
					ID: f.ID, Title: f.Title, Meaning: f.Meaning, Severity: f.Severity, Confidence: f.Confidence,
					Category: f.Category, Techniques: f.Techniques, References: r.References,
				})
			}
			err = a.printResult(format, list, func(w io.Writer) {
				for _, r := range list {
					fmt.Fprintf(w, "%-8s  %-36s  %s\n", r.Severity, report.Escape(r.ID), report.Escape(r.Title))
				}
			})
			if err == nil {
				err = a.showProblems(set)
			}
			return err
		},
	}
	textOrJSON(cmd, &format)
	return cmd
}

func (a *app) rulesTest() *cobra.Command {
	return &cobra.Command{
		Use:   "test [DIR]",
		Short: "Hold each rule to its own examples",
		Long: `Test loads the rules, built in or below a directory, and holds each to its yes
and no examples; a rule must have one of each. The exit code is 1 when one
cannot be loaded or gets an example wrong.`,
		Example: `  detonaut rules test
  detonaut rules test ./my-rules`,
		Args: atMostOne("directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := a.rulesOf(cmd, args)
			if err != nil {
				return err
			}
			failures := set.Test()
			err = a.printText(func(w io.Writer) {
				for _, f := range failures {
					at := f.File
					if f.Example != "" {
						at += ": " + f.Example
					}
					fmt.Fprintf(w, "FAIL  %s: %s\n", report.Escape(at), report.Escape(f.Reason))
				}
				fmt.Fprintf(w, "%d rules, %d failures, %d not loaded\n", len(set.Rules()), len(failures), len(set.Problems()))
			})
			if err != nil {
				return err
			}
			if err := a.showProblems(set); err != nil {
				return err
			}
			if len(failures) > 0 {
				return exitCode(exitError)
			}
			return nil
		},
	}
}

// rulesOf reads the rules that args or the configuration name.
func (a *app) rulesOf(cmd *cobra.Command, args []string) (ruleSet, error) {
	cfg, err := a.load(cmd)
	if err != nil {
		return ruleSet{}, err
	}
	dir := cfg.Rules.Dir
	if len(args) > 0 {
		dir = args[0]
	}
	return readRules(dir)
}

// showProblems shows the rules that cannot be used as errors.
func (a *app) showProblems(set ruleSet) error {
	for _, p := range set.Problems() {
		fmt.Fprintf(a.stderr, "detonaut: error: %s\n", report.Escape(p.Error()))
	}
	if len(set.Problems()) > 0 {
		return exitCode(exitError)
	}
	return nil
}

func atMostOne(noun string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("%w: %s takes one %s, not %d", detonaut.ErrUsage, cmd.CommandPath(), noun, len(args))
		}
		return nil
	}
}
