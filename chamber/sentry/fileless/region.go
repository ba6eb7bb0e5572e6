package fileless

import (
	"bytes"

	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/hostarch"
	"gvisor.dev/gvisor/pkg/sentry/mm"
	"gvisor.dev/gvisor/pkg/usermem"
)

// region is a piece of the memory of a process.
type region struct {
	hostarch.AddrRange
	access    hostarch.AccessType
	anonymous bool
}

// regions lists what of the memory lies in r and is wanted.
func regions(ctx context.Context, space *mm.MemoryManager, r hostarch.AddrRange, wanted func(region) bool) (found []region) {
	space.ReadMapsDataInto(ctx, func(start, end hostarch.Addr, access hostarch.AccessType, _ string, _ uint64, _, _ uint32, inode uint64, _ string) {
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

// readRegion reads the pages from the first that was written to, to the last.
// Neighbours of equal protection are one region, whoever asked for them.
func readRegion(ctx context.Context, space *mm.MemoryManager, r hostarch.AddrRange) (start hostarch.Addr, b []byte) {
	b = make([]byte, min(uint64(r.Length()), maxRegion))
	read := func(from hostarch.Addr) []byte {
		b := b[:min(uint64(r.End-from), maxRegion)]
		n, _ := space.CopyIn(ctx, from, b, usermem.IOOpts{IgnorePermissions: true}) // as much as can be read
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
