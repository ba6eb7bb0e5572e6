package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/rulebook"
)

func (a *app) rules() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List, test and get the rules by which images are judged",
		Long: `Rules are built in, come in packs that are installed, and from directories
(--rules, rules.dirs). A directory has rules about what an image does in
behavior/TACTIC/NAME.yaml or TACTIC/NAME.yaml, rules about files in
files/CATEGORY/NAME.yaml, and lists of malicious packages in
packages/ECOSYSTEM.yaml. docs/new-rule.md tells how to write one,
docs/rule-packs.md what a pack is.`,
		Example: `  detonaut rules list
  detonaut rules test ./my-rules
  detonaut rules update https://rules.example.com/ours.tar.gz --key ours.pub.pem`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.rulesList(), a.rulesTest(), a.rulesUpdate(), a.rulesStatus(), a.rulesRollback(), a.rulesRemove(), a.rulesPack())
	return cmd
}

// ruleList is all that it tells.
type ruleList struct {
	// Attack is the version of MITRE ATT&CK that techniques are of.
	Attack string          `json:"attack"`
	Rules  []rulebook.Info `json:"rules"`
}

func (b *ruleBooks) list() ruleList {
	list := ruleList{Attack: rulebook.Attack, Rules: []rulebook.Info{}}
	add := func(kind string, f *detonaut.Finding, references []string) {
		list.Rules = append(list.Rules, rulebook.InfoOf(kind, f, references))
	}
	for _, r := range b.behaviors.Rules() {
		add("behavior", &r.Finding, r.References)
	}
	for _, r := range b.contents.Rules() {
		add("file", &r.Finding, r.References)
	}
	return list
}

func (a *app) rulesList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list [DIR...]",
		Short: "List the rules, those in use or those below directories",
		Long: `List shows the rules in use, which are those built in, those of installed packs
and those of the configuration, or those below directories, with the MITRE
ATT&CK techniques that they speak of: first those about what an image does, then
those about files.`,
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
			failures := set.test(cmd.Context())
			err = a.printText(func(w io.Writer) {
				for _, f := range failures {
					at := f.File
					if f.Example != "" {
						at += ": " + f.Example
					}
					fmt.Fprintf(w, "FAIL  %s: %s\n", report.Escape(at), report.Escape(f.Reason))
				}
				fmt.Fprintf(w, "%d rules, %d failures, %d not loaded\n", set.len(), len(failures), len(set.problems()))
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
func (a *app) rulesOf(cmd *cobra.Command, args []string) (*ruleBooks, error) {
	cfg, err := a.load(cmd)
	if err != nil {
		return nil, err
	}
	c := cfg.Rules
	if len(args) > 0 {
		c = config.Rules{Dirs: args, Only: true}
	}
	sources, err := a.ruleSources(c)
	if err != nil {
		return nil, err
	}
	return readAll(sources)
}

// showProblems shows the rules that cannot be used as errors.
func (a *app) showProblems(set *ruleBooks) error {
	problems := set.problems()
	for _, p := range problems {
		fmt.Fprintf(a.stderr, "detonaut: error: %s\n", report.Escape(p))
	}
	if len(problems) > 0 {
		return exitCode(exitError)
	}
	return nil
}
