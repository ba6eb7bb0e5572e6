package difference

import (
	"errors"

	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/vfs"

	"github.com/detonaut/detonaut/chamber/tape"
)

// Held is the file systems of memory that were mounted at one moment. They and what
// is in them stay until Release.
type Held struct {
	look    *look
	volumes []*volume
}

// Hold holds those that are mounted now. ctx is that of the goroutine that calls,
// which also calls the others.
func (b *Before) Hold(ctx context.Context) *Held {
	l := b.look(ctx)
	return &Held{l, l.memoryVolumes()}
}

// KeepUnmounted keeps the files of those that are not mounted any more, and reports
// each as an event like this one.
func (h *Held) KeepUnmounted(like *tape.Event) {
	h.keep(without(h.volumes, h.look.mounted(nil)), like)
}

// Release lets them go.
func (h *Held) Release() {
	for _, v := range h.volumes {
		h.look.release(v)
	}
}

func (h *Held) keep(gone []*volume, like *tape.Event) {
	for _, v := range gone {
		err := h.look.walk(v, func(e *entry) error {
			if typeName(&e.stat) == "file" && e.stat.Size > 0 {
				ev := *like
				h.look.keepAs(&ev, tape.Deleted, e)
			}
			return nil
		})
		if errors.Is(err, errBound) {
			h.look.out.Hit("payloads")
			return
		}
	}
}

// KeepLeft keeps the files of what is mounted in a namespace alone, which t is the
// last to leave, and reports each as an event like this one.
func (b *Before) KeepLeft(t *kernel.Task, mounts *vfs.MountNamespace, like *tape.Event) {
	root := mounts.Root(t)
	if !root.Ok() {
		return
	}
	defer root.DecRef(t)
	h := b.Hold(t)
	defer h.Release()
	elsewhere := h.look.mounted(func(m vfs.VirtualDentry) bool { return !reachable(t, h.look.vfs, root, m) })
	h.keep(without(h.volumes, elsewhere), like)
}
