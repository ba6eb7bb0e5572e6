package yara

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	// maxErrors is how many bytes are kept of what a command says on stderr.
	maxErrors = 8 << 10
	// grace is how long a command may be late that has a time limit of its own, and what is
	// left of it after it was killed.
	grace = 2 * time.Second
)

// errMuch says that a command said more than is read.
var errMuch = errors.New("it says more than is read")

// command is a program that runs in dir, with a bound on what it says, in bytes.
type command struct {
	dir   string
	limit int
	time  time.Duration
}

// run runs it to its end and returns what it said. The error says how it ended, and has
// the first of what it said on stderr. Its whole group is killed when its time is over.
func (c command) run(ctx context.Context, name string, args ...string) (stdout []byte, complaints string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.time)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.WaitDelay = c.dir, grace
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"} // it needs nothing else of ours
	group(cmd)
	out := &bounded{limit: c.limit, full: cancel}
	said := &bounded{limit: maxErrors}
	cmd.Stdout, cmd.Stderr = out, said
	err = cmd.Run()
	complaints = strings.TrimSpace(said.kept.String())
	switch {
	case out.over:
		err = errMuch
	case ctx.Err() != nil:
		err = ctx.Err()
	case err != nil && complaints != "":
		err = fmt.Errorf("%w: %s", err, complaints)
	}
	return out.kept.Bytes(), complaints, err
}

// bounded keeps the first bytes of what is written, and calls full at those that it does
// not keep. It embeds no buffer, which would read for itself without a bound.
type bounded struct {
	kept  bytes.Buffer
	limit int
	over  bool
	full  func()
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.limit - b.kept.Len()
	b.kept.Write(p[:min(room, len(p))])
	if room < len(p) {
		b.over = true
		if b.full != nil {
			b.full()
		}
	}
	return len(p), nil
}
