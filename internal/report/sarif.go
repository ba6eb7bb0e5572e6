package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	// sarifRoot is the base of paths in the image.
	sarifRoot = "IMAGE"
	attack    = "MITRE ATT&CK"
)

var technique = regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)

// sarifWriter writes one log with a run for each image and family.
type sarifWriter struct {
	w    io.Writer
	many bool
	n    int
}

func (w *sarifWriter) Write(r *detonaut.Report) error {
	runs, err := sarifRuns(r, w.many)
	if err != nil {
		return err
	}
	for i := range runs {
		before := ",\n    "
		if w.n == 0 {
			before = w.head()
		}
		b, err := json.MarshalIndent(&runs[i], "    ", "  ")
		if err != nil {
			return fmt.Errorf("encode SARIF: %w", err)
		}
		if err := write(w.w, append([]byte(before), EscapeJSON(b)...)); err != nil {
			return err
		}
		w.n++
	}
	return nil
}

func (w *sarifWriter) head() string {
	return fmt.Sprintf("{\n  \"$schema\": %q,\n  \"version\": \"2.1.0\",\n  \"runs\": [\n    ", sarifSchema)
}

func (w *sarifWriter) Close() error {
	end := "\n  ]\n}\n"
	if w.n == 0 {
		end = strings.TrimRight(w.head(), "\n ") + "]\n}\n"
	}
	return write(w.w, []byte(end))
}

func sarifRuns(r *detonaut.Report, many bool) ([]sarifRun, error) {
	all := parts(r)
	runs := make([]sarifRun, 0, len(all))
	for i := range all {
		run, err := sarifRunOf(r, &all[i], many)
		if err != nil {
			return nil, err
		}
		runs = append(runs, *run)
	}
	return runs, nil
}

func sarifRunOf(r *detonaut.Report, p *part, many bool) (*sarifRun, error) {
	id, err := reportID(r, "sarif/"+string(p.family))
	if err != nil {
		return nil, err
	}
	ref := Escape(string(r.Image.Ref))
	run := &sarifRun{
		Tool: sarifTool{sarifComponent{
			Name: "Detonaut", Version: Escape(r.Fingerprint.Tool), InformationURI: home,
		}},
		AutomationDetails: sarifAutomation{ID: automation(r, p.family, many), GUID: id.String()},
		Invocations:       []sarifInvocation{invocation(r, p)},
		OriginalURIBaseIDs: map[string]sarifArtifact{
			sarifRoot: {Description: &sarifText{Text: "the root of the file system of " + plainMessage(string(r.Image.Ref))}},
		},
		ColumnKind: "utf16CodeUnits",
		Properties: sarifRunProperties{
			Image: ref, Digest: Escape(string(r.Image.Digest)), Platform: Escape(r.Image.Platform), Family: p.family,
			Verdict: Escape(string(r.Verdict.Word)), Sentence: Escape(r.Verdict.Sentence),
		},
	}
	if p.family == vulnerableFamily {
		run.Properties.Database = databaseAge(r)
	}
	b := &sarifBuilder{image: &r.Image, family: p.family, index: map[string]int{}, prints: map[string]int{}}
	for i := range p.findings {
		b.finding(&p.findings[i])
	}
	for i := range p.vulnerabilities {
		b.vulnerability(&p.vulnerabilities[i])
	}
	for i := range p.suppressed {
		b.vulnerability(&p.suppressed[i])
	}
	run.Results = b.results
	if run.Results == nil {
		run.Results = []sarifResult{} // null would say that nothing was looked for
	}
	run.Tool.Driver.Rules = b.rules
	if len(b.techniques) > 0 {
		slices.Sort(b.techniques)
		taxonomy := sarifComponent{Name: attack, Organization: "MITRE", InformationURI: "https://attack.mitre.org/"}
		for _, t := range slices.Compact(b.techniques) {
			taxonomy.Taxa = append(taxonomy.Taxa, sarifTaxon{ID: t, HelpURI: "https://attack.mitre.org/techniques/" + strings.ReplaceAll(t, ".", "/") + "/"})
		}
		run.Taxonomies = []sarifComponent{taxonomy}
		run.Tool.Driver.SupportedTaxonomies = []sarifComponentName{{attack}}
	}
	return run, nil
}

// automation names the series of analyses that a run belongs to, and the run in it.
// What is before the last slash is the category by which GitHub tells alerts apart: it
// must differ for each run of one log, and stay the same for the next version of an
// image, so that a tag is in it only when there are many images.
func automation(r *detonaut.Report, f family, many bool) string {
	n := nameOf(r.Image.Ref)
	name := cmp.Or(n.repository, n.name)
	if many {
		name = string(r.Image.Ref)
	}
	return "detonaut/" + string(f) + "/" + escapeURI(head(name, maxText)) + "/" + cmp.Or(short(r.Image.Digest), "unknown")
}

// invocation says how far a family got.
func invocation(r *detonaut.Report, p *part) sarifInvocation {
	v := sarifInvocation{
		ExecutionSuccessful: !p.failed(), StartTimeUTC: timestamp(r.Started), EndTimeUTC: timestamp(r.Started.Add(r.Elapsed)),
	}
	for _, s := range p.incomplete {
		level := "warning"
		switch s.State {
		case detonaut.Failed:
			level = "error"
		case detonaut.Skipped:
			level = "note"
		default:
		}
		text := s.Name + " " + became(s.State)
		if s.Reason != "" {
			text += ": " + s.Reason
		}
		v.Notifications = append(v.Notifications, sarifNotification{
			Descriptor: sarifDescriptor{ID: "stage/" + Escape(s.Name)}, Level: level, Message: sarifText{Text: plainMessage(text)},
		})
	}
	if p.family == behaviour {
		for _, gap := range r.Coverage.Gaps {
			v.Notifications = append(v.Notifications, sarifNotification{
				Descriptor: sarifDescriptor{ID: "coverage/gap"}, Level: "warning", Message: sarifText{Text: plainMessage(gap)},
			})
		}
	}
	return v
}

// sarifLevel is the level of a result of that severity.
func sarifLevel(s detonaut.Severity) string {
	switch s {
	case detonaut.Critical, detonaut.High:
		return "error"
	case detonaut.Medium:
		return "warning"
	default:
		return "note"
	}
}

// securityRank is a number of 0 to 10 for a severity, in the middle of what GitHub calls
// by that word: critical is above 9, high from 7, medium from 4, low above 0.
func securityRank(s detonaut.Severity) float64 {
	return map[detonaut.Severity]float64{
		detonaut.Critical: 9.5, detonaut.High: 8, detonaut.Medium: 5.5, detonaut.Low: 2, detonaut.Negligible: 0.1,
	}[s]
}

// scoreRank is the score of CVSS, if the severity agrees with it: a distribution may
// know better, and its word stands.
func scoreRank(v *detonaut.Vulnerability) float64 {
	var s detonaut.Severity
	switch {
	case v.Score > 9 && v.Score <= 10:
		s = detonaut.Critical
	case v.Score >= 7 && v.Score <= 9:
		s = detonaut.High
	case v.Score >= 4 && v.Score < 7:
		s = detonaut.Medium
	case v.Score > 0 && v.Score < 4:
		s = detonaut.Low
	}
	if s == v.Severity {
		return v.Score
	}
	return securityRank(v.Severity)
}
