package fileless

import (
	"crypto/sha256"
	"slices"
	"sync"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/hostarch"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/mm"

	"github.com/detonaut/detonaut/chamber/sentry/payload"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of the code that is kept of memory. Programs that compile while they run
// make regions of it by the thousand, so that what is beyond is no gap.
const (
	maxRegion  = 1 << 20  // bytes of one region
	maxEmpty   = 4 << 20  // bytes at its start to which nothing was written
	maxRegions = 8        // of one process
	maxAll     = 64       // of all
	maxBytes   = 32 << 20 // of all
)

// Memory keeps what memory held that became code.
type Memory struct {
	payloads *payload.Store
	event    MemoryEvent

	// both is set once memory was writable and executable at once: such memory
	// is looked at when it is about to go.
	both atomic.Bool

	mu sync.Mutex
	// where such memory was, of any process. It is not looked for elsewhere when
	// memory is unmapped, which some programs do all the time.
	where []hostarch.AddrRange
	known map[[sha256.Size]byte]bool
	by    map[*kernel.ThreadGroup]int // regions of each process
	bytes int64
}

// MemoryEvent makes the event that tells of a content of the memory of t, with a
// payload in which the address is still missing. ctx is that of the goroutine that
// asks, which may not be that of t.
type MemoryEvent func(ctx context.Context, t *kernel.Task, space *mm.MemoryManager) *tape.Event

// NewMemory returns the memory of a run, of which nothing was kept yet. What is kept
// goes to payloads.
func NewMemory(payloads *payload.Store, event MemoryEvent) *Memory {
	return &Memory{
		payloads: payloads, event: event,
		known: make(map[[sha256.Size]byte]bool), by: make(map[*kernel.ThreadGroup]int),
	}
}

// Note remembers memory that is writable and executable at once.
func (m *Memory) Note(address, size uint64) {
	m.both.Store(true)
	r, ok := hostarch.Addr(address).ToRange(size)
	m.mu.Lock()
	defer m.mu.Unlock()
	if ok && len(m.where) < maxAll && !slices.Contains(m.where, r) {
		m.where = append(m.where, r)
	}
}

// MayHold tells whether there may be writable code in that many bytes at an address,
// of any process. It is cheap.
func (m *Memory) MayHold(at hostarch.Addr, size uint64) bool {
	if !m.both.Load() {
		return false
	}
	r, ok := at.ToRange(size)
	m.mu.Lock()
	defer m.mu.Unlock()
	return ok && slices.ContainsFunc(m.where, r.Overlaps)
}

// Protect has run change what may be done with that many bytes at an address of the
// memory of t, so that they can be executed and not written. It keeps what that made
// code, if run tells that it could. t is the task that asks for it, on its own goroutine.
func (m *Memory) Protect(t *kernel.Task, at hostarch.Addr, size uint64, run func() (done bool)) {
	space := t.MemoryManager()
	if space == nil || !m.roomFor(t.ThreadGroup()) {
		run()
		return
	}
	var made []region
	if r, ok := at.ToRange(size); ok {
		made = regions(t, space, r, becomesCode)
	}
	if run() {
		m.keepRegions(t, t, space, made)
	}
}

// Keep keeps what t has of writable code anywhere, before it is gone. t is the task
// whose goroutine calls.
func (m *Memory) Keep(t *kernel.Task) {
	m.keep(t, t, t.MemoryManager(), everywhere)
}

// KeepAt keeps what t has of it in that many bytes at an address.
func (m *Memory) KeepAt(t *kernel.Task, at hostarch.Addr, size uint64) {
	if r, ok := at.ToRange(size); ok {
		m.keep(t, t, t.MemoryManager(), r)
	}
}

// KeepAll keeps what processes have of it, of each of which there is a task. ctx is
// that of the goroutine that calls; the tasks may run on.
func (m *Memory) KeepAll(ctx context.Context, tasks []*kernel.Task) {
	if !m.both.Load() {
		return
	}
	for _, t := range tasks {
		var space *mm.MemoryManager
		t.WithMuLocked(func(t *kernel.Task) {
			if space = t.MemoryManager(); space != nil && !space.IncUsers() {
				space = nil
			}
		})
		if space != nil {
			m.keep(ctx, t, space, everywhere)
			space.DecUsers(ctx)
		}
	}
}

func (m *Memory) keep(ctx context.Context, t *kernel.Task, space *mm.MemoryManager, r hostarch.AddrRange) {
	if space != nil && m.both.Load() && m.roomFor(t.ThreadGroup()) {
		m.keepRegions(ctx, t, space, regions(ctx, space, r, isWritableCode))
	}
}

// keepRegions keeps what is in some regions of the memory of t.
func (m *Memory) keepRegions(ctx context.Context, t *kernel.Task, space *mm.MemoryManager, all []region) {
	for _, r := range all {
		start, b := readRegion(ctx, space, r.AddrRange)
		if len(b) == 0 || !m.take(t.ThreadGroup(), b) {
			continue
		}
		ev := m.event(ctx, t, space)
		ev.Payload.Address = uint64(start)
		m.payloads.KeepBytes(ev, b)
	}
}

// roomFor tells whether more of a process may be kept.
func (m *Memory) roomFor(process *kernel.ThreadGroup) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.by[process] < maxRegions && len(m.known) < maxAll
}

// take tells whether b is to be kept, and counts it. What is known already is
// not kept again.
func (m *Memory) take(process *kernel.ThreadGroup, b []byte) bool {
	sum := sha256.Sum256(b)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known[sum] || m.by[process] >= maxRegions || len(m.known) >= maxAll || m.bytes+int64(len(b)) > maxBytes {
		return false
	}
	m.known[sum] = true
	m.by[process]++
	m.bytes += int64(len(b))
	return true
}

// Forget gives up what is remembered of a process that has ended.
func (m *Memory) Forget(process *kernel.ThreadGroup) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.by, process)
}
