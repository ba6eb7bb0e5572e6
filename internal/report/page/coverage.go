package page

import (
	"cmp"
	"fmt"

	"github.com/detonaut/detonaut"
)

// coverage is what was and was not seen.
type coverage struct {
	*detonaut.Coverage
	Stages []stageRow
	Bounds []string
	Calls  list[detonaut.Call]
	Checks list[checkRow]
	Paths  []string
	Notes  []string
}

type stageRow struct {
	detonaut.Stage
	Class string
}

type checkRow struct {
	*detonaut.Check
	By processRef
}

// Word says it in one.
func (c *coverage) Word() string {
	if c.Full {
		return "full"
	}
	return "partial"
}

func (m *model) coverage() coverage {
	c := &m.Report.Coverage
	v := coverage{
		Coverage: c, Bounds: c.Bounds[:min(len(c.Bounds), 40)], Notes: m.Report.Run.Notes[:min(len(m.Report.Run.Notes), 40)],
		Calls: cutList(m, c.Unimplemented, 30, "coverage", func(k *detonaut.Call) detonaut.Call { return *k }),
		Checks: cutList(m, c.Checks, 30, "coverage", func(k *detonaut.Check) checkRow {
			return checkRow{k, m.Process(k.PID, k.Event)}
		}),
	}
	for _, s := range m.Report.Stages[:min(len(m.Report.Stages), 60)] {
		class := "skipped"
		switch s.State {
		case detonaut.Complete, detonaut.Partial, detonaut.Failed, detonaut.Skipped:
			class = string(s.State)
		}
		v.Stages = append(v.Stages, stageRow{s, class})
	}
	if u := c.Unstarted; u != nil {
		v.Paths = u.Paths[:min(len(u.Paths), 30)]
	}
	return v
}

// LostEvents is how many there were.
func (m *model) LostEvents() int { return int(min(m.Report.Coverage.Dropped, 1<<31)) }

// banner is what decides in ten seconds.
type banner struct {
	Word     string // of the verdict
	Meaning  string // of that word
	Ago      string
	Run      string
	Contacts int
	Reasons  []reasonRow
	Unshown  int
}

type reasonRow struct {
	Text string
	Href string
}

func (m *model) banner() banner {
	r := m.Report
	b := banner{Word: verdictClass(r.Verdict.Word), Run: m.runWords()}
	b.Meaning = map[string]string{
		"malicious": "It does harm that nobody who runs it can want.", "unwanted": "A miner, a hacking tool or proxyware: some run it on purpose.",
		"suspicious": "Something was seen that an analyst should look at.", "clean": "Nothing bad was seen, and nothing was missed.",
		"inconclusive": "Nothing bad was seen, and not everything was seen.",
	}[b.Word]
	if !m.Now.IsZero() && m.Now.After(r.Started) && !r.Started.IsZero() {
		b.Ago = agoOf(m.Now.Sub(r.Started))
	}
	hosts := map[string]bool{}
	for i := range r.Run.Connections {
		host, _ := hostPort(r.Run.Connections[i].Address)
		hosts[cmp.Or(r.Run.Connections[i].Name, host)] = true
	}
	b.Contacts = len(hosts)
	const most = 6
	for _, reason := range r.Verdict.Reasons {
		if len(b.Reasons) == most {
			b.Unshown = len(r.Verdict.Reasons) - most
			break
		}
		row := reasonRow{Text: reason.Text}
		if f := m.findings[reason.Finding]; f != nil {
			row.Href = "#" + f.ID
		}
		b.Reasons = append(b.Reasons, row)
	}
	return b
}

// runWords says how the run went.
func (m *model) runWords() string {
	run := m.Report.Run
	if !m.Ran() {
		return "It was not run."
	}
	s := "It ran for " + spanOf(run.Elapsed)
	if run.Simulated > run.Elapsed {
		s += ", by its own clocks for " + spanOf(run.Simulated)
	}
	switch run.Network {
	case "live":
		s += ", with the real internet"
	case "none":
		s += ", without a network"
	case "simulated":
		s += ", in a simulated internet"
	}
	switch {
	case run.EndReason == "exited":
		return s + fmt.Sprintf(", and ended with exit code %d.", run.ExitCode)
	case run.Signal != "":
		return s + ", and was ended by " + Plain(run.Signal, 20) + "."
	}
	return s + ", until: " + Plain(run.EndReason, 40) + "."
}
