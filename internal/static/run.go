package static

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"

	"github.com/detonaut/detonaut"
)

// batch is how many files are read before what was found in them is added up: many
// enough to look them up in a memory at once, and to keep all processors busy.
const batch = 512

// Options say how to read. The zero value is a good start.
type Options struct {
	// Limits bound it; the zero value is [DefaultLimits].
	Limits Limits
	// Workers is how many files are read at once; 0 is one for each processor.
	Workers int
	// Memory knows what was found in equal contents; nil knows nothing.
	Memory Memory
}

// Memory remembers what analyzers found in contents, from one [Run] to the next. It
// may forget anything at any time. Its methods are called from one goroutine of a
// Run, and by several Runs at once. Their errors make reading slower, and nothing else.
type Memory interface {
	// Recall returns what an analyzer of that name and version found in contents, by
	// their hashes in hex; those that are not remembered are left out.
	Recall(ctx context.Context, analyzer string, contents []string) (map[string][]detonaut.Finding, error)
	// Keep remembers what it found in contents, also if that is nothing.
	Keep(ctx context.Context, analyzer string, found map[string][]detonaut.Finding) error
}

// Run gives every file to the analyzers that want it, several files at once, and
// remembers what was found. It goes on after a failure of an analyzer, a panic
// included, and returns it as its error at the end; the result holds all the same. An
// error of files ends it. The result does not depend on the order in which files were
// read.
func Run(ctx context.Context, files iter.Seq2[File, error], analyzers []Analyzer, o Options) (Result, error) {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	all, cancel := context.WithTimeout(ctx, o.Limits.All)
	defer cancel()
	r := &reading{options: o, analyzers: analyzers, asked: ctx, ctx: all, sum: newSum(analyzers, o.Limits.Findings)}
	var tasks []task
	for f, err := range files {
		if err != nil {
			r.sum.fail(err)
			break
		}
		if tasks = append(tasks, r.tasks(f)...); len(tasks) >= batch {
			r.read(tasks)
			tasks = tasks[:0]
		}
	}
	r.read(tasks)
	r.sum.lacking()
	return r.sum.result(), errors.Join(r.sum.errs...)
}

// reading is a Run in progress.
type reading struct {
	options    Options
	analyzers  []Analyzer
	asked, ctx context.Context //nolint:containedctx // of the one Run that it is
	total      int64           // bytes of files that were given to somebody
	sum        *sum
}

// task is one file for one analyzer, and what came of it.
type task struct {
	file     File
	analyzer int
	known    bool // from before
	found    []detonaut.Finding
	err      error
}

// tasks are those of a file that is within the bounds.
func (r *reading) tasks(f File) (tasks []task) {
	miss := ""
	switch l := r.options.Limits; {
	case f.Size > l.File:
		miss = tooLarge
	case f.Size > l.Total-r.total:
		miss = tooMuch
	}
	for i, a := range r.analyzers {
		if !a.Wants(f) {
			continue
		}
		if miss != "" {
			r.sum.miss(i, miss)
			continue
		}
		tasks = append(tasks, task{file: f, analyzer: i})
	}
	if len(tasks) > 0 {
		r.total += f.Size
	}
	return tasks
}

// read does tasks, and adds up what was found in their order.
func (r *reading) read(tasks []task) {
	r.recall(tasks)
	next := make(chan []*task)
	var workers sync.WaitGroup
	for range r.options.Workers {
		workers.Go(func() {
			for job := range next {
				r.do(job)
			}
		})
	}
	for _, job := range r.jobs(tasks) {
		next <- job
	}
	close(next)
	workers.Wait()
	for i := range tasks {
		r.sum.take(&tasks[i])
	}
	r.keep(tasks)
}

var (
	errInterrupted = errors.New("interrupted")
	errLate        = errors.New("no time left")
	errSlow        = errors.New("not read to its end")
)

// analyze does a task, which has no more time than it should.
func (r *reading) analyze(t *task) (found []detonaut.Finding, err error) {
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
	ctx, cancel := context.WithTimeout(r.ctx, r.options.Limits.PerFile)
	defer cancel()
	found, err = r.analyzers[t.analyzer].Analyze(ctx, t.file.bare(ctx))
	if err != nil && ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		err = errSlow // whatever it made of that, or because it would have been
	}
	return found, err
}

// bare is f as analyzers see it: it has no places, and can be read until ctx ends.
func (f File) bare(ctx context.Context) File {
	open := f.Open
	f.Places, f.Events, f.Use, f.From = nil, nil, "", ""
	f.Open = func() (Content, error) {
		c, err := open()
		if err != nil {
			return nil, err
		}
		return limited{c, ctx}, nil
	}
	return f
}

// limited is a content that can be read until its context ends.
type limited struct {
	Content
	ctx context.Context
}

func (l limited) ReadAt(b []byte, off int64) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	return l.Content.ReadAt(b, off)
}

// recall finishes those of the tasks that were done before.
func (r *reading) recall(tasks []task) {
	if r.options.Memory == nil {
		return
	}
	for i, a := range r.analyzers {
		var contents []string
		for j := range tasks {
			if tasks[j].analyzer == i {
				contents = append(contents, tasks[j].file.SHA256)
			}
		}
		if len(contents) == 0 {
			continue
		}
		known, err := r.options.Memory.Recall(r.ctx, key(a), contents)
		if err != nil {
			continue // it is read again
		}
		for j := range tasks {
			t := &tasks[j]
			if found, ok := known[t.file.SHA256]; ok && t.analyzer == i {
				t.known, t.found = true, found
			}
		}
	}
}

// keep remembers what came of those that were not known.
func (r *reading) keep(tasks []task) {
	if r.options.Memory == nil {
		return
	}
	for i, a := range r.analyzers {
		found := map[string][]detonaut.Finding{}
		for j := range tasks {
			if t := &tasks[j]; t.analyzer == i && !t.known && t.err == nil {
				found[t.file.SHA256] = t.found
			}
		}
		if len(found) > 0 {
			_ = r.options.Memory.Keep(r.ctx, key(a), found) // it is read again
		}
	}
}

// key names an analyzer and its version.
func key(a Analyzer) string { return a.Name() + "@" + a.Version() }
