package behavior

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

// coverage makes the detonaut.Coverage of a tape. It works with what the
// events say as well as with the totals that run.end claims.
type coverage struct {
	start   *tape.Start
	end     *tape.End
	elapsed time.Duration
	events  uint64
	// cuts counts events that lost something rules look at.
	cuts uint64
	// rejected counts TLS clients that did not take our certificate, untrusted
	// the trust stores of the image that did not get the run's CA.
	rejected, untrusted uint64
	lacks               lacks
	checks              checks
}

// add takes an event of the process p.
func (c *coverage) add(e *tape.Event, p *Process) {
	c.events++
	c.elapsed = time.Duration(e.Time)
	c.lacks.add(e, p)
	c.checks.add(e)
	if e.Cut && matters(e) {
		c.cuts++
	}
	switch {
	case e.Start != nil:
		c.start = e.Start
	case e.End != nil:
		c.end = e.End
	case e.TLS != nil && e.TLS.Rejected:
		c.rejected += e.N()
	case e.Trust != nil && (e.Errno != "" || e.Trust.Error != ""):
		c.untrusted += e.N()
	}
}

// matters tells whether what was cut from e is something to judge by. The text
// of output is not, nor is the environment, nor the end of what was said over
// the network: ordinary clients send long headers, queries and values, and
// rules look at what was said first.
func matters(e *tape.Event) bool {
	switch {
	case e.Process != nil:
		return e.Process.EnvCount == 0 || e.Process.ArgCount > 0
	case e.File != nil, e.Socket != nil, e.Memory != nil, e.Call != nil, e.Start != nil, e.End != nil:
		return true
	default:
		return false
	}
}

func (c *coverage) result(more []string) detonaut.Coverage {
	v := detonaut.Coverage{
		Events: c.events, Exercised: c.exercised(), Gaps: append(c.missed(), more...), Unimplemented: flat(&c.lacks.calls),
		Checks: flat(&c.checks.found),
	}
	if c.end != nil {
		v.Folded, v.Cut, v.Dropped = c.end.Folded, c.end.Cut, c.end.Dropped
		v.Bounds = slices.Clone(c.end.Bounds[:min(len(c.end.Bounds), maxListed)])
	}
	slices.Sort(v.Gaps)
	v.Gaps = slices.Compact(v.Gaps)
	v.Full = len(v.Gaps) == 0
	return v
}

func (c *coverage) exercised() []string {
	if c.start == nil {
		return nil
	}
	s := fmt.Sprintf("%s profile for %s", c.start.Plan.Profile, c.elapsed.Round(time.Millisecond))
	return []string{s}
}

// missed says what was not observed, each in plain words.
func (c *coverage) missed() (gaps []string) {
	miss := func(format string, args ...any) { gaps = append(gaps, fmt.Sprintf(format, args...)) }
	if c.start == nil {
		miss("the tape has no beginning")
	} else if c.start.Plan.Detail == plan.Untraced {
		miss("the run was not traced")
	}
	if c.cuts > 0 {
		miss("%d events were too long to be recorded whole", c.cuts)
	}
	if c.end == nil {
		miss("the tape has no end")
		return gaps
	}
	if c.end.Dropped > 0 {
		miss("%d events were lost", c.end.Dropped)
	}
	if c.end.Events != c.events {
		miss("the tape has %d events and claims %d", c.events, c.end.Events)
	}
	for _, b := range c.end.Bounds {
		switch {
		case b == "output" || keptBeside[b] != "":
		case keptFrom[b] != "":
			miss("%s", keptFrom[b])
		default:
			miss("the subject ran into a limit of its plan: %s", strings.ReplaceAll(b, "_", " "))
		}
	}
	if why := c.blind(); why != "" {
		miss("%s", why)
	}
	if c.lacks.calls.full {
		miss("it made more system calls that the sandbox does not have than are listed")
	}
	if c.checks.found.full {
		miss("it looked at more that may tell of a sandbox than is listed")
	}
	if why := unfinished(c.end, c.lacks.blame(c.elapsed)); why != "" {
		miss("%s", why)
	}
	return gaps
}

// keptBeside are bounds on what is kept beside the tape. The subject did not
// feel them, and the rules saw what happened all the same: they are no gaps, and
// the notes of the run tell of them.
var keptBeside = map[string]string{
	"artifacts": "artifacts: they are not whole",
	"baits":     "baits: not everything that was written was searched for them",
	"bodies":    "bodies: some were too large to be kept",
	"capture":   "capture: it is not whole",
	"files":     "payloads: data that was too large was not kept",
	"names":     "connections: some have no name, there were too many",
	"record":    "record: it is not whole",
}

// keptFrom are bounds of the network that kept the subject from something, so
// that what it does with all it asks for was not seen, and those that kept us from
// what it ran, wrote, or did last. Ports that a scan found closed are not among
// them: most ports are.
var keptFrom = map[string]string{
	"changes":   "not everything that differs from the image in the end was seen",
	"datagrams": "the subject sent more datagrams at once than are answered",
	"flows":     "the subject had more connections at once than are answered",
	"held":      "the sandbox did not hand over its last events, or packets, in time",
	"live":      "the subject asked for more of the live network than its plan allows",
	"payloads":  "not everything that ran, was written or was deleted was kept",
	"questions": "the subject asked for more names than are answered",
	"servers":   "a server of the simulated internet failed",
}

// blind says why a part of what was said over TLS is unknown through our
// fault, or "". A client that refuses a certificate though its trust store has
// our CA knows whom it wants; that is a fact about the subject, which the report
// shows. One that could not know our CA may have said anything.
func (c *coverage) blind() string {
	if c.rejected == 0 || c.untrusted == 0 && (c.start == nil || !c.start.Plan.Internet.TrustCut) {
		return ""
	}
	return fmt.Sprintf("our certificate was refused (%d times), and not every trust store of the image has it", c.rejected)
}

const unseen = ": what it does when it works was not seen"

// unfinished says why the way a run ended hides what the subject does, or "".
// Running until its time is over is what a server does, and after quiescence there
// is nothing to come. blame is what may be why it failed.
func unfinished(end *tape.End, blame string) string {
	switch end.Reason {
	case tape.TimeLimit, tape.TravelLimit, tape.Quiescent:
		return ""
	case tape.Exited:
		if end.ExitCode == 0 {
			return ""
		}
		return fmt.Sprintf("the subject gave up with exit code %d", end.ExitCode) + cmp.Or(blame, unseen)
	case tape.Signalled:
		return fmt.Sprintf("the subject was ended by %s", signal(end.Signal)) + cmp.Or(blame, unseen)
	case tape.NotStarted:
		return "the subject's command could not be started"
	case tape.MemoryLimit:
		return "the subject was ended when it used more memory than its plan allows"
	case tape.EventLimit:
		return "the subject was ended when it did more than a tape may hold"
	case tape.Killed:
		return "the run was ended from outside"
	default:
		return fmt.Sprintf("the sandbox did not run to the end: %s", end.Reason)
	}
}

// signal is the name of a signal, if it is one: what is said of a gap before its
// colon is said in our words.
func signal(name string) string {
	rest, ok := strings.CutPrefix(name, "SIG")
	if !ok || rest == "" || len(rest) > 8 || strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-") != "" {
		return "a signal"
	}
	return name
}
