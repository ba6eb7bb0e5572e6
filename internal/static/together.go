package static

import (
	"context"
	"errors"
	"fmt"

	"github.com/detonaut/detonaut"
)

// Joint is an analyzer that reads many files at once for much less than one after the
// other, such as one that starts a program for it. [Run] calls it so, and never calls its
// Analyze.
type Joint interface {
	Analyzer
	// AnalyzeAll does what Analyze does with several files, and returns what came of
	// each, in their order. It holds each file to a time of its own, so that one cannot
	// take that of the others.
	AnalyzeAll(ctx context.Context, files []File) []Outcome
}

// Outcome is what Analyze returns.
type Outcome struct {
	Found []detonaut.Finding
	Err   error
}

// Limited is an analyzer that may know of itself, before it is given any file, that it
// cannot find all that it should.
type Limited interface {
	Analyzer
	// Lack says why its stage is partial or failed whatever else comes of it, and what
	// to do about it. The state is complete when nothing is lacking.
	Lack() (detonaut.State, string)
}

// At most so many files, of so many bytes, are read at once by a [Joint].
const (
	maxJointFiles = 128
	maxJointBytes = 64 << 20
)

// jobs are the tasks that are not known, each alone or those that are done at once. These
// come first, because they take the longest.
func (r *reading) jobs(tasks []task) [][]*task {
	var many, single [][]*task
	open := map[int][]*task{}
	bytes := map[int]int64{}
	for i := range tasks {
		t := &tasks[i]
		_, joint := r.analyzers[t.analyzer].(Joint)
		switch {
		case t.known:
		case !joint:
			single = append(single, []*task{t})
		default:
			a := t.analyzer
			if len(open[a]) == r.jointly(tasks) || bytes[a]+t.file.Size > maxJointBytes && len(open[a]) > 0 {
				many = append(many, open[a])
				open[a], bytes[a] = nil, 0
			}
			open[a], bytes[a] = append(open[a], t), bytes[a]+t.file.Size
		}
	}
	for i := range r.analyzers {
		if len(open[i]) > 0 {
			many = append(many, open[i])
		}
	}
	return append(many, single...)
}

// jointly is how many of these tasks are done at once: so many that each worker has some.
func (r *reading) jointly(tasks []task) int {
	workers := max(r.options.Workers, 1)
	return min(maxJointFiles, (len(tasks)+workers-1)/workers)
}

// do does a job.
func (r *reading) do(job []*task) {
	joint, ok := r.analyzers[job[0].analyzer].(Joint)
	if !ok {
		job[0].found, job[0].err = r.analyze(job[0])
		return
	}
	outcomes, err := r.analyzeAll(joint, job)
	for i, t := range job {
		switch {
		case err != nil:
			t.err = err
		case i >= len(outcomes):
			t.err = errors.New("nothing came of it")
		default:
			t.found, t.err = outcomes[i].Found, outcomes[i].Err
			if t.err != nil {
				t.err = r.reason(t.err)
			}
		}
	}
}

// reason is why a file of several was not read to its end.
func (r *reading) reason(err error) error {
	switch {
	case r.asked.Err() != nil:
		return errInterrupted
	case r.ctx.Err() != nil:
		return errLate
	case errors.Is(err, context.DeadlineExceeded):
		return errSlow
	}
	return err
}

// analyzeAll does a job of several tasks. Its error is one of all of them.
func (r *reading) analyzeAll(a Joint, job []*task) (outcomes []Outcome, err error) {
	switch {
	case r.asked.Err() != nil:
		return nil, errInterrupted
	case r.ctx.Err() != nil:
		return nil, errLate
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	files := make([]File, len(job))
	for i, t := range job {
		files[i] = t.file.bare(r.ctx)
	}
	return a.AnalyzeAll(r.ctx, files), nil
}
