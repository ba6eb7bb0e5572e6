package fileless

import (
	"testing"

	"gvisor.dev/gvisor/pkg/hostarch"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
)

func TestUsedPages(t *testing.T) {
	const page = hostarch.PageSize
	for _, tc := range []struct {
		name       string
		size       int
		set        []int // bytes that are not zero
		start, end int
	}{
		{"nothing", 3 * page, nil, 0, 0},
		{"no memory", 0, nil, 0, 0},
		{"all", page, []int{0, page - 1}, 0, page},
		{"the middle", 4 * page, []int{page + 1, 2*page + 7}, page, 3 * page},
		{"a gap is kept", 4 * page, []int{0, 3 * page}, 0, 4 * page},
		{"half a page at the end", page + 10, []int{page + 1}, page, page + 10},
	} {
		b := make([]byte, tc.size)
		for _, i := range tc.set {
			b[i] = 0xc3
		}
		if start, end := usedPages(b); start != tc.start || end != tc.end {
			t.Errorf("%s: got %d to %d, want %d to %d", tc.name, start, end, tc.start, tc.end)
		}
	}
}

func TestCodeIsBounded(t *testing.T) {
	m := NewMemory(nil, nil)
	one := new(kernel.ThreadGroup)
	for i := range maxRegions {
		if !m.roomFor(one) || !m.take(one, []byte{byte(i)}) {
			t.Fatalf("region %d of a process is within the bound", i)
		}
	}
	if m.roomFor(one) || m.take(one, []byte("one more")) {
		t.Error("a process has more than its bound")
	}
	other := new(kernel.ThreadGroup)
	if m.take(other, []byte{0}) {
		t.Error("the same code is kept twice")
	}
	kept := maxRegions
	for i := range 2 * maxAll {
		if m.take(new(kernel.ThreadGroup), []byte{1, byte(i)}) {
			kept++
		}
	}
	if kept != maxAll {
		t.Errorf("%d regions are kept of all, want %d", kept, maxAll)
	}
	large := NewMemory(nil, nil)
	large.bytes = maxBytes - 1
	if large.take(one, []byte("xx")) {
		t.Error("more bytes are kept than the bound")
	}
}
