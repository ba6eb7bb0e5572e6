package main

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/rulebook"
	"github.com/detonaut/detonaut/internal/server/web"
)

// shownRules are the rules in use, with their sources, sorted by id, for the site to show.
func (a *app) shownRules(c config.Rules) ([]web.Rule, error) {
	sources, err := a.ruleSources(c)
	if err != nil {
		return nil, err
	}
	books, err := readAll(sources)
	if err != nil {
		return nil, err
	}
	var all []web.Rule
	add := func(kind string, from *ruleFolders, f detonaut.Finding, references []string, at rulebook.Place) error {
		text, err := fs.ReadFile(from.systems[at.System], at.File)
		if err != nil {
			return fmt.Errorf("read rule: %w", err)
		}
		all = append(all, web.Rule{Kind: kind, Finding: f, References: references, Text: string(text)})
		return nil
	}
	for _, r := range books.behaviors.Rules() {
		if err := add("behavior", &sources.behavior, r.Finding, r.References, r.Place); err != nil {
			return nil, err
		}
	}
	for _, r := range books.contents.Rules() {
		if err := add("file", &sources.files, r.Finding, r.References, r.Place); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b web.Rule) int { return rulebook.ByID(&a.Finding, &b.Finding) })
	return all, nil
}
