// Package vuln finds the known holes of the packages that an inventory lists, in a
// database on this machine. It asks no network.
//
// The matcher is grype's, with the settings of grype's own command, and so are the
// database's format and its meaning. What grype says stays here: everybody else sees
// [detonaut.Vulnerability].
//
// The database is the operator's, and trusted as far as that what it says of a package
// is believed; its strings are bounded all the same. The inventory is the subject's.
package vuln

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/anchore/grype/grype"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/vulnerability"

	"github.com/detonaut/detonaut"
)

// Version names, for the fingerprint of a report, what findings depend on besides the
// inventory and the database: this package and grype.
const Version = "vuln@2+grype-v0.121.2"

// Limits bound one [Database.Match]. What a bound keeps from being found makes the
// stage partial.
type Limits struct {
	// Matches is the most that are found in all packages together.
	Matches int
	// Time is the most that is spent on looking.
	Time time.Duration
}

// DefaultLimits are enough for images with thousands of packages.
func DefaultLimits() Limits { return Limits{Matches: 100_000, Time: 2 * time.Minute} }

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.Matches == 0 {
		l.Matches = d.Matches
	}
	if l.Time == 0 {
		l.Time = d.Time
	}
	return l
}

// Match finds the holes of the packages of inv, each hole of a package once, the worst
// first. What fails is told in the stage; what was found until then is returned all the
// same. It may be called from several goroutines. The inventory is not changed; one that a
// report kept serves as well as one that was just made.
func (d *Database) Match(ctx context.Context, inv *detonaut.Inventory) ([]detonaut.Vulnerability, detonaut.Stage) {
	search := newSearch(ctx, d.options.Limits.orDefault())
	defer search.end()
	packages, found, err := d.matches(search, inv)
	var all []detonaut.Vulnerability
	if err == nil {
		all, err = d.describe(ctx, packages, found)
	}
	return all, d.stage(ctx, search, err)
}

// stage tells how far a search got. An old database is told, too: it makes no stage
// less complete.
func (d *Database) stage(ctx context.Context, s *search, err error) detonaut.Stage {
	stage := detonaut.Stage{Name: detonaut.StageVulnerabilities, State: detonaut.Complete}
	if err == nil {
		err = ctx.Err()
	}
	switch {
	case err != nil:
		stage.State, stage.Reason = detonaut.Failed, bounded(fmt.Sprintf("match packages: %v", err), maxReason)
	case s.panicked:
		stage.State, stage.Reason = detonaut.Failed, s.reason()
	case s.count > 0:
		stage.State, stage.Reason = detonaut.Partial, s.reason()
	}
	if warning := d.Warning(); warning != "" {
		if stage.Reason != "" {
			stage.Reason += "; "
		}
		stage.Reason += warning
	}
	return stage
}

// Unavailable is the stage of a report when [Open] failed with err: without a database
// nothing was looked for, which is no failure.
func Unavailable(err error) detonaut.Stage {
	stage := detonaut.Stage{Name: detonaut.StageVulnerabilities, State: detonaut.Failed, Reason: bounded(err.Error(), maxReason)}
	if errors.Is(err, ErrNone) {
		stage.State, stage.Reason = detonaut.Skipped, "there is no vulnerability database: run detonaut db update"
	}
	return stage
}

// matches are what grype's command finds, by the names that it uses.
func (d *Database) matches(s *search, inv *detonaut.Inventory) (packages list, found []match.Match, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	packages = listOf(inv)
	matcher := grype.VulnerabilityMatcher{
		VulnerabilityProvider: provider{d.provider},
		Matchers:              s.guard(matchers()),
		IgnoreRules:           ignored(),
	}
	// The end of the search must not end grype: what was found until then would be lost.
	// Its matchers see to it instead.
	all, _, err := matcher.FindMatchesContext(context.WithoutCancel(s.ctx), packages.packages, pkg.Context{Distro: packages.distro})
	if err != nil {
		return packages, nil, err
	}
	return packages, all.Sorted(), nil
}

// provider is the database without what is read of it for each match and not used
// here: grype counts severities for a line of progress.
type provider struct{ vulnerability.Provider }

// VulnerabilityMetadata implements vulnerability.MetadataProvider.
func (provider) VulnerabilityMetadata(vulnerability.Reference) (*vulnerability.Metadata, error) {
	return nil, nil //nolint:nilnil // nothing is known, which grype allows for
}
