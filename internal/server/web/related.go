package web

import (
	"cmp"
	"context"
	"slices"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// Bounds of what is asked about related images, for one page.
const (
	maxAsked    = 600 // facts whose prevalence is looked up
	maxRelated  = 12  // facts that are shown with other images
	numRelated  = 6   // other images of each
	maxCommon   = 5000
	maxSameKind = 4
)

// telling are the kinds of facts by which images are related, those that say most first, with
// how many of each are asked about.
func telling() []kindBound {
	return []kindBound{
		{store.Wallet, 50},
		{store.Certificate, 50},
		{store.SHA256, 200},
		{store.Likeness, 100},
		{store.Domain, 100},
		{store.IP, 100},
		{store.Family, 20},
		{store.Layer, 100},
	}
}

type kindBound struct {
	kind store.Kind
	most int
}

func (s *site) related(ctx context.Context, sub *subject) (map[store.Fact]int, []page.Relation, error) {
	return Related(ctx, s.Store, sub.Report)
}

// Related finds in how many images the facts of a report were found, and some of the other
// images that have the rarest of them.
func Related(ctx context.Context, facts store.Facts, r *detonaut.Report) (map[store.Fact]int, []page.Relation, error) {
	asked := tellingFacts(fact.Of(r))
	counts, err := facts.Prevalence(ctx, asked)
	if err != nil {
		return nil, nil, err
	}
	prevalence := make(map[store.Fact]int, len(asked))
	for i, f := range asked {
		prevalence[f] = counts[i]
	}
	var relations []page.Relation
	for _, f := range rarest(asked, prevalence) {
		found, _, err := facts.Having(ctx, f, store.Page{Limit: numRelated + 1})
		if err != nil {
			return nil, nil, err
		}
		found = slices.DeleteFunc(found, func(other store.Summary) bool { return other.Digest == r.Image.Digest })
		if len(found) > 0 {
			relations = append(relations, page.Relation{Fact: f, Total: prevalence[f], Images: found[:min(len(found), numRelated)]})
		}
	}
	return prevalence, relations, nil
}

// tellingFacts are those of facts, which are sorted, that relate images.
func tellingFacts(facts []store.Fact) (asked []store.Fact) {
	byKind := map[store.Kind][]store.Fact{}
	for _, f := range facts {
		byKind[f.Kind] = append(byKind[f.Kind], f)
	}
	for _, k := range telling() {
		list := byKind[k.kind]
		asked = append(asked, list[:min(len(list), k.most)]...)
	}
	return asked[:min(len(asked), maxAsked)]
}

// rarest are the facts that other images have, too: the rarest of the kinds that say most.
func rarest(facts []store.Fact, prevalence map[store.Fact]int) []store.Fact {
	weight := map[store.Kind]int{}
	for i, k := range telling() {
		weight[k.kind] = i
	}
	shared := slices.DeleteFunc(slices.Clone(facts), func(f store.Fact) bool { return prevalence[f] < 2 || prevalence[f] > maxCommon })
	slices.SortStableFunc(shared, func(a, b store.Fact) int {
		return cmp.Or(cmp.Compare(weight[a.Kind], weight[b.Kind]), cmp.Compare(prevalence[a], prevalence[b]))
	})
	var chosen []store.Fact
	of := map[store.Kind]int{}
	for _, f := range shared {
		if of[f.Kind]++; of[f.Kind] <= maxSameKind && len(chosen) < maxRelated {
			chosen = append(chosen, f)
		}
	}
	return chosen
}
