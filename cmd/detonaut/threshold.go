package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
)

// threshold is what --fail-on says, a word or a severity, and --strict.
type threshold struct {
	word     detonaut.Word
	severity detonaut.Severity
	// strict is what --strict says.
	strict bool
}

// addThresholdFlags gives cmd the flags that decide on the exit code.
func addThresholdFlags(cmd *cobra.Command, failOn *string, strict *bool) {
	cmd.Flags().StringVar(failOn, "fail-on", "",
		"exit with 2 at this verdict or worse: `WORD` suspicious, unwanted, malicious; or at a finding of this severity: low, medium, high, critical")
	cmd.Flags().BoolVar(strict, "strict", false, "exit with 3 when an analysis is incomplete")
}

func parseThreshold(s string, strict bool) (threshold, error) {
	words := []detonaut.Word{detonaut.Suspicious, detonaut.Unwanted, detonaut.Malicious}
	severities := []detonaut.Severity{detonaut.Low, detonaut.Medium, detonaut.High, detonaut.Critical}
	switch {
	case s == "":
		return threshold{strict: strict}, nil
	case slices.Contains(words, detonaut.Word(s)):
		return threshold{word: detonaut.Word(s), strict: strict}, nil
	case slices.Contains(severities, detonaut.Severity(s)):
		return threshold{severity: detonaut.Severity(s), strict: strict}, nil
	}
	var names []string
	for _, w := range words {
		names = append(names, string(w))
	}
	for _, sev := range severities {
		names = append(names, string(sev))
	}
	return threshold{}, fmt.Errorf("%w: --fail-on %q is unknown: use %s", detonaut.ErrUsage, s, strings.Join(names, ", "))
}

// code is the exit code that r deserves.
func (t threshold) code(r *detonaut.Report) exitCode {
	switch {
	case t.reached(r):
		return exitFailOn
	case t.strict && incomplete(r):
		return exitIncomplete
	}
	return exitDone
}

// incomplete tells whether something was missed of what was to be done.
func incomplete(r *detonaut.Report) bool {
	asked := func(s detonaut.Stage) bool { return s.Name == detonaut.StageDetonate }
	if !slices.ContainsFunc(r.Stages, asked) { // it was to be read only
		return slices.ContainsFunc(r.Stages, func(s detonaut.Stage) bool { return s.State != detonaut.Complete })
	}
	return !r.Coverage.Full || r.Verdict.Word == detonaut.Inconclusive
}

// reached reports whether r is as bad as t, or worse.
func (t threshold) reached(r *detonaut.Report) bool {
	if t.word != "" {
		return r.Verdict.Word.Rank() >= t.word.Rank()
	}
	if t.severity == "" {
		return false
	}
	return r.Verdict.Vulnerability.Rank() >= t.severity.Rank() ||
		slices.ContainsFunc(r.Findings, func(f detonaut.Finding) bool {
			return f.Suppressed == nil && f.Severity.Rank() >= t.severity.Rank()
		})
}
