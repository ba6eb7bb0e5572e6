package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior/story"
	"github.com/detonaut/detonaut/internal/store"
)

// Bounds of what is told of one attempt. What a subject does is told as it comes, and left
// out where it comes faster than anybody reads: the tape has all of it.
const (
	maxEvents  = 5_000 // of one attempt
	maxPending = 250   // between two writings
	flushEvery = 300 * time.Millisecond
	flushTime  = 10 * time.Second // for one writing
	maxNote    = 300              // bytes
)

// What is told, by the kinds of [store.Progress]. Strings in Text are the subject's.
type (
	// stageTold is the data of "stage".
	stageTold struct {
		Stage string `json:"stage"`
	}
	// eventTold is the data of "event": one of the tape, in words.
	eventTold struct {
		Seq  uint64    `json:"seq"`
		Time int64     `json:"t"` // nanoseconds since the start of the run
		Kind tape.Kind `json:"kind"`
		PID  int32     `json:"pid,omitempty"`
		Text string    `json:"text"`
	}
	// noteTold is the data of "note": a text, and how many events were left out before it.
	noteTold struct {
		Text    string `json:"text"`
		LeftOut int    `json:"left_out,omitempty"`
	}
)

// Teller tells how far a submission is; of a job that nobody has submitted it tells nothing. Its
// methods may be called from any goroutine. They do not wait for the store: what it cannot take
// in time is left out.
type Teller struct {
	c       *job
	ctx     context.Context
	stop    chan struct{}
	stopped sync.WaitGroup

	mu      sync.Mutex
	pending []store.Progress
	events  int
	leftOut int
}

// newTeller tells until close.
func newTeller(ctx context.Context, c *job) *Teller {
	t := &Teller{c: c, ctx: ctx, stop: make(chan struct{})}
	if !t.silent() {
		t.stopped.Go(t.flushOften)
	}
	return t
}

// silent is one whom nobody hears.
func (t *Teller) silent() bool { return t.c.Submission == "" }

// Stage tells what is done from now on.
func (t *Teller) Stage(name string) { t.tell("stage", stageTold{name}) }

// Note tells something else, in at most 300 bytes.
func (t *Teller) Note(text string) { t.tell("note", noteTold{Text: text[:min(len(text), maxNote)]}) }

// Event tells what the subject did.
func (t *Teller) Event(e *tape.Event) {
	if t.silent() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.events >= maxEvents || len(t.pending) >= maxPending {
		t.leftOut++
		return
	}
	t.events++
	t.add("event", eventTold{Seq: e.Seq, Time: e.Time, Kind: e.Kind, PID: e.PID, Text: story.Words(e)})
}

func (t *Teller) tell(kind string, data any) {
	if t.silent() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) < 2*maxPending {
		t.add(kind, data)
	}
}

// add has t.mu.
func (t *Teller) add(kind string, data any) {
	t.pending = append(t.pending, t.progress(kind, data))
}

// addLeftOut has t.mu.
func (t *Teller) addLeftOut() {
	t.add("note", noteTold{Text: fmt.Sprintf("%d events more, which the tape has", t.leftOut), LeftOut: t.leftOut})
	t.leftOut = 0
}

func (t *Teller) progress(kind string, data any) store.Progress {
	b, _ := json.Marshal(data) // of strings and numbers alone
	return store.Progress{At: t.c.w.o.Now().UTC(), Kind: kind, Data: b}
}

func (t *Teller) flushOften() {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-tick.C:
			t.flush()
		}
	}
}

// flush writes what is pending. What cannot be written is not told: the analysis is worth
// more.
func (t *Teller) flush() {
	t.mu.Lock()
	// Of those that were left out after the last that may be told there is one note, at the end.
	if t.leftOut > 0 && t.events < maxEvents {
		t.addLeftOut()
	}
	told := t.pending
	t.pending = nil
	t.mu.Unlock()
	t.write(t.ctx, told)
}

func (t *Teller) write(ctx context.Context, told []store.Progress) {
	if len(told) == 0 || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	if err := t.c.w.o.Store.AddProgress(ctx, t.c.Submission, told); err != nil {
		t.c.log.Warn("progress cannot be told", "error", err)
	}
}

// close writes what is pending. Nothing is told after it.
func (t *Teller) close() {
	close(t.stop)
	t.stopped.Wait()
	t.mu.Lock()
	if t.leftOut > 0 {
		t.addLeftOut()
	}
	t.mu.Unlock()
	t.flush()
}
