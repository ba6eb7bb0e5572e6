// Package measure reduces a report to what a survey counts: some hundred bytes instead of
// some ten thousand. It is a pure function of the report.
package measure

import "github.com/detonaut/detonaut"

// Measure is what is counted of a report.
type Measure struct {
	Verdict       detonaut.Word     `json:"verdict"`
	Vulnerability detonaut.Severity `json:"vulnerability"`
}

// Of measures a report.
func Of(r *detonaut.Report) *Measure {
	return &Measure{Verdict: r.Verdict.Word}
}
