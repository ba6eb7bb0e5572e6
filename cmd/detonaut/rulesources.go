package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/rulebook"
	"github.com/detonaut/detonaut/internal/rulepack"
	"github.com/detonaut/detonaut/rules"
)

// ruleFolders are folders with rules of one kind, each with what it is called: nothing if
// it is built in.
type ruleFolders struct {
	names   []string
	systems []fs.FS
}

func (r *ruleFolders) add(name string, folder fs.FS) {
	r.names, r.systems = append(r.names, name), append(r.systems, folder)
}

// path is where a file is.
func (r *ruleFolders) path(at rulebook.Place) string {
	return filepath.Join(r.names[at.System], at.File)
}

// where are problems with the paths of their files.
func (r *ruleFolders) where(problems []rulebook.Problem) (all []string) {
	for _, p := range problems {
		p.File = r.path(p.Place)
		all = append(all, p.Error())
	}
	return all
}

// ruleSources are where the rules are that a configuration asks for, by their kind.
type ruleSources struct{ behavior, files, tools, packages ruleFolders }

// kinds has the folders of each kind, by the name that its folder has in a directory of
// rules.
func (s *ruleSources) kinds() map[string]*ruleFolders {
	return map[string]*ruleFolders{"behavior": &s.behavior, "files": &s.files, "tools": &s.tools, "packages": &s.packages}
}

// ruleSources finds those built in, those of installed packs, and those of directories, in
// this order. A file of a pack takes the place of the one built in that has its path.
func (a *app) ruleSources(c config.Rules) (*ruleSources, error) {
	s := new(ruleSources)
	if !c.Only {
		packs, err := a.installedPacks(c)
		if err != nil {
			return nil, err
		}
		s.addOurs(packs)
		for _, p := range packs {
			s.addKinds("pack "+p.Name, p.Tree)
		}
	}
	for _, dir := range c.Dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return nil, fmt.Errorf("open rules: %w: %w", detonaut.ErrNotFound, err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("open rules: %w: %s is no directory", detonaut.ErrUsage, dir)
		}
		if err := s.addDirectory(dir); err != nil {
			return nil, err
		}
	}
	if len(s.behavior.systems)+len(s.files.systems)+len(s.tools.systems)+len(s.packages.systems) == 0 { // by no rules everything is clean
		return nil, fmt.Errorf("load rules: %w: those built in are left out, and there are no others", detonaut.ErrUsage)
	}
	if c.Only { // lists of packages are no rules: they accuse nobody else
		s.packages.add("", rules.Packages())
	}
	return s, nil
}

// areOurs tells whether the rules about files, and the tools, are those built in.
func (s *ruleSources) areOurs() bool {
	return slices.Equal(s.files.names, []string{""}) && slices.Equal(s.tools.names, []string{""})
}

// addOurs adds the rules that are built in, but for the files that packs have as well.
func (s *ruleSources) addOurs(packs []*rulepack.Pack) {
	for kind, ours := range map[string]fs.FS{"behavior": rules.Behavior(), "files": rules.Files(), "tools": rules.Tools(), "packages": rules.Packages()} {
		s.kinds()[kind].add("", without{ours, func(name string) bool { return replaced(packs, path.Join(kind, name)) }})
	}
}

// replaced tells whether a pack has a file.
func replaced(packs []*rulepack.Pack, name string) bool {
	return slices.ContainsFunc(packs, func(p *rulepack.Pack) bool { return p.Tree.Has(name) })
}

// addKinds adds the folders of kinds that are at the top of a folder, and returns their
// names.
func (s *ruleSources) addKinds(name string, folder fs.FS) (found []string) {
	for kind, to := range s.kinds() {
		info, err := fs.Stat(folder, kind)
		if err != nil || !info.IsDir() {
			continue
		}
		if below, err := fs.Sub(folder, kind); err == nil && hasRules(below) {
			to.add(path.Join(name, kind), below)
			found = append(found, kind)
		}
	}
	return found
}

// addDirectory adds a directory of the user's. What is in none of the folders of kinds is
// rules of behaviour. One without rules is refused: who names one means some.
func (s *ruleSources) addDirectory(dir string) error {
	folder := os.DirFS(dir)
	found := s.addKinds(dir, folder)
	rest := without{folder, func(name string) bool { return slices.Contains(rulepack.Kinds(), name) }}
	if hasRules(rest) {
		s.behavior.add(dir, rest)
	} else if len(found) == 0 {
		return fmt.Errorf("load rules: %w: there are none below %s", detonaut.ErrUsage, dir)
	}
	return nil
}

// hasRules tells whether there is a file of rules below, or what cannot be read: that is
// for whoever loads it to tell.
func hasRules(folder fs.FS) (found bool) {
	_ = fs.WalkDir(folder, ".", func(name string, _ fs.DirEntry, err error) error { // which ends at the first
		if found = err != nil || path.Ext(name) == ".yaml"; found {
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// without is a file system of which nobody is shown some names.
type without struct {
	fs.FS
	hidden func(name string) bool
}

// ReadDir implements [fs.ReadDirFS].
func (w without) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(w.FS, name)
	return slices.DeleteFunc(all, func(d fs.DirEntry) bool { return w.hidden(path.Join(name, d.Name())) }), err
}

// packStore is where packs are installed.
func (a *app) packStore(c config.Rules, o rulepack.Options) *rulepack.Store {
	if o.Dir = c.Packs; o.Dir == "" {
		o.Dir = a.packDir()
	}
	return rulepack.New(o)
}

// packDir is below the user's data directory; empty if the environment has none.
func (a *app) packDir() string {
	data := a.env("XDG_DATA_HOME")
	if data == "" {
		home := a.env("HOME")
		if home == "" {
			return ""
		}
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, "detonaut", "rules")
}

// installedPacks are those that are used. It is an error if one is damaged.
func (a *app) installedPacks(c config.Rules) ([]*rulepack.Pack, error) {
	if c.Packs == "" && a.packDir() == "" {
		return nil, nil
	}
	all, err := a.packStore(c, rulepack.Options{}).List()
	if err != nil {
		return nil, err
	}
	var packs []*rulepack.Pack
	var problems []error
	for _, one := range all {
		if one.Problem != "" {
			problems = append(problems, fmt.Errorf("load rules: pack %s: %s (%s)", one.Name, one.Problem, remedy(&one)))
			continue
		}
		packs = append(packs, one.Pack)
	}
	return packs, errors.Join(problems...)
}

// remedy says what to do about a damaged pack.
func remedy(p *rulepack.Installed) string {
	if p.Previous != nil {
		return fmt.Sprintf("detonaut rules rollback %s goes back to version %s, detonaut rules remove %s takes it away", p.Name, p.Previous.Version, p.Name)
	}
	return fmt.Sprintf("detonaut rules update SOURCE gets it again, detonaut rules remove %s takes it away", p.Name)
}
