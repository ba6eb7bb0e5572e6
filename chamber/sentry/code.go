package sentry

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"sync"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/hostarch"
	"gvisor.dev/gvisor/pkg/sentry/arch"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/mm"
	"gvisor.dev/gvisor/pkg/usermem"

	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of the code that is kept of memory. Programs that compile while they run
// make regions of it by the thousand, so that what is beyond is no gap.
const (
	maxRegion    = 1 << 20  // bytes of one region
	maxEmpty     = 4 << 20  // bytes at its start to which nothing was written
	maxRegions   = 8        // of one process
	maxAll       = 64       // of all
	maxCodeBytes = 32 << 20 // of all
)

// code is what was kept of memory.
type code struct {
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

// region is a piece of the memory of a process.
type region struct {
	hostarch.AddrRange
	access    hostarch.AccessType
	anonymous bool
}

// regions lists what of the memory lies in r and is wanted.
func regions(ctx context.Context, m *mm.MemoryManager, r hostarch.AddrRange, wanted func(region) bool) (found []region) {
	m.ReadMapsDataInto(ctx, func(start, end hostarch.Addr, access hostarch.AccessType, _ string, _ uint64, _, _ uint32, inode uint64, _ string) {
		piece := region{hostarch.AddrRange{Start: start, End: end}.Intersect(r), access, inode == 0}
		if piece.Length() > 0 && len(found) < maxAll && wanted(piece) {
			found = append(found, piece)
		}
	})
	return found
}

// everywhere is all memory that a process may have.
var everywhere = hostarch.AddrRange{End: ^hostarch.Addr(0)}

// becomesCode tells what is kept when it becomes code: what can be written until
// then, and what nobody but the process can have written.
func becomesCode(r region) bool {
	return r.access.Write || r.anonymous && !r.access.Execute
}

func isWritableCode(r region) bool { return r.access.Write && r.access.Execute }

// protect makes the call, which changes the protection of memory, and keeps what
// it made code.
func (c *call) protect() {
	protection := c.args[2].Int()
	m := c.t.MemoryManager()
	if protection&(linux.PROT_EXEC|linux.PROT_WRITE) != linux.PROT_EXEC || m == nil || !c.tr.code.roomFor(c.t.ThreadGroup()) {
		c.run()
		return
	}
	var made []region
	if r, ok := c.addr(0).ToRange(c.args[1].Uint64()); ok {
		made = regions(c.t, m, r, becomesCode)
	}
	if c.run(); c.err == nil {
		c.tr.keepRegions(c.t, c.t, m, made)
	}
}

// note remembers memory that is writable and executable at once.
func (c *code) note(address, size uint64) {
	c.both.Store(true)
	r, ok := addr(address).ToRange(size)
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok && len(c.where) < maxAll && !slices.Contains(c.where, r) {
		c.where = append(c.where, r)
	}
}

// noWritableCode tells that nothing can be lost of what is unmapped.
func noWritableCode(tr *tracer, _ *kernel.Task, args arch.SyscallArguments) bool {
	if !tr.code.both.Load() {
		return true
	}
	r, ok := args[0].Pointer().ToRange(args[1].Uint64())
	tr.code.mu.Lock()
	defer tr.code.mu.Unlock()
	return !ok || !slices.ContainsFunc(tr.code.where, r.Overlaps)
}

// unmap keeps writable code before it goes.
func (c *call) unmap() {
	if r, ok := c.addr(0).ToRange(c.args[1].Uint64()); ok {
		c.tr.keepCode(c.t, c.t, c.t.MemoryManager(), r)
	}
	c.run()
}

// keepCode keeps what a process has of writable code in r. ctx is that of the
// goroutine that asks.
func (tr *tracer) keepCode(ctx context.Context, t *kernel.Task, m *mm.MemoryManager, r hostarch.AddrRange) {
	if m != nil && tr.code.both.Load() && tr.code.roomFor(t.ThreadGroup()) {
		tr.keepRegions(ctx, t, m, regions(ctx, m, r, isWritableCode))
	}
}

// keepAllCode keeps the writable code of all processes that live.
func (tr *tracer) keepAllCode(ctx context.Context) {
	if !tr.code.both.Load() {
		return
	}
	tr.mu.Lock()
	tasks := make(map[*kernel.ThreadGroup]*kernel.Task, len(tr.threads))
	for t := range tr.living {
		tasks[t.ThreadGroup()] = t
	}
	tr.mu.Unlock()
	for _, t := range tasks {
		var m *mm.MemoryManager
		t.WithMuLocked(func(t *kernel.Task) {
			if m = t.MemoryManager(); m != nil && !m.IncUsers() {
				m = nil
			}
		})
		if m != nil {
			tr.keepCode(ctx, t, m, everywhere)
			m.DecUsers(ctx)
		}
	}
}

// keepRegions keeps what is in some regions of the memory of t.
func (tr *tracer) keepRegions(ctx context.Context, t *kernel.Task, m *mm.MemoryManager, all []region) {
	for _, r := range all {
		start, b := readRegion(ctx, m, r.AddrRange)
		if len(b) == 0 || !tr.code.take(t.ThreadGroup(), b) {
			continue
		}
		ev := newEvent(t, tape.PayloadKeep)
		ev.Payload = &tape.Payload{How: tape.Code, Address: uint64(start)}
		if f := m.Executable(); f != nil {
			ev.Payload.Path = text(ev, resolved(t, f.VirtualDentry()))
			f.DecRef(ctx)
		}
		tr.payloads.keepBytes(b, ev)
	}
}

// readRegion reads the pages from the first that was written to, to the last.
// Neighbours of equal protection are one region, whoever asked for them.
func readRegion(ctx context.Context, m *mm.MemoryManager, r hostarch.AddrRange) (start hostarch.Addr, b []byte) {
	b = make([]byte, min(uint64(r.Length()), maxRegion))
	read := func(from hostarch.Addr) []byte {
		b := b[:min(uint64(r.End-from), maxRegion)]
		n, _ := m.CopyIn(ctx, from, b, usermem.IOOpts{IgnorePermissions: true}) // as much as can be read
		return b[:n]
	}
	for start = r.Start; start < r.End && start-r.Start < maxEmpty; start += maxRegion {
		empty, used := usedPages(read(start))
		if used == empty {
			continue
		}
		if start += hostarch.Addr(empty); empty > 0 {
			_, used = usedPages(read(start))
			return start, b[:used]
		}
		return start, b[:used]
	}
	return start, nil
}

// usedPages returns where the pages begin and end that anything was written to.
func usedPages(b []byte) (start, end int) {
	end = len(bytes.TrimRight(b, "\x00"))
	start = (end - len(bytes.TrimLeft(b[:end], "\x00"))) &^ (hostarch.PageSize - 1)
	return start, min(len(b), (end+hostarch.PageSize-1)&^(hostarch.PageSize-1))
}

// roomFor tells whether more of a process may be kept.
func (c *code) roomFor(process *kernel.ThreadGroup) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[process] < maxRegions && len(c.known) < maxAll
}

// take tells whether b is to be kept, and counts it. What is known already is
// not kept again.
func (c *code) take(process *kernel.ThreadGroup, b []byte) bool {
	sum := sha256.Sum256(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[sum] || c.by[process] >= maxRegions || len(c.known) >= maxAll || c.bytes+int64(len(b)) > maxCodeBytes {
		return false
	}
	if c.known == nil {
		c.known, c.by = make(map[[sha256.Size]byte]bool), make(map[*kernel.ThreadGroup]int)
	}
	c.known[sum] = true
	c.by[process]++
	c.bytes += int64(len(b))
	return true
}

// forget gives up what is remembered of a process that has ended.
func (c *code) forget(process *kernel.ThreadGroup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.by, process)
}
