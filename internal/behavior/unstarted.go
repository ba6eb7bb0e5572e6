package behavior

import (
	"encoding/hex"
	"iter"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of what is known of the programs of an image.
const (
	maxStarted   = 1 << 16 // different programs that ran
	maxUnstarted = 50      // paths of programs that did not
)

// Programs are the programs of an image.
type Programs interface {
	// Programs gives the path and the SHA-256 of each, in the order in which they
	// shall be listed. Its strings are hostile.
	Programs() iter.Seq2[string, [32]byte]
	// Resolve follows the symbolic links of a path; empty if there is no such file.
	Resolve(path string) string
}

// started are the programs of the image that ran, by content and by path: one
// content may have several names, and that of an interpreter is not on the tape.
type started struct {
	sums         map[[32]byte]bool
	paths        map[string]bool
	interpreters map[string]bool
}

func (s *started) add(e *tape.Event) {
	if e.Kind != tape.ProcessExec || e.Errno != "" {
		return
	}
	x := e.Process
	if x.Interpreter != "" { // of a script that was written, too
		program, _, _ := strings.Cut(x.Interpreter, " ")
		note(&s.interpreters, cut(program))
	}
	if x.Origin != tape.FromImage {
		return
	}
	note(&s.paths, cut(x.Executable))
	var sum [32]byte
	if n, err := hex.Decode(sum[:], []byte(head(x.SHA256, 2*len(sum)))); err == nil && n == len(sum) {
		note(&s.sums, sum)
	}
}

func note[K comparable](set *map[K]bool, key K) {
	if *set == nil {
		*set = make(map[K]bool)
	}
	if len(*set) < maxStarted {
		(*set)[key] = true
	}
}

// Unstarted tells which programs of the image never ran.
func (r *Result) Unstarted(p Programs) *detonaut.Unstarted {
	ran := make(map[string]bool)
	for name := range r.started.interpreters {
		ran[p.Resolve(name)] = true
	}
	u := new(detonaut.Unstarted)
	for path, sum := range p.Programs() {
		u.Programs++
		if r.started.sums[sum] || r.started.paths[path] || ran[path] {
			continue
		}
		if u.Count++; len(u.Paths) < maxUnstarted {
			u.Paths = append(u.Paths, cut(path))
		}
	}
	return u
}
