package vuln

import (
	"context"

	"github.com/anchore/grype/grype/match"

	"github.com/detonaut/detonaut"
)

// Matches are what grype says, before it is said in our words, and what could not be
// found out.
func (d *Database) Matches(ctx context.Context, inv *detonaut.Inventory) (found []match.Match, problems string, err error) {
	s := newSearch(ctx, d.options.Limits.orDefault())
	defer s.end()
	_, found, err = d.matches(s, inv)
	return found, s.reason(), err
}
