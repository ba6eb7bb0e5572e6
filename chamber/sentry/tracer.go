package sentry

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/fd"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/seccheck"

	"github.com/detonaut/detonaut/chamber/machine"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/clock"
	"github.com/detonaut/detonaut/chamber/sentry/difference"
	"github.com/detonaut/detonaut/chamber/sentry/fileless"
	"github.com/detonaut/detonaut/chamber/sentry/furnish"
	"github.com/detonaut/detonaut/chamber/sentry/payload"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// tracer turns what gVisor tells it into events. gVisor calls it on the
// goroutine of the task that acts, with that task as the context.
type tracer struct {
	seccheck.SinkDefaults
	out      *wire.Emitter
	detail   plan.Detail
	profile  plan.Profile
	maxTasks int
	program  string // the first command, as the plan has it
	env      []string
	first    atomic.Bool // the first thread was seen
	setup    furnish.Setup
	planted  *furnish.Planted // nil before the subject has begun
	given    map[string]bool  // variables that were planted, as NAME=value
	loads    loads
	face     machine.Face // what the subject is shown of the machine
	booted   time.Time
	timing   timing
	journey  journey
	clock    *clock.Clock
	payloads *payload.Store
	scripts  *fileless.Scripts
	memory   *fileless.Memory

	before atomic.Pointer[difference.Before] // nil before the subject has begun, and when all is told
	last   sync.Once                         // what is left behind is told of

	mu sync.Mutex
	// living has the threads that were born and have not died. gVisor lets a
	// clone that fails late die as a thread that nobody saw born.
	living  map[*kernel.Task]bool
	threads map[*kernel.ThreadGroup]int // how many of them, by process
	ports   map[string]int32            // processes that were told of, by type and address
	clocks  map[*kernel.ThreadGroup]*clockCount
}

// active is the tracer of this sandbox; nil before it is booted.
var active atomic.Pointer[tracer]

// newSink runs inside the sandbox, before its seccomp filters are set.
func newSink(options map[string]any, endpoint *fd.FD) (seccheck.Sink, error) {
	detail, _ := options[optDetail].(string)
	profile, _ := options[optProfile].(string)
	maxTasks, _ := options[optMaxTasks].(float64)
	program, _ := options[optProgram].(string)
	t := &tracer{detail: plan.Detail(detail), profile: plan.Profile(profile), maxTasks: int(maxTasks), program: program, env: asStrings(options[optEnv])}
	var err error
	if t.setup, err = optionOf[furnish.Setup](options[optSetup]); err != nil {
		return nil, err
	}
	t.given = make(map[string]bool)
	for _, v := range asStrings(options[optPlanted]) {
		t.given[v] = true
	}
	if t.timing, err = optionOf[timing](options[optTime]); err != nil {
		return nil, err
	}
	if t.clock, err = clock.New(); err != nil {
		return nil, err
	}
	if t.face, err = optionOf[machine.Face](options[optFace]); err != nil {
		return nil, err
	}
	t.living, t.threads = make(map[*kernel.Task]bool), make(map[*kernel.ThreadGroup]int)
	t.clocks = make(map[*kernel.ThreadGroup]*clockCount)
	t.booted, t.out = time.Now(), wire.NewEmitter(endpoint)
	wanted, _ := options[optPayloads].(bool)
	t.payloads = payload.NewStore(t.out, wanted)
	t.scripts, t.memory = fileless.NewScripts(t.out, t.payloads), fileless.NewMemory(t.payloads, ofMemory)
	go t.out.Serve(t.do)
	active.Store(t)
	return t, nil
}

// optionOf reads an option that Session wrote, which gVisor has made maps of
// meanwhile.
func optionOf[T any](v any) (option T, err error) {
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &option)
	}
	if err != nil {
		return option, fmt.Errorf("read an option of the sandbox: %w", err)
	}
	return option, nil
}

func asStrings(v any) (out []string) {
	list, _ := v.([]any)
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// do does what the reader asks for, and answers.
func (tr *tracer) do(r wire.Request) {
	switch r {
	case wire.Finish:
		tr.finish()
		tr.out.Flush()
	case wire.Look:
		tr.out.Answer(tr.look())
	case wire.Travel:
		tr.travel()
	case wire.Move:
		tr.move()
	}
}

// Name implements seccheck.Sink.
func (*tracer) Name() string { return sinkName }

// Status implements seccheck.Sink. Nothing is ever dropped.
func (*tracer) Status() seccheck.SinkStatus { return seccheck.SinkStatus{} }

// Stop implements seccheck.Sink.
func (*tracer) Stop() {}

// newEvent returns an event of t.
func newEvent(t *kernel.Task, kind tape.Kind) *tape.Event {
	ids := t.Kernel().TaskSet().Root
	return &tape.Event{Kind: kind, PID: int32(ids.IDOfThreadGroup(t.ThreadGroup())), TID: int32(ids.IDOfTask(t))}
}

// begin takes note of the first thread, when it makes its first system call or
// dies without one. gVisor tells of it before there is a task to look through.
func (tr *tracer) begin(t *kernel.Task) {
	if tr.first.Load() || !tr.first.CompareAndSwap(false, true) {
		return
	}
	tr.born(t, t.ThreadGroup())
	tr.startClock(t)
	tr.furnish(t)
	go debug.FreeOSMemory() // what booting took; the subject does not wait for it
	if tr.detail != plan.Untraced {
		tr.lookBefore(t)
		tr.firstExec(t)
	}
}

// furnish makes the machine of the plan of the sandbox. What cannot be done of it is
// on the tape.
func (tr *tracer) furnish(t *kernel.Task) {
	tr.setup.Install(t, func(store plan.TrustStore, err error) {
		ev := newEvent(t, tape.TrustInstall)
		ev.Trust = &tape.Trust{Path: wire.Text(ev, store.Path), Kind: string(store.Kind)}
		if err != nil {
			ev.Trust.Error = wire.Text(ev, err.Error())
		}
		if tr.detail != plan.Untraced {
			tr.out.Emit(ev)
		}
	})
	tr.planted = tr.setup.Plant(t)
	tr.setup = furnish.Setup{} // not needed twice, and large
	tr.face.Processors = int(t.Kernel().ApplicationCores())
	furnish.Dress(t, &tr.face)
}

// born counts a new thread of a process, unless it would be one too many.
func (tr *tracer) born(t *kernel.Task, process *kernel.ThreadGroup) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if len(tr.living) >= tr.maxTasks {
		return false
	}
	tr.living[t] = true
	tr.threads[process]++
	return true
}

// died counts a thread less and tells whether its process ended with it.
func (tr *tracer) died(t *kernel.Task, process *kernel.ThreadGroup) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if !tr.living[t] {
		return false
	}
	delete(tr.living, t)
	tr.threads[process]--
	if tr.threads[process] > 0 {
		return false
	}
	delete(tr.threads, process)
	delete(tr.clocks, process)
	return true
}

// processes returns a living thread of each process.
func (tr *tracer) processes() (tasks []*kernel.Task) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	seen := make(map[*kernel.ThreadGroup]bool, len(tr.threads))
	for t := range tr.living {
		if !seen[t.ThreadGroup()] {
			seen[t.ThreadGroup()] = true
			tasks = append(tasks, t)
		}
	}
	return tasks
}
