package runner

import (
	"crypto/rand"
	"path"

	"github.com/detonaut/detonaut/chamber/bait"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/furnish"
)

// baits are the credentials of one run, and where they are planted. They are made
// here, where both the internet, which hands some of them out, and the recorder,
// which recognises them, are: their values are in no plan and leave with the run.
type baits struct {
	set       *bait.Set
	plants    []furnish.Plant
	variables []string // as NAME=value
}

func newBaits(p *plan.Plan) *baits {
	b := &baits{set: bait.New(rand.Reader)}
	for _, place := range p.Baits.Files {
		for _, f := range b.set.Files(string(place.Kind)) {
			b.plants = append(b.plants, furnish.Plant{
				Path: path.Join(place.Path, f.Name), Base: place.Base, Mode: f.Mode, UID: place.UID, GID: place.GID,
				Content: f.Content, Bait: string(place.Kind),
			})
		}
	}
	for _, name := range p.Baits.Env {
		b.variables = append(b.variables, name+"="+b.set.Value(bait.Variable(name)))
	}
	return b
}
