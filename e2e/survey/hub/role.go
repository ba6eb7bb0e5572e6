package hub

import (
	"fmt"
	"math/rand/v2"

	"github.com/detonaut/detonaut"
)

// Role is how an image behaves: as one of the actors does, of which there is a tape.
type Role struct {
	// Name is that of the actor and of its tape.
	Name string
	// Run is the command line.
	Run []string
	// Shell gives it a /bin/sh.
	Shell bool
	// Of is how many of a hundred images play it.
	Of int

	// Word, Category and Rules are what must be said of it; Rules are the ids of its findings.
	Word     detonaut.Word
	Category detonaut.Category
	Rules    []string
	Does     Does
}

// Does is what an image does.
type Does struct {
	AtOnce  bool // it ends at once
	Fails   bool // it ends with an exit code other than 0
	Needs   bool // it complains about what it was not given
	Serves  bool // it can be reached
	Phones  bool // it gets in touch with others
	Fetches bool // it fetches code
}

// Roles are all of them.
func Roles() []Role {
	app := func(args ...string) []string { return append([]string{"/usr/local/bin/app"}, args...) }
	return []Role{
		{Name: "hello", Run: app(), Of: 34, Word: detonaut.Clean, Does: Does{AtOnce: true}},
		{Name: "needs", Run: app(), Of: 16, Word: detonaut.Inconclusive, Does: Does{AtOnce: true, Fails: true, Needs: true}},
		{Name: "web", Run: app(), Of: 20, Word: detonaut.Clean, Does: Does{Serves: true}},
		// It brings the server along from which it fetches something.
		{Name: "updater", Run: app(), Of: 8, Word: detonaut.Clean, Does: Does{AtOnce: true, Phones: true, Serves: true}},
		{Name: "beacon", Run: app(), Of: 6, Word: detonaut.Clean, Rules: []string{"command-and-control/beacon"}, Does: Does{Phones: true}},
		{
			Name: "dropper-https", Run: app(), Of: 4, Word: detonaut.Suspicious,
			Rules: []string{"execution/drops-and-runs", "execution/runs-download", "execution/temporary-program", "execution/written-program"},
			Does:  Does{AtOnce: true, Phones: true, Fetches: true},
		},
		{
			Name: "miner", Of: 4, Run: []string{"/usr/local/bin/worker", "-o", "stratum+tcp://pool.minexmr.example:3333", "-u", "nobody", "--donate-level=1"},
			Word: detonaut.Unwanted, Category: detonaut.Miner, Rules: []string{"impact/miner-program", "impact/mining-pool", "impact/mining-protocol"},
			Does: Does{AtOnce: true, Phones: true},
		},
		{Name: "ircbot", Run: app(), Of: 3, Word: detonaut.Suspicious, Rules: []string{"command-and-control/irc"}, Does: Does{AtOnce: true, Phones: true}},
		{
			Name: "tor", Run: app(), Of: 2, Word: detonaut.Suspicious, Rules: []string{"command-and-control/bare-address", "command-and-control/tor"},
			Does: Does{AtOnce: true, Phones: true},
		},
		{
			Name: "revshell", Run: app(), Shell: true, Of: 2, Word: detonaut.Malicious, Category: detonaut.Backdoor,
			Rules: []string{"command-and-control/reverse-shell", "command-and-control/shell-answers"}, Does: Does{AtOnce: true, Phones: true},
		},
		{
			Name: "thief", Run: app(), Of: 1, Word: detonaut.Malicious, Category: detonaut.DataTheft,
			Rules: []string{"discovery/cloud-metadata", "exfiltration/planted-credential"}, Does: Does{AtOnce: true, Phones: true},
		},
	}
}

// Planted is what is in an image, and what must be said of it.
type Planted struct {
	Role Role
	// Real is set if it can be run; others only have the looks.
	Real bool
	// Vulnerability is the worst of its packages; none if they have none.
	Vulnerability detonaut.Severity
	// Packages are the names of those that are planted.
	Packages []string
	// Secret is set if there is one in its files.
	Secret bool
	// Digest is that of its manifest.
	Digest string
}

// design is an image that can be made at any time.
type design struct {
	Planted
	kind   Kind
	number int
	layers []int // of the pool, the base first
	seed   uint64
	index  string // the digest of its index; empty if it has none
}

// design draws an image, and returns its number.
func (h *Hub) design(random *rand.Rand, kind Kind) int {
	d := design{kind: kind, number: len(h.images), seed: random.Uint64()}
	n := random.IntN(100)
	for _, r := range Roles() {
		if n -= r.Of; n < 0 {
			d.Role = r
			break
		}
	}
	d.layers = append(d.layers, h.pool.base(random))
	for range random.IntN(4) {
		d.layers = append(d.layers, h.pool.middle(random))
	}
	d.Vulnerability = detonaut.NoSeverity
	for _, v := range h.pool.packages(random) {
		p := planted[v]
		d.layers = append(d.layers, h.pool.packaged[v])
		d.Packages = append(d.Packages, p.Name)
		if p.Severity.Rank() > d.Vulnerability.Rank() {
			d.Vulnerability = p.Severity
		}
	}
	d.layers = append(d.layers, h.pool.roles[d.Role.Name])
	d.Secret = random.IntN(50) == 0
	h.images = append(h.images, d)
	return d.number
}

// Package is one that is planted. Its version is 1.0.0, and what it has is mended in 2.0.0.
type Package struct {
	Name     string
	Severity detonaut.Severity // none for one that has nothing
	Of       int               // of a hundred images, how many have it
}

// Packages are all that are planted: they are of npm.
func Packages() []Package { return planted }

var planted = []Package{
	{"leaky-auth", detonaut.Critical, 20},
	{"old-parser", detonaut.Critical, 8},
	{"wide-open", detonaut.High, 15},
	{"slow-regexp", detonaut.Medium, 20},
	{"noisy-log", detonaut.Low, 15},
	{"tidy", detonaut.NoSeverity, 50},
}

// Hole is the name of what a package has.
func (p Package) Hole() string { return fmt.Sprintf("GHSA-test-%s", p.Name) }
