//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/detonate/process"
	"github.com/detonaut/detonaut/internal/testenv"
)

const (
	// round is how many runs there are between two looks at what is left.
	round = 20
	// telling is how often the progress is told.
	telling = 10 * time.Second
	// patience is how long what has ended may take to be gone. Others may be at
	// work in the places of the machine that are looked at.
	patience = 20 * time.Second
)

type options struct {
	time     time.Duration
	seed     uint64
	root     string // of the checkout
	chamber  string
	failure  string    // a file that is written when something is wrong
	out      io.Writer // gets the summary
	progress io.Writer // gets what is told meanwhile
}

// soak is one soak under way. It is used by one goroutine.
type soak struct {
	options
	dir      string
	sandbox  detonate.Sandbox
	subjects []*subject
	left     *testenv.Leftovers
	patience time.Duration // until what has ended is gone
	meter    meter

	start   time.Time
	told    time.Time
	runs    int
	refused int
	most    int // runs at once
	events  uint64
	lost    uint64 // events
	bytes   int64
	behind  int // what was left behind
	reasons map[tape.Reason]int
}

// A failure is what was being done when something was wrong: batches of runs,
// one after the other.
type failure struct {
	Seed    uint64    `json:"seed"`
	Error   string    `json:"error"`
	Batches [][]trial `json:"batches"`
}

// newSoak builds all that is needed. The caller closes it.
func newSoak(ctx context.Context, o options) (*soak, error) {
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return nil, err
	}
	s := &soak{options: o, dir: dir, patience: patience, reasons: make(map[tape.Reason]int)}
	if err := s.prepare(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *soak) prepare(ctx context.Context) (err error) {
	if s.subjects, err = buildSubjects(ctx, s.root, s.dir); err != nil {
		return err
	}
	chamber, tmp := filepath.Join(s.dir, "detonaut-chamber"), filepath.Join(s.dir, "tmp")
	if err := errors.Join(copyProgram(s.chamber, chamber), os.Mkdir(tmp, 0o700), os.Setenv("TMPDIR", tmp)); err != nil {
		return err
	}
	// Orphans then become children of this process.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopt orphans: %w", err)
	}
	if s.sandbox, err = process.New(ctx, process.Options{Path: chamber}); err != nil {
		return err
	}
	s.left, err = testenv.LookBefore([]string{chamber}, tmp)
	return err
}

// copyProgram makes a copy that no others run.
func copyProgram(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

func (s *soak) close() {
	for _, one := range s.subjects {
		_ = one.img.Close() // its cache is about to go
	}
	os.RemoveAll(s.dir)
}

// run makes runs until its time is over, ctx ends or something is wrong, and
// then says what it has seen.
func (s *soak) run(ctx context.Context) error {
	fmt.Fprintf(s.progress, "soak: %s with seed %d, %d subjects\n", s.time, s.seed, len(s.subjects))
	s.start = time.Now()
	random := rand.New(rand.NewPCG(s.seed, 0))
	var err error
	for err == nil && ctx.Err() == nil && time.Since(s.start) < s.time {
		err = s.round(ctx, random)
	}
	return errors.Join(s.summarize(), err)
}

// round makes some runs and looks at what they leave.
func (s *soak) round(ctx context.Context, random *rand.Rand) error {
	var done [][]trial
	for first := s.runs; s.runs < first+round && ctx.Err() == nil && time.Since(s.start) < s.time; {
		trials, refused := batch(random, s.subjects)
		s.refused += refused
		done = append(done, trials)
		if err := s.batch(ctx, trials); err != nil {
			return s.fail(err, [][]trial{trials})
		}
		s.tell()
	}
	if err := s.look(ctx); err != nil {
		return s.fail(err, done)
	}
	return nil
}

// look is made between rounds, when no run is under way.
func (s *soak) look(ctx context.Context) error {
	left := s.left.Find()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(s.patience); len(left) > 0 && time.Now().Before(end) && ctx.Err() == nil; left = s.left.Find() {
		<-again.C
	}
	s.behind += len(left)
	var errs []error
	for _, what := range left {
		errs = append(errs, fmt.Errorf("left behind: %s", what))
	}
	return errors.Join(append(errs, s.meter.sample(time.Since(s.start)))...)
}

// batch makes runs at the same time, and waits for all of them.
func (s *soak) batch(ctx context.Context, trials []trial) error {
	outcomes, errs := make([]outcome, len(trials)), make([]error, len(trials))
	var all sync.WaitGroup
	for i, t := range trials {
		all.Go(func() { outcomes[i], errs[i] = try(ctx, s.sandbox, s.image(t.Subject), t) })
	}
	all.Wait()
	s.most = max(s.most, len(trials))
	for i, o := range outcomes {
		s.lost += o.lost
		if errs[i] != nil {
			errs[i] = fmt.Errorf("%s: %w", trials[i].Subject, errs[i])
			continue
		}
		s.runs++
		s.events += o.events
		s.bytes += o.bytes
		s.reasons[o.reason]++
	}
	return errors.Join(errs...)
}

// image is where the root file system of a subject is; empty if there is no
// such subject, which a run then complains of.
func (s *soak) image(name string) string {
	for _, one := range s.subjects {
		if one.name == name {
			return one.img.Root
		}
	}
	return ""
}

// fail writes down what was being done.
func (s *soak) fail(err error, batches [][]trial) error {
	text, encodeErr := json.MarshalIndent(failure{s.seed, err.Error(), batches}, "", "\t")
	if encodeErr == nil {
		encodeErr = os.WriteFile(s.failure, append(text, '\n'), 0o600)
	}
	if encodeErr != nil {
		return errors.Join(err, encodeErr)
	}
	return fmt.Errorf("%w; do it again with -replay %s", err, s.failure)
}

// replay does again what a failure was about.
func (s *soak) replay(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var f failure
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	s.start = time.Now()
	for _, trials := range f.Batches {
		if err := s.batch(ctx, trials); err != nil {
			return err
		}
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%d runs, and nothing wrong; it was: %s\n", s.runs, f.Error)
	return nil
}
