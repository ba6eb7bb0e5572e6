package story

import (
	"fmt"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/behavior"
)

// maxParents is how many ancestors are told of a process.
const maxParents = 4

// Testimony is what one event shows, and who did it. Its strings are the subject's.
type Testimony struct {
	Event uint64        `json:"event"`
	Time  time.Duration `json:"t_ns"`
	PID   int32         `json:"pid,omitempty"`
	// Process is the program and its arguments, Parents are the programs above it,
	// the nearest first.
	Process string   `json:"process,omitempty"`
	Parents []string `json:"parents,omitempty"`
	// Text says what was done.
	Text string `json:"text"`
}

// Witness watches one run for some events, as a [behavior.Detector] that finds
// nothing. It remembers no more than these.
type Witness struct {
	wanted map[uint64]bool
	seen   map[uint64]Testimony
}

var _ behavior.Detector = (*Witness)(nil)

// NewWitness makes a witness of the events of these numbers.
func NewWitness(seqs []uint64) *Witness {
	w := &Witness{wanted: map[uint64]bool{}, seen: map[uint64]Testimony{}}
	for _, seq := range seqs {
		w.wanted[seq] = true
	}
	return w
}

// Observe remembers the event, if it is one of those.
func (w *Witness) Observe(m behavior.Moment) {
	e, p := m.Event, m.Process
	if !w.wanted[e.Seq] {
		return
	}
	t := Testimony{Event: e.Seq, Time: time.Duration(e.Time), PID: e.PID, Text: Words(e), Process: called(p)}
	for _, a := range p.Ancestors() {
		if len(t.Parents) == maxParents {
			break
		}
		t.Parents = append(t.Parents, strings.TrimSpace(fmt.Sprintf("%d %s", a.PID, called(a))))
	}
	w.seen[e.Seq] = t
}

// called is what a process runs, with the name that it gives itself.
func called(p *behavior.Process) string {
	s := cut(p.Executable, maxString)
	if len(p.Args) > 0 && p.Interpreter == "" && base(p.Args[0]) != base(p.Executable) {
		s += " as " + cut(p.Args[0], maxString/3)
	}
	return s
}

// Conclude has found nothing and missed nothing.
func (w *Witness) Conclude() ([]detonaut.Finding, []string) { return nil, nil }

// Seen is what was seen of an event; false if it is not on the tape.
func (w *Witness) Seen(seq uint64) (Testimony, bool) {
	t, ok := w.seen[seq]
	return t, ok
}
