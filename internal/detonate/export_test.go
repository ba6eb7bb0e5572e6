package detonate

import "github.com/detonaut/detonaut/chamber/plan"

// BaitPlace is a bait as the tests see it.
type BaitPlace struct {
	Kind    plan.BaitKind
	Path    string
	Clients []string
}

// BaitPlaces lists all.
func BaitPlaces() (all []BaitPlace) {
	for _, b := range baitPlaces {
		all = append(all, BaitPlace{b.kind, b.path, b.clients})
	}
	return all
}
