package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/behavior/rule"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/rulebook"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/all"
	"github.com/detonaut/detonaut/internal/static/malicious"
	"github.com/detonaut/detonaut/internal/static/malware"
	filerule "github.com/detonaut/detonaut/internal/static/malware/rule"
	"github.com/detonaut/detonaut/internal/static/malware/score"
	"github.com/detonaut/detonaut/internal/static/tool"
)

// ruleBooks are the rules that a command uses.
type ruleBooks struct {
	*ruleSources
	// behaviors explain what a subject does; nil for who runs none.
	behaviors *rule.Set
	// source has what files are looked at by: contents and catalogue, which are nil as long as
	// they are those built in and nobody asked for them.
	source    malware.Source
	contents  *filerule.Set
	catalogue *tool.Catalogue
	// malicious are the lists of malicious packages, in their order; unlisted says why
	// one cannot be used.
	malicious []malicious.List
	unlisted  []error
}

// readRules reads the rules of sources; those of behaviours only for who runs something.
// Those about files that are built in are read when a file needs them, unless there are
// others: of these somebody has to be told what cannot be used.
func readRules(s *ruleSources, runs bool) (*ruleBooks, error) {
	books := &ruleBooks{ruleSources: s}
	if s.areOurs() {
		books.source = all.Ours()
	} else if err := books.readContents(); err != nil {
		return nil, err
	}
	var err error
	if runs {
		if books.behaviors, err = rule.Load(s.behavior.systems...); err != nil {
			return nil, fmt.Errorf("load rules: %w", err)
		}
	}
	for i, folder := range s.packages.systems {
		var list malicious.List
		if list, err = malicious.Load(folder); err != nil {
			err = fmt.Errorf("%s: %w", s.packages.names[i], err)
			books.unlisted = append(books.unlisted, err)
			list = malicious.Unreadable{Err: err}
		}
		books.malicious = append(books.malicious, list)
	}
	return books, nil
}

// readAll reads all rules, to list and test them.
func readAll(s *ruleSources) (*ruleBooks, error) {
	books, err := readRules(s, true)
	if err == nil && books.contents == nil {
		err = books.readContents()
	}
	return books, err
}

// readContents reads what files are looked at by.
func (b *ruleBooks) readContents() (err error) {
	if b.contents, err = filerule.Load(b.files.systems...); err != nil {
		return fmt.Errorf("load rules about files: %w", err)
	}
	if b.catalogue, err = tool.Load(b.tools.systems...); err != nil {
		return fmt.Errorf("load tools: %w", err)
	}
	known := malware.Knowledge{Rules: b.contents, Tools: b.catalogue}
	digest := rulebook.Sum(slices.Concat(b.files.systems, b.tools.systems)...)
	b.source = malware.Source{Digest: digest[:12], Load: func() (malware.Knowledge, error) { return known, nil }}
	return nil
}

// judgeBy adds the model of the configuration, if there is one.
func (b *ruleBooks) judgeBy(c config.Static) error {
	if c.Model == "" {
		return nil
	}
	m, err := score.OpenModel(c.Model, c.ModelThreshold)
	if err == nil {
		b.source = b.source.With(m)
	}
	return err
}

// problems say what cannot be used, each with where it is.
func (b *ruleBooks) problems() []string {
	all := b.leftOut()
	for _, err := range b.unlisted {
		all = append(all, err.Error())
	}
	return all
}

// leftOut say which rules and tools cannot be used.
func (b *ruleBooks) leftOut() (all []string) {
	if b.behaviors != nil {
		all = append(all, b.behavior.where(b.behaviors.Problems())...)
	}
	if b.contents != nil {
		all = append(all, b.files.where(b.contents.Problems())...)
		all = append(all, b.tools.where(b.catalogue.Problems())...)
	}
	return all
}

// gaps are what every report lacks by rules about files and tools that cannot be used.
// Those of behaviours are told by their detector, and lists by the stage of packages.
func (b *ruleBooks) gaps() (all []string) {
	if b.contents == nil {
		return nil
	}
	for _, p := range b.contents.Problems() {
		all = append(all, "a rule about files could not be loaded: "+p.File)
	}
	for _, p := range b.catalogue.Problems() {
		all = append(all, "tools could not be loaded: "+p.File)
	}
	return all
}

// test holds all rules to their examples. Failures have the paths of their files.
func (b *ruleBooks) test(ctx context.Context) (all []rulebook.Failure) {
	add := func(of *ruleFolders, failures []rulebook.Failure) {
		for _, f := range failures {
			f.File = of.path(f.Place)
			all = append(all, f)
		}
	}
	add(&b.behavior, b.behaviors.Test())
	add(&b.files, b.contents.Test(ctx))
	return all
}

// len is how many rules there are.
func (b *ruleBooks) len() int { return len(b.behaviors.Rules()) + len(b.contents.Rules()) }

// loadRules reads rules to judge by, and says which of them cannot be used: what they
// would have found is a gap in every report. A list that cannot be used fails its stage.
// Those of behaviours are read for who runs
// something.
func (a *app) loadRules(c config.Rules, runs bool) (*ruleBooks, error) {
	sources, err := a.ruleSources(c)
	if err != nil {
		return nil, err
	}
	books, err := readRules(sources, runs)
	if err != nil {
		return nil, err
	}
	for _, p := range books.leftOut() {
		fmt.Fprintf(a.stderr, "detonaut: warning: rule left out: %s\n", report.Escape(p))
	}
	return books, nil
}

// analyzers read files, of images and of what a run leaves.
func (b *ruleBooks) analyzers() []static.Analyzer { return all.Analyzers(b.source) }

// deps are those of a pipeline which explains by these rules, and reads what a
// run leaves.
func (b *ruleBooks) deps() pipeline.Deps {
	return pipeline.Deps{
		Detectors: func(img detonaut.Image) []behavior.Detector { return []behavior.Detector{b.behaviors.Detector(img)} },
		Rules:     b.behaviors.Digest(),
		Analyzers: b.analyzers(),
		Likeness:  new(all.Reader).Likeness,
		Gaps:      b.gaps(),
	}
}
