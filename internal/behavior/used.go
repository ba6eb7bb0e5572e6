package behavior

import (
	"strings"

	"github.com/detonaut/detonaut/chamber/tape"
)

// Use is a file of the image that was executed or loaded for the first time.
type Use struct {
	// How is "executed" or "loaded".
	How string
	// Path is where it was, without links, unless it is that of an interpreter.
	Path  string
	Event uint64
}

// maxUsed is how many of them are kept: as many as the tape tells of.
const maxUsed = 1 << 16

// used are the files of the image that were used, in the order of the tape.
type used struct {
	all  []Use
	seen map[string]bool
}

func (u *used) add(e *tape.Event) {
	switch {
	case e.Errno != "":
	case e.Kind == tape.FileLoad:
		u.note("loaded", e.File.Path, e.Seq)
	case e.Kind == tape.ProcessExec:
		if e.Process.Origin == tape.FromImage {
			u.note("executed", e.Process.Executable, e.Seq)
		}
		if e.Process.Interpreter != "" {
			program, _, _ := strings.Cut(e.Process.Interpreter, " ")
			u.note("executed", program, e.Seq)
		}
	}
}

func (u *used) note(how, path string, seq uint64) {
	path = cut(path)
	if path == "" || u.seen[path] || len(u.all) == maxUsed {
		return
	}
	if u.seen == nil {
		u.seen = map[string]bool{}
	}
	u.seen[path] = true
	u.all = append(u.all, Use{how, path, seq})
}
