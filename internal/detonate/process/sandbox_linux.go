package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/detonate"
)

const (
	// startLimit bounds what the chamber may take on top of the time of the
	// plan: its own start and end on a busy machine.
	startLimit = time.Minute
	// defaultGrace is long enough to end a sandbox on a busy machine.
	defaultGrace = 15 * time.Second
	// maxVersion bounds the answer of "detonaut-chamber version".
	maxVersion = 256
	// artifactsFD is the first descriptor that a child process may be given.
	artifactsFD = 3
)

// Sandbox runs subjects in the chamber. It may be used by several goroutines:
// every run is a process of its own.
type Sandbox struct {
	path  string
	log   *slog.Logger
	grace time.Duration
}

var _ detonate.Sandbox = (*Sandbox)(nil)

// New finds the chamber and makes sure that it is of the version of this
// program: the two speak a private protocol. Its errors wrap
// [detonaut.ErrSandbox].
func New(ctx context.Context, o Options) (*Sandbox, error) {
	s := &Sandbox{path: o.Path, log: o.Log, grace: o.Grace}
	if s.grace <= 0 {
		s.grace = defaultGrace
	}
	var err error
	if s.path == "" {
		if s.path, err = Find(); err != nil {
			return nil, err
		}
	}
	if s.path, err = filepath.Abs(s.path); err != nil {
		return nil, fmt.Errorf("%w: %w", detonaut.ErrSandbox, err)
	}
	got, err := s.version(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: ask %s for its version: %w", detonaut.ErrSandbox, s.path, err)
	}
	if want := version.String(); got != want {
		return nil, fmt.Errorf("%w: %s is of version %q, this program of version %q: run make, which builds both",
			detonaut.ErrSandbox, s.path, got, want)
	}
	return s, nil
}

// version asks the chamber which build it is.
func (s *Sandbox) version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	c, err := s.start(ctx, startLimit, nil, false, "version")
	if err != nil {
		return "", err
	}
	out, err := io.ReadAll(io.LimitReader(c.stdout, maxVersion))
	c.stdout.drain()
	exit := c.wait()
	if err := errors.Join(err, exit.err); err != nil {
		return "", err
	}
	if !exit.state.Success() {
		return "", fmt.Errorf("%s: %s", exit.state, c.stderr)
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// Run starts a chamber for p, reads its tape into sink, and what else it hands
// over into artifacts. A slow sink slows the subject. Errors about the chamber
// wrap [detonaut.ErrSandbox]; those of the sinks are wrapped as they are.
func (s *Sandbox) Run(ctx context.Context, p plan.Plan, sink tape.Sink, artifacts artifact.Sink) (detonate.Result, error) {
	if err := ctx.Err(); err != nil {
		return detonate.Result{}, fmt.Errorf("run chamber: %w", err)
	}
	stdin, err := encode(p)
	if err != nil {
		return detonate.Result{}, err
	}
	args := []string{"run"}
	wanted := artifact.Wanted(artifacts)
	if wanted != 0 {
		args = append(args, "-artifacts", strconv.Itoa(artifactsFD), "-want", wanted.String())
	}
	c, err := s.start(ctx, p.Limits.Duration+startLimit, stdin, wanted != 0, args...)
	if err != nil {
		return detonate.Result{}, fmt.Errorf("%w: %w", detonaut.ErrSandbox, err)
	}
	collected := make(chan error, 1)
	go func() { collected <- c.collect(artifacts, wanted) }()
	end, sinkErr, tapeErr := c.record(sink)
	if sinkErr != nil || tapeErr != nil {
		c.stop()
		c.stdout.drain()
	}
	artifactErr := <-collected
	exit := c.wait()
	if sinkErr != nil {
		return detonate.Result{}, sinkErr
	}
	if err := c.explain(exit, tapeErr, artifactErr); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return detonate.Result{}, err
	}
	return detonate.Result{End: end}, nil
}

// encode returns the plan as the chamber gets it, which has another working
// directory.
func encode(p plan.Plan) ([]byte, error) {
	if p.Image == "" {
		return nil, errors.New("run chamber: the plan names no image")
	}
	for _, path := range []*string{&p.Image, &p.Internet.Replay} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return nil, fmt.Errorf("run chamber: %w", err)
		}
		*path = absolute
	}
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	return b, nil
}

// record reads the tape to its end.
func (c *child) record(sink tape.Sink) (end tape.End, sinkErr, tapeErr error) {
	dec := tape.NewDecoder(c.stdout)
	for {
		ev, err := dec.Next()
		if errors.Is(err, io.EOF) {
			return end, nil, nil
		}
		if err != nil {
			return end, nil, err
		}
		if ev.End != nil {
			end = *ev.End
			for _, o := range c.outputs() {
				o.hurry(c.grace)
			}
		}
		if err := sink.Record(ev); err != nil {
			return end, fmt.Errorf("record event %d: %w", ev.Seq, err), nil
		}
	}
}

// collect reads the artifacts to their end, if any are wanted. Those that are
// broken or not wanted, or that sink does not take, end the run.
func (c *child) collect(sink artifact.Sink, wanted artifact.Kinds) error {
	if c.artifacts == nil {
		return nil
	}
	err := artifact.Read(c.artifacts, sink, artifact.DefaultLimits().Only(wanted))
	if err != nil {
		c.stop()
		c.artifacts.drain()
	}
	return err
}

// explain says what was wrong with a run; nil if nothing was. Artifacts that
// end early are no reason where the tape does too.
func (c *child) explain(exit outcome, tapeErr, artifactErr error) error {
	said := ""
	if s := c.stderr.String(); s != "" {
		said = ": " + s
	}
	switch {
	case artifactErr != nil && !errors.Is(artifactErr, artifact.ErrBroken):
		return artifactErr // of our own sink
	case exit.err != nil:
		return fmt.Errorf("%w: wait for chamber: %w", detonaut.ErrSandbox, exit.err)
	case exit.state.ExitCode() == exitUnavailable:
		return fmt.Errorf("%w%s", detonaut.ErrSandbox, said)
	case artifactErr != nil && !errors.Is(artifactErr, artifact.ErrTruncated) && !errors.Is(artifactErr, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: the chamber handed over nonsense: %w%s", detonaut.ErrSandbox, artifactErr, said)
	case errors.Is(tapeErr, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: the chamber stopped answering and was ended%s", detonaut.ErrSandbox, said)
	case errors.Is(tapeErr, tape.ErrTruncated):
		return fmt.Errorf("%w: the chamber ended too early (%s): %w%s", detonaut.ErrSandbox, exit.state, tapeErr, said)
	case tapeErr != nil:
		return fmt.Errorf("%w: the chamber wrote no valid tape: %w%s", detonaut.ErrSandbox, tapeErr, said)
	case !exit.state.Success():
		return fmt.Errorf("%w: the chamber broke after the run (%s)%s", detonaut.ErrSandbox, exit.state, said)
	case artifactErr != nil:
		return fmt.Errorf("%w: the chamber handed over too little: %w%s", detonaut.ErrSandbox, artifactErr, said)
	}
	return nil
}
