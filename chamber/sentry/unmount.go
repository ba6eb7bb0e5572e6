package sentry

import (
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
		held := b.Hold(c.t)
		defer held.Release()
		h(c)
		if c.err == nil {
			held.KeepUnmounted(newEvent(c.t, tape.PayloadKeep))
		}
	}
}

// leaveMounts keeps what goes with the mount namespace of t, if t is the last
// that is in it.
func (tr *tracer) leaveMounts(t *kernel.Task) {
	b := tr.before.Load()
	own := t.MountNamespace()
	if b == nil || own == nil || b.Had(own) || tr.shared(t, own) {
		return
	}
	b.KeepLeft(t, own, newEvent(t, tape.PayloadKeep))
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
