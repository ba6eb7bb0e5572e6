// Package detonate is the contract between the main program and whatever runs
// a subject: a plan goes in, a tape comes out.
//
// Implementations are its sub-folders: process drives the chamber binary, fake
// replays a stored tape. sandboxtest is the suite that each of them passes.
// The package also makes plans from image configs and keeps tapes in files; it
// knows nothing of gVisor.
package detonate

import (
	"context"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Sandbox runs subjects.
type Sandbox interface {
	// Run runs one subject as p says and gives every event to sink, in order
	// and from one goroutine, run.start first and run.end last. Result.End is
	// the payload of run.end.
	//
	// What the run leaves besides its tape goes to artifacts, from one other
	// goroutine, at the same time and in no order that the tape would tell;
	// nil wants none of it, and an [artifact.Choosy] sink some. Neither sink is called after Run has returned.
	//
	// An error means that we failed: the machine forbids the sandbox, the
	// chamber is missing or broke, a sink refused what it was given. The tape is
	// then cut short and supports no verdict, and artifacts may lack anything. Whatever the subject did, a command
	// that does not exist included, is on the tape and no error. When ctx ends
	// the run is ended with reason "killed" and no error, if that is still
	// possible.
	//
	// When Run returns nothing of the run is left on the machine.
	Run(ctx context.Context, p plan.Plan, sink tape.Sink, artifacts artifact.Sink) (Result, error)
}

// Result is the outcome of a run that a tape supports.
type Result struct {
	End tape.End
}
