package image

import (
	"sync"
	"time"
)

// meter carries progress from wherever bytes are read to the one goroutine that
// reports it.
type meter struct {
	mu      sync.Mutex
	now     Progress
	changed chan struct{}
	stopped chan struct{}
	done    sync.WaitGroup
}

// reportEvery is how often bytes are reported. A new stage is reported at once.
const reportEvery = 100 * time.Millisecond

// newMeter calls report, if there is one, until the meter is stopped.
func newMeter(report func(Progress)) *meter {
	m := &meter{changed: make(chan struct{}, 1), stopped: make(chan struct{})}
	if report != nil {
		m.done.Go(func() { m.run(report) })
	}
	return m
}

func (m *meter) run(report func(Progress)) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	var last Progress
	for running := true; running; {
		select {
		case <-m.changed:
		case <-tick.C:
		case <-m.stopped:
			running = false
		}
		m.mu.Lock()
		now := m.now
		m.mu.Unlock()
		if now != last {
			last = now
			report(now)
		}
	}
}

// stop reports what is left to report, and waits until that has been done.
func (m *meter) stop() {
	close(m.stopped)
	m.done.Wait()
}

func (m *meter) set(change func(p *Progress)) {
	m.mu.Lock()
	change(&m.now)
	m.mu.Unlock()
	select {
	case m.changed <- struct{}{}:
	default: // it will be seen with the change before
	}
}

// stage says what is done now, from the first byte on.
func (m *meter) stage(s Stage) {
	m.set(func(p *Progress) {
		if p.Stage != s {
			*p = Progress{Stage: s}
		}
	})
}

// add counts bytes.
func (m *meter) add(n int64) {
	m.mu.Lock()
	m.now.Done += n
	m.mu.Unlock()
}

// move counts bytes that came from elsewhere.
func (m *meter) move(n int64) {
	m.mu.Lock()
	m.now.Done += n
	m.now.Moved += n
	m.mu.Unlock()
}
