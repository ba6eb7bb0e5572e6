package sentry

import (
	"errors"

	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/vfs"

	"github.com/detonaut/detonaut/chamber/tape"
)

// unmounting surrounds the hook of a call that unmounts with the keeping of what
// goes with a file system of memory.
func unmounting(h hook) hook {
	return func(c *call) {
		b := c.tr.before.Load()
		if b == nil {
			h(c)
			return
		}
		d := c.tr.difference(c.t, b)
		mounted := d.memoryVolumes() // which also holds them until then
		h(c)
		var gone []*volume
		if c.err == nil {
			gone = d.without(mounted, d.mounted(nil))
		}
		c.tr.keepGone(d, c.t, gone)
		for _, v := range mounted {
			d.release(v)
		}
	}
}

// mounted returns the file systems of the mounts for which that is true, which is
// all without a condition.
func (w *walker) mounted(only func(vfs.VirtualDentry) bool) map[*vfs.Filesystem]bool {
	all := make(map[*vfs.Filesystem]bool)
	for _, m := range w.vfs.GetAllMounts(w.ctx) {
		if only == nil || only(vfs.MakeVirtualDentry(m, m.Root())) {
			all[m.Filesystem()] = true
		}
		m.DecRef(w.ctx)
	}
	return all
}

// without returns the volumes whose file systems are not among others.
func (w *walker) without(volumes []*volume, others map[*vfs.Filesystem]bool) (rest []*volume) {
	for _, v := range volumes {
		if !others[v.fs] {
			rest = append(rest, v)
		}
	}
	return rest
}

// keepGone keeps the files of file systems that t took away.
func (tr *tracer) keepGone(d *difference, t *kernel.Task, gone []*volume) {
	for _, v := range gone {
		err := d.walk(v, func(e *entry) error {
			if typeName(&e.stat) == "file" && e.stat.Size > 0 {
				d.keepAs(newEvent(t, tape.PayloadKeep), tape.Deleted, e)
			}
			return nil
		})
		if errors.Is(err, errBound) {
			tr.out.hit("payloads")
			return
		}
	}
}

// leaveMounts keeps what goes with the mount namespace of t, if t is the last
// that is in it.
func (tr *tracer) leaveMounts(t *kernel.Task) {
	b := tr.before.Load()
	own := t.MountNamespace()
	if b == nil || own == nil || own == b.mounts || tr.shared(t, own) {
		return
	}
	d := tr.difference(t, b)
	root := own.Root(t)
	if !root.Ok() {
		return
	}
	defer root.DecRef(t)
	volumes := d.memoryVolumes()
	tr.keepGone(d, t, d.without(volumes, d.mounted(func(m vfs.VirtualDentry) bool { return !reachable(t, d.vfs, root, m) })))
	for _, v := range volumes {
		d.release(v)
	}
}

// shared tells whether another living thread is in the namespace.
func (tr *tracer) shared(t *kernel.Task, mounts *vfs.MountNamespace) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for other := range tr.living {
		if other != t && other.MountNamespace() == mounts {
			return true
		}
	}
	return false
}

func reachable(ctx context.Context, system *vfs.VirtualFilesystem, root, m vfs.VirtualDentry) bool {
	path, err := system.PathnameReachable(ctx, root, m)
	return err == nil && path != ""
}
