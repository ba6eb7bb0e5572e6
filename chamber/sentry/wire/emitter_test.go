package wire

import (
	"fmt"
	"os"
	"testing"

	"github.com/detonaut/detonaut/chamber/tape"
)

// socket is the sandbox's end, as an Endpoint.
type socket struct{ *os.File }

func (s socket) FD() int { return int(s.Fd()) }

// newPipe returns an emitter and the stream at its other end.
func newPipe(t testing.TB) (*Emitter, *Stream) {
	t.Helper()
	stream, end, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	e := NewEmitter(socket{end})
	t.Cleanup(func() {
		e.timer.Stop() // nothing may be written to a reader that has gone
		stream.Close()
		end.Close()
	})
	return e, stream
}

// next reads up to the sandbox's counters.
func next(t *testing.T, s *Stream) (events []*tape.Event, counters tape.End) {
	t.Helper()
	for {
		line, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		e, err := line.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == tape.RunEnd {
			return events, *e.End
		}
		events = append(events, e)
	}
}

func write(pid int32, path string, n int64) *tape.Event {
	return &tape.Event{Kind: tape.FileWrite, PID: pid, File: &tape.File{Path: path, Size: n}}
}

func TestEmitterFoldsIdenticalEvents(t *testing.T) {
	e, stream := newPipe(t)
	for range 100 {
		e.Emit(write(1, "/log", 10))
		e.Emit(write(2, "/log", 1)) // another process is another event
	}
	e.Emit(write(1, "/other", 5))
	e.Flush()
	events, counters := next(t, stream)

	total, sizes := map[string]uint64{}, map[string]int64{}
	for i, ev := range events {
		if ev.Seq != uint64(i+1) {
			t.Errorf("event %d has number %d", i+1, ev.Seq)
		}
		key := fmt.Sprint(ev.PID, ev.File.Path)
		total[key] += ev.N()
		sizes[key] += ev.File.Size
	}
	for key, want := range map[string][2]int64{"1/log": {100, 1000}, "2/log": {100, 100}, "1/other": {1, 5}} {
		if got := [2]int64{int64(total[key]), sizes[key]}; got != want {
			t.Errorf("%s: count and bytes = %v, want %v", key, got, want)
		}
	}
	if want := 2*(foldBurst+1) + 1; len(events) != want {
		t.Errorf("%d events were written, want %d", len(events), want)
	}
	if want := uint64(201 - len(events)); counters.Folded != want {
		t.Errorf("%d events are said to be folded, want %d", counters.Folded, want)
	}
}

func TestEmitterNeverFoldsTheProcessTree(t *testing.T) {
	e, stream := newPipe(t)
	for range 50 {
		e.Emit(&tape.Event{Kind: tape.ProcessFork, PID: 1, Process: &tape.Process{Child: 2}})
	}
	e.EmitLast(&tape.Event{Kind: tape.ProcessExit, PID: 1, Process: &tape.Process{}})
	events, counters := next(t, stream)
	if len(events) != 51 || counters.Folded != 0 {
		t.Errorf("%d events and %d folded, want 51 and 0", len(events), counters.Folded)
	}
}

func TestEmitterWritesHeldEventsBeforeAnEnd(t *testing.T) {
	e, stream := newPipe(t)
	for range 20 {
		e.Emit(write(1, "/log", 1))
	}
	e.EmitLast(&tape.Event{Kind: tape.ProcessExit, PID: 1, Process: &tape.Process{}})
	events, _ := next(t, stream)
	if last := events[len(events)-1]; last.Kind != tape.ProcessExit {
		t.Errorf("the last event is %s, want the exit", last.Kind)
	}
	if held := events[len(events)-2]; held.Count != 20-foldBurst {
		t.Errorf("the event before the exit stands for %d, want %d", held.Count, 20-foldBurst)
	}
}

func TestEmitterBoundsItsMemory(t *testing.T) {
	e, stream := newPipe(t)
	done := make(chan int)
	go func() {
		events, _ := next(t, stream)
		done <- len(events)
	}()
	const many = 3 * maxFolds
	for i := range many {
		e.Emit(write(1, fmt.Sprint("/", i), 1))
		if len(e.folds) > maxFolds {
			t.Fatalf("%d events are held in mind, at most %d", len(e.folds), maxFolds)
		}
	}
	e.Flush()
	if got := <-done; got != many {
		t.Errorf("%d events came, want %d", got, many)
	}
}

func BenchmarkEmitFolded(b *testing.B) {
	e, stream := newPipe(b)
	go func() {
		for {
			if _, err := stream.Next(); err != nil {
				return
			}
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		e.Emit(write(1, "/var/log/some/file", 10))
	}
}

func BenchmarkEmit(b *testing.B) {
	e, stream := newPipe(b)
	go func() {
		for {
			if _, err := stream.Next(); err != nil {
				return
			}
		}
	}()
	paths := make([]string, 1000)
	for i := range paths {
		paths[i] = fmt.Sprint("/var/log/some/file", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e.Emit(&tape.Event{Kind: tape.FileOpen, PID: int32(i), File: &tape.File{Path: paths[i%len(paths)], Flags: "O_RDONLY"}})
	}
}
