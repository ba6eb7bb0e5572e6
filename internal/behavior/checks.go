package behavior

import (
	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// checks follows what the subject did that programs do to find out where they
// run, and whether they are being watched.
type checks struct{ found bounded[*detonaut.Check] }

func (c *checks) add(e *tape.Event) {
	name := checkOf(e)
	if name == "" {
		return
	}
	have, ok := c.found.get(name)
	if !ok {
		have = &detonaut.Check{Name: cut(name), PID: e.PID, Event: e.Seq}
		if !c.found.put(name, have) {
			return
		}
	}
	have.Count += e.N()
}

// checkOf names what e looks at; empty if it is no check. The tape itself tells of
// files what they reveal.
func checkOf(e *tape.Event) string {
	switch {
	case e.File != nil:
		return e.File.Reveals
	case e.Call == nil:
		return ""
	}
	switch args := e.Call.Args; e.Kind {
	case "call.syslog":
		return "kernel log"
	case "call.ptrace":
		if args["request"] == "PTRACE_TRACEME" { // fails under a debugger
			return "tracer"
		}
	case "call.clock_gettime", "call.gettimeofday", "call.time":
		if args["calls"] != "" {
			return "clock"
		}
	case "call.nanosleep", "call.clock_nanosleep":
		if args["seconds"] != "" {
			return "delay"
		}
	}
	return ""
}
