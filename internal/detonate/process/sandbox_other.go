//go:build !linux

package process

import (
	"context"
	"fmt"
	"runtime"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate"
)

// Sandbox runs subjects in the chamber; not on this system.
type Sandbox struct{}

var _ detonate.Sandbox = (*Sandbox)(nil)

// New tells that there is no sandbox on this system.
func New(context.Context, Options) (*Sandbox, error) {
	return nil, fmt.Errorf("%w: subjects run on Linux only, not on %s", detonaut.ErrSandbox, runtime.GOOS)
}

// Run is never called: there is no Sandbox.
func (*Sandbox) Run(context.Context, plan.Plan, tape.Sink, artifact.Sink) (detonate.Result, error) {
	return detonate.Result{}, fmt.Errorf("%w: subjects run on Linux only", detonaut.ErrSandbox)
}
