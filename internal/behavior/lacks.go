package behavior

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// shortly is how long after a call that the sandbox does not have a process may
// fail because of it.
const shortly = 5 * time.Second

// fallbacks are calls that libraries try in every program and do without when
// they are not there: nobody fails because of them.
var fallbacks = []string{
	"cachestat", "fchmodat2", "landlock_create_ruleset", "map_shadow_stack", "membarrier", "mseal", "process_madvise", "rseq", "set_robust_list",
}

// lacks follows the system calls that the subject made and the sandbox does not
// have.
type lacks struct {
	calls bounded[*detonaut.Call]
	// failed is the process that gave up last, shortly after one of them, and
	// failedAt when; over is set when the first process has ended.
	failed   *Process
	failedAt time.Duration
	over     bool
}

// add takes an event of the process p.
func (l *lacks) add(e *tape.Event, p *Process) {
	switch {
	case e.Call != nil && e.Call.Unimplemented:
		l.call(e, p)
	case e.Kind == tape.ProcessExec && e.Errno == "":
		p.lacked = "" // it went on as another program
	case e.Kind == tape.ProcessExit && !l.over:
		l.over = p.PID == 1
		if p.lacked != "" && gaveUp(e.Process) && time.Duration(e.Time)-p.lackedAt <= shortly {
			l.failed, l.failedAt = p, time.Duration(e.Time)
		}
	}
}

func (l *lacks) call(e *tape.Event, p *Process) {
	name := strings.TrimPrefix(string(e.Kind), tape.CallPrefix)
	if !slices.Contains(fallbacks, name) {
		p.lacked, p.lackedAt = cut(name), time.Duration(e.Time)
	}
	have, ok := l.calls.get(name)
	if !ok {
		have = &detonaut.Call{Name: cut(name), Event: e.Seq}
		if !l.calls.put(name, have) {
			return
		}
	}
	have.Count += e.N()
}

// gaveUp tells whether a process ended by itself, and not well. The signals are
// those that a program brings upon itself.
func gaveUp(x *tape.Process) bool {
	if x.Signal == "" {
		return x.ExitCode != 0
	}
	return slices.Contains([]string{"SIGSYS", "SIGILL", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGTRAP"}, x.Signal)
}

// blame says which call may be why a run failed that ended at that time; empty if
// there is none.
func (l *lacks) blame(end time.Duration) string {
	switch {
	case l.failed == nil || end-l.failedAt > shortly:
		return ""
	case l.failed.PID == 1:
		return fmt.Sprintf(", last after %s, which the sandbox does not have", l.failed.lacked)
	default:
		return fmt.Sprintf("; its process %d gave up before it, last after %s, which the sandbox does not have", l.failed.PID, l.failed.lacked)
	}
}
