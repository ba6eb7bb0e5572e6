package indicator

import (
	"cmp"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// maxPath is how much of a path is told, in bytes.
const maxPath = 200

// contents adds what the run made: what ran or was loaded, what something was found in, and
// programs that had a part in what was found. (What else did may be a victim's letters.)
func (c *collection) contents(r *detonaut.Run) {
	for _, p := range r.Payloads {
		ran := slices.ContainsFunc(p.Hows, func(how string) bool { return how == "executed" || how == "loaded" || how == "stdin" })
		part := program(p.Type) && slices.ContainsFunc(p.Events, func(e uint64) bool { return len(c.proof.event[e]) > 0 })
		if sum, ok := fact.Clean(store.SHA256, p.SHA256); ok && (ran || part || len(c.proof.word[sum]) > 0) {
			c.add(SHA256, sum, "made by the run, "+how(p.Hows)+at(p.Paths...), p.Events...)
		}
	}
	for _, p := range r.Processes {
		if sum, ok := fact.Clean(store.SHA256, p.SHA256); ok && (p.Origin == "written" || p.Origin == "memory") {
			c.add(SHA256, sum, "made by the run, executed"+at(p.Executable), p.Event)
		}
	}
}

// program tells whether contents of a type can be run (docs/tape.md).
func program(kind string) bool {
	family, _, _ := strings.Cut(kind, "-")
	return slices.Contains([]string{"elf", "script", "pe", "dos", "mach", "java", "jar", "wasm", "python"}, family)
}

// how says in words why a content was kept.
func how(hows []string) string {
	words := map[string]string{"stdin": "run by an interpreter", "code": "in memory that became code", "left": "left behind"}
	said := make([]string, 0, len(hows))
	for _, h := range hows {
		said = append(said, cmp.Or(words[h], h))
	}
	return strings.Join(said, " and ")
}

// at tells the first of some paths.
func at(paths ...string) string {
	if len(paths) == 0 || paths[0] == "" {
		return ""
	}
	p := paths[0]
	if len(p) > maxPath {
		p = strings.ToValidUTF8(p[:maxPath], "") + "..."
	}
	return ": " + p
}

// files adds those that something was found in.
func (c *collection) files(r *detonaut.Report) {
	for i := range r.Findings {
		f := &r.Findings[i]
		if !claims(f) {
			continue
		}
		for _, e := range f.Evidence {
			if sum, ok := fact.Clean(store.SHA256, e.SHA256); ok {
				c.add(SHA256, sum, use(e.Use, e.Layer != "")+at(e.Path))
			}
		}
	}
}

func use(u detonaut.Use, image bool) string {
	switch {
	case u == detonaut.Ran:
		return "in the image, and ran"
	case u == detonaut.DroppedRan:
		return "made by the run, executed"
	case u == detonaut.Dropped || !image:
		return "made by the run"
	}
	return "in the image"
}

// wallets adds those that are spelled out: in arguments, in the configuration, in evidence.
func (c *collection) wallets(r *detonaut.Report) {
	for i := range r.Findings {
		if f := &r.Findings[i]; claims(f) {
			for _, e := range f.Evidence {
				for _, a := range accounts(e.Summary) {
					c.wallet(a, "named by evidence", e.Events...)
				}
			}
		}
	}
	config := r.Image.Config
	for _, list := range [][]string{config.Entrypoint, config.Cmd, config.Env} {
		for _, s := range list {
			for _, a := range accounts(s) {
				c.wallet(a, "in the configuration of the image")
			}
		}
	}
	if r.Run == nil {
		return
	}
	for _, p := range r.Run.Processes {
		for _, arg := range p.Args {
			for _, a := range accounts(arg) {
				c.wallet(a, "argument of a process"+at(p.Executable), p.Event)
			}
		}
	}
}

// wallet adds an account, by whatever name it goes.
func (c *collection) wallet(account, seen string, events ...uint64) {
	if account, ok := fact.Clean(store.Wallet, account); ok {
		c.add(Wallet, account, seen, events...)
	}
}
