package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/behavior/rule"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/rulebook"
	"github.com/detonaut/detonaut/internal/static/all"
	"github.com/detonaut/detonaut/rules"
)

// ruleSet is the set of rules that a command uses.
type ruleSet struct {
	*rule.Set
	// names are those of the directories by their numbers; empty for those built in.
	names []string
}

// readRules reads the rules that a configuration asks for.
func readRules(c config.Rules) (ruleSet, error) {
	var set ruleSet
	var systems []fs.FS
	if !c.Only {
		set.names, systems = []string{""}, []fs.FS{rules.Behavior()}
	}
	for _, dir := range c.Dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return ruleSet{}, fmt.Errorf("open rules: %w: %w", detonaut.ErrNotFound, err)
		}
		if !info.IsDir() {
			return ruleSet{}, fmt.Errorf("open rules: %w: %s is no directory", detonaut.ErrUsage, dir)
		}
		set.names, systems = append(set.names, dir), append(systems, os.DirFS(dir))
	}
	if len(systems) == 0 { // by no rules everything is clean
		return ruleSet{}, fmt.Errorf("load rules: %w: those built in are left out, and there are no others", detonaut.ErrUsage)
	}
	var err error
	if set.Set, err = rule.Load(systems...); err != nil {
		return ruleSet{}, fmt.Errorf("load rules: %w", err)
	}
	return set, set.check()
}

// check refuses a directory without rules: who names one means some.
func (s ruleSet) check() error {
	count := make([]int, len(s.names))
	for _, r := range s.Rules() {
		count[r.System]++
	}
	for _, p := range s.Problems() {
		count[p.System]++
	}
	if i := slices.Index(count, 0); i >= 0 {
		return fmt.Errorf("load rules: %w: there are none below %s", detonaut.ErrUsage, s.names[i])
	}
	return nil
}

// path is where a file of a directory is.
func (s ruleSet) path(system int, file string) string { return filepath.Join(s.names[system], file) }

// where is a problem with the path of its file.
func (s ruleSet) where(p rulebook.Problem) string {
	p.File = s.path(p.System, p.File)
	return p.Error()
}

// loadRules reads rules to judge by, and says which of them cannot be used:
// what they would have found is a gap in every report.
func (a *app) loadRules(c config.Rules) (ruleSet, error) {
	set, err := readRules(c)
	if err != nil {
		return ruleSet{}, err
	}
	for _, p := range set.Problems() {
		fmt.Fprintf(a.stderr, "detonaut: warning: rule left out: %s\n", report.Escape(set.where(p)))
	}
	return set, nil
}

// deps are those of a pipeline which explains by these rules, and reads what a
// run leaves.
func (s ruleSet) deps() pipeline.Deps {
	return pipeline.Deps{
		Detectors: func(img detonaut.Image) []behavior.Detector { return []behavior.Detector{s.Detector(img)} },
		Rules:     s.Digest(),
		Analyzers: all.Analyzers(all.Ours()), Likeness: new(all.Reader).Likeness,
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
	Family     string              `json:"family,omitempty"`
	Techniques []string            `json:"techniques,omitempty"`
	References []string            `json:"references,omitempty"`
}

// ruleList is all that it tells.
type ruleList struct {
	// Attack is the version of MITRE ATT&CK that techniques are of.
	Attack string     `json:"attack"`
	Rules  []ruleInfo `json:"rules"`
}

func (s ruleSet) list() ruleList {
	list := ruleList{Attack: rulebook.Attack, Rules: []ruleInfo{}}
	for _, r := range s.Rules() {
		f := r.Finding
		list.Rules = append(list.Rules, ruleInfo{
			ID: f.ID, Title: f.Title, Meaning: f.Meaning, Severity: f.Severity, Confidence: f.Confidence,
			Category: f.Category, Family: f.Family, Techniques: f.Techniques, References: r.References,
		})
	}
	return list
}

func (a *app) rulesList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list [DIR...]",
		Short: "List the rules, those in use or those below directories",
		Long: `List shows the rules in use, which are those built in and those of the
configuration, or those below directories, with the MITRE ATT&CK techniques that
they speak of.`,
		Example: `  detonaut rules list
  detonaut rules list ./my-rules -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := a.rulesOf(cmd, args)
			if err != nil {
				return err
			}
			list := set.list()
			err = a.printResult(format, list, func(w io.Writer) {
				for _, r := range list.Rules {
					line := fmt.Sprintf("%-10s  %-40s  %-50s  %s", r.Severity, r.ID, r.Title, strings.Join(r.Techniques, " "))
					fmt.Fprintln(w, report.Escape(strings.TrimRight(line, " ")))
				}
				fmt.Fprintf(w, "\n%d rules; techniques are those of MITRE ATT&CK %s\n", len(list.Rules), list.Attack)
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
		Use:   "test [DIR...]",
		Short: "Hold each rule to its own examples",
		Long: `Test loads the rules in use, or those below directories, and holds each to its yes
and no examples; a rule must have one of each. The exit code is 1 when one
cannot be loaded or gets an example wrong.`,
		Example: `  detonaut rules test
  detonaut rules test ./my-rules`,
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := a.rulesOf(cmd, args)
			if err != nil {
				return err
			}
			failures := set.Test()
			err = a.printText(func(w io.Writer) {
				for _, f := range failures {
					at := set.path(f.System, f.File)
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

// rulesOf reads the rules below args, or those that the configuration asks for.
func (a *app) rulesOf(cmd *cobra.Command, args []string) (ruleSet, error) {
	cfg, err := a.load(cmd)
	if err != nil {
		return ruleSet{}, err
	}
	if len(args) > 0 {
		return readRules(config.Rules{Dirs: args, Only: true})
	}
	return readRules(cfg.Rules)
}

// showProblems shows the rules that cannot be used as errors.
func (a *app) showProblems(set ruleSet) error {
	for _, p := range set.Problems() {
		fmt.Fprintf(a.stderr, "detonaut: error: %s\n", report.Escape(set.where(p)))
	}
	if len(set.Problems()) > 0 {
		return exitCode(exitError)
	}
	return nil
}
