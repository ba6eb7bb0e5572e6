// Package sentry is the part of Detonaut that runs inside gVisor's sentry, the
// kernel of the sandbox.
//
// The sandbox process is our own binary, so the package registers a sink with
// gVisor's security checks (seccheck) for the birth, exec and death of
// processes, and wraps entries of the system call table for everything that
// those do not see: resolved paths, socket addresses, DNS questions. It writes
// facts only, and every write blocks until it is read: nothing is dropped.
// When the reader is gone the sentry exits; it never runs untraced.
//
// The process that makes a sandbox calls [Register], [Session] and [Accept]; the
// sandbox itself, which gVisor starts from the same binary, calls [Main]. A hook runs
// on the goroutine of the task that makes the call. The requests of the reader have a
// goroutine of their own.
//
// In this package are the sink and the hooks, in a file for each family of calls.
// They find out what a task is doing, and leave the rest to the rooms below, none of
// which knows them: wire takes events out of the sandbox; payload keeps contents;
// fileless gathers what was run and comes from no file; difference walks the file
// systems for what was changed; furnish makes an ordinary machine of the sandbox;
// clock looks at its timers and moves them; meaning knows places, flags and calls by
// name.
package sentry

import (
	"errors"
	"os"
	"sync"

	"gvisor.dev/gvisor/pkg/sentry/seccheck"
	"gvisor.dev/gvisor/runsc/boot"

	"github.com/detonaut/detonaut/chamber/machine"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/furnish"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
)

const (
	sinkName = "detonaut"
	// The keys of the sink's options.
	optDetail   = "detail"
	optProfile  = "profile"
	optMaxTasks = "max_tasks"
	optProgram  = "program"
	optEnv      = "env"
	optSetup    = "setup"
	optPlanted  = "planted"
	optTime     = "time"
	optPayloads = "payloads"
	optFace     = "face"
)

// Register makes the sink known to gVisor. Both the process that creates a
// sandbox and the sandbox itself call it once.
var Register = sync.OnceFunc(func() {
	seccheck.RegisterSink(seccheck.SinkDesc{Name: sinkName, Setup: setup, New: newSink})
})

// Session returns the configuration with which gVisor boots the sandbox that
// runs p in a root file system furnished as s says: what it calls a pod init
// config. planted are variables, as NAME=value, that the plan does not have: the
// tape tells of them only where they are not as they were given. With payloads the
// contents that are kept come with the events.
func Session(p *plan.Plan, s furnish.Setup, planted []string, payloads bool) *boot.InitConfig {
	ids := []string{"group_id", "thread_id"}
	points := []seccheck.PointConfig{
		{Name: "sentry/task_exit", ContextFields: ids}, // without it nobody knows how the run ended
		{Name: "sentry/clone", ContextFields: ids},     // where the number of threads is bounded
	}
	if p.Detail != plan.Untraced {
		points = append(points,
			seccheck.PointConfig{Name: "sentry/execve", OptionalFields: []string{"binary_info", "binary_sha256"}, ContextFields: ids})
	}
	return &boot.InitConfig{TraceSession: seccheck.SessionConfig{
		Name:   "Default",
		Points: points,
		Sinks: []seccheck.SinkConfig{{Name: sinkName, Config: map[string]any{
			optDetail: string(p.Detail), optProfile: string(p.Profile), optMaxTasks: p.Limits.Processes, optProgram: p.Args[0], optEnv: p.Env, optSetup: s, optPlanted: planted, optPayloads: payloads,
			optFace: machine.Face{Machine: p.Machine, Hostname: p.Hostname, Card: p.Network != plan.None},
			optTime: timing{Uptime: p.Machine.Uptime, Duration: p.Limits.Duration, Travel: p.Travel},
		}}},
	}}
}

// accepted is where setup leaves our end of the socket for Accept.
var accepted = make(chan *wire.Stream, 1)

// setup runs in the process that creates the sandbox and returns the end of the
// socket that is donated to it.
func setup(map[string]any) (*os.File, error) {
	stream, end, err := wire.Open()
	if err != nil {
		return nil, err
	}
	accepted <- stream
	return end, nil
}

// Accept returns the stream of the sandbox that this process has just created. The
// caller closes it.
func Accept() (*wire.Stream, error) {
	select {
	case stream := <-accepted:
		return stream, nil
	default:
		return nil, errors.New("accept events: the sandbox was booted without its sink")
	}
}
