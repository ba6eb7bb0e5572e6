// Package doctor finds out what this machine can do: whether a scan can work,
// and if not, what to change.
//
// Each check tries the thing itself where that is cheap, rather than guess
// from versions. It changes nothing that stays.
package doctor

import (
	"context"

	"github.com/detonaut/detonaut/internal/config"
)

// Status is the outcome of a check.
type Status string

// Outcomes. A scan cannot work where a check has failed.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Detail is what was found.
	Detail string `json:"detail"`
	// Remedy says what to do about it, for warn and fail.
	Remedy string `json:"remedy,omitempty"`
}

// Options say what to look for.
type Options struct {
	Config config.Config
	// CacheDir is the directory of pulled images.
	CacheDir string
	// Probe is a command that does nothing and exits with 0. It is started in
	// namespaces of its own.
	Probe []string
	// Chamber finds the chamber and returns its version.
	Chamber func(context.Context) (string, error)
	// Engines are outside engines, which are optional.
	Engines []Engine
}

// Engine is a program that a scan may use.
type Engine struct {
	Name string
	// Asked is set when the configuration asks for it: then it is no longer optional.
	Asked bool
	// Find describes it, and warns of what is odd about it; an error says what to do.
	Find func(context.Context) (detail, warning string, err error)
}

// check makes the check of an engine.
func (e Engine) check(ctx context.Context) Check {
	c := Check{Name: e.Name, Status: OK}
	detail, warning, err := e.Find(ctx)
	switch {
	case err == nil && warning != "":
		c.Status, c.Detail, c.Remedy = Warn, detail, warning
	case err == nil:
		c.Detail = detail
	case e.Asked:
		c.Status, c.Detail, c.Remedy = Fail, err.Error(), "see to it, or take it out of the configuration"
	default:
		c.Detail = "none; it is optional"
	}
	return c
}

// Run makes every check, in a fixed order.
func Run(ctx context.Context, o Options) []Check {
	checks := []Check{}
	for _, check := range all() {
		checks = append(checks, check(ctx, o))
	}
	for _, e := range o.Engines {
		checks = append(checks, e.check(ctx))
	}
	return checks
}

// Works reports whether a scan can work: whether no check failed.
func Works(checks []Check) bool {
	for _, c := range checks {
		if c.Status == Fail {
			return false
		}
	}
	return true
}

// chamber is the check for the program that runs subjects.
func chamber(ctx context.Context, o Options) Check {
	c := Check{Name: "chamber", Status: OK}
	version, err := o.Chamber(ctx)
	if err != nil {
		c.Status, c.Detail = Fail, err.Error()
		c.Remedy = "run make, which builds detonaut and detonaut-chamber of one version, or set DETONAUT_CHAMBER"
		return c
	}
	c.Detail = "detonaut-chamber " + version + ", the version of this program"
	return c
}
