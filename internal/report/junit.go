package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/detonaut/detonaut"
)

// junitWriter writes the XML that JUnit once wrote and every CI reads: a suite for each
// image and family. The format has no standard; this is what GitLab, Jenkins and the
// others agree on.
type junitWriter struct {
	w io.Writer
	n int
}

type junitSuite struct {
	XMLName   xml.Name    `xml:"testsuite"`
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Time      string      `xml:"time,attr"`
	Cases     []junitCase `xml:"testcase"`
	names     map[string]int
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	Time      string        `xml:"time,attr"`
	Failure   *junitProblem `xml:"failure"`
	Error     *junitProblem `xml:"error"`
	Skipped   *junitSkipped `xml:"skipped"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

func (w *junitWriter) Write(r *detonaut.Report) error {
	all := parts(r)
	for i := range all {
		b, err := xml.MarshalIndent(suite(r, &all[i], i == 0), "  ", "  ")
		if err != nil {
			return fmt.Errorf("encode JUnit: %w", err)
		}
		if err := write(w.w, append([]byte(w.head()), append(b, '\n')...)); err != nil {
			return err
		}
		w.n++
	}
	return nil
}

func (w *junitWriter) head() string {
	if w.n > 0 {
		return ""
	}
	return xml.Header + "<testsuites name=\"detonaut\">\n"
}

func (w *junitWriter) Close() error { return write(w.w, []byte(w.head()+"</testsuites>\n")) }

// suite is what a family found in an image. The first has the verdict, too. All strings
// in it are escaped: control characters have no place in XML, not even as references.
func suite(r *detonaut.Report, p *part, first bool) *junitSuite {
	class := "detonaut." + string(p.family)
	s := &junitSuite{
		Name: Escape(string(r.Image.Ref)) + " " + string(p.family), Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"), Time: "0",
	}
	if first {
		s.Time = fmt.Sprintf("%.3f", r.Elapsed.Seconds())
		s.add(verdictCase(r))
	}
	for i := range p.findings {
		if f := &p.findings[i]; counts(f.Severity) {
			c := findingCase(f, class)
			if f.Suppressed != nil {
				c.Failure, c.Skipped = nil, &junitSkipped{Message: Escape(f.Suppressed.Reason)}
			}
			s.add(c)
		}
	}
	for i := range p.vulnerabilities {
		if v := &p.vulnerabilities[i]; counts(v.Severity) {
			s.add(vulnerabilityCase(v, class))
		}
	}
	for i := range p.suppressed {
		if v := &p.suppressed[i]; counts(v.Severity) && v.Suppressed != nil {
			c := vulnerabilityCase(v, class)
			c.Failure, c.Skipped = nil, &junitSkipped{Message: Escape(v.Suppressed.Reason)}
			s.add(c)
		}
	}
	for _, st := range p.incomplete {
		s.add(stageCase(st, class))
	}
	if s.Failures+s.Errors == 0 {
		s.add(junitCase{Name: "nothing of medium severity or worse: " + p.family.title(), ClassName: class})
	}
	return s
}

// add adds a case. Of equal names those after the first have a number, since some
// readers keep one of a name.
func (s *junitSuite) add(c junitCase) {
	c.Time = "0"
	if s.names == nil {
		s.names = map[string]int{}
	}
	if s.names[c.Name]++; s.names[c.Name] > 1 {
		c.Name = fmt.Sprintf("%s (%d)", c.Name, s.names[c.Name])
	}
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

// counts tells whether something of that severity fails a test.
func counts(s detonaut.Severity) bool { return s.Rank() >= detonaut.Medium.Rank() }

// verdictCase passes for a clean image. What could not be judged is an error.
func verdictCase(r *detonaut.Report) junitCase {
	c := junitCase{Name: "verdict", ClassName: "detonaut.verdict"}
	var reasons []string
	for _, reason := range r.Verdict.Reasons {
		reasons = append(reasons, Escape(reason.Text))
	}
	problem := &junitProblem{
		Message: Escape(string(r.Verdict.Word)) + ": " + Escape(r.Verdict.Sentence), Type: Escape(string(r.Verdict.Word)), Text: strings.Join(reasons, "\n"),
	}
	switch r.Verdict.Word {
	case detonaut.Clean:
	case detonaut.Malicious, detonaut.Unwanted, detonaut.Suspicious:
		c.Failure = problem
	default:
		c.Error = problem
	}
	return c
}

func findingCase(f *detonaut.Finding, class string) junitCase {
	lines := []string{Escape(f.ID), Escape(f.Meaning)}
	for i := range f.Evidence {
		lines = append(lines, evidence(f.Evidence[i]))
	}
	return junitCase{
		Name: Escape(f.ID), ClassName: class,
		Failure: &junitProblem{Message: Escape(f.Title), Type: Escape(string(f.Severity)), Text: strings.Join(lines, "\n")},
	}
}

func vulnerabilityCase(v *detonaut.Vulnerability, class string) junitCase {
	lines := []string{
		"package: " + Escape(v.Package) + " " + Escape(v.Version) + " (" + Escape(v.Type) + ")",
		"fix: " + cmp.Or(strings.Join(escapeAll(v.Fixed), ", "), Escape(v.Fix)),
		"path: " + Escape(v.Path),
	}
	lines = append(lines, pressing(v)...)
	if v.Description != "" {
		lines = append(lines, Escape(v.Description))
	}
	name := Escape(v.ID) + " in " + Escape(v.Package) + " " + Escape(v.Version)
	return junitCase{
		Name: name, ClassName: class,
		Failure: &junitProblem{
			Message: Escape(string(v.Severity)) + ": " + name, Type: Escape(string(v.Severity)), Text: strings.Join(lines, "\n"),
		},
	}
}

// stageCase is a stage that is not complete: an error if it failed. Some package of
// most images cannot be read, so that a part which is missing is no reason to stop.
func stageCase(s detonaut.Stage, class string) junitCase {
	c := junitCase{Name: "stage " + Escape(s.Name), ClassName: class}
	message := "it " + became(s.State) + ": " + Escape(s.Reason)
	if s.State == detonaut.Failed {
		c.Error = &junitProblem{Message: message, Type: Escape(string(s.State)), Text: Escape(s.Reason)}
	} else {
		c.Skipped = &junitSkipped{Message: message}
	}
	return c
}
