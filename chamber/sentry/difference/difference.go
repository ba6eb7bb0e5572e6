// Package difference walks the file systems that are kept in memory, and tells what
// a subject has changed in them: against the image, where they lie over it, and
// against what there was before its first instruction.
//
// Package sentry has it remember the file systems on the goroutine of the first
// thread, tell the difference once at the end of the run, on whatever goroutine ends
// that, and keep the files of what is unmounted, on that of the task that unmounts.
// Nothing here shows to the subject, which may run meanwhile: what is found is what
// was there when it was looked at. Each look has bounds, of time too.
package difference

import (
	"errors"
	"runtime"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/overlay"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/vfs"

	"github.com/detonaut/detonaut/chamber/sentry/payload"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
)

// Before is what there was before the subject has done anything. It does not change;
// its methods may be called from any goroutine, with that one's context.
type Before struct {
	kernel   *kernel.Kernel
	mounts   *vfs.MountNamespace // only to tell it from others
	root     *volume
	start    start
	out      *wire.Emitter
	payloads *payload.Store
}

// Remember looks at the file systems as they are. t is the first thread, which has
// run nothing yet. An error says that gVisor is not the one that this was written for.
func Remember(t *kernel.Task, out *wire.Emitter, payloads *payload.Store) (*Before, error) {
	root := t.FSContext().RootDirectory()
	defer root.DecRef(t)
	upper, lower, err := layersOf(root)
	if err != nil {
		return nil, err
	}
	upper.IncRef() // for good: the subject may unmount its root
	lower.IncRef()
	b := &Before{
		kernel: t.Kernel(), mounts: t.MountNamespace(), start: make(start), out: out, payloads: payloads,
		root: &volume{path: "/", root: upper, image: lower, fs: upper.Mount().Filesystem()},
	}
	// A bound cannot be met: nobody was there yet.
	_ = b.eachVolume(b.look(t), (*look).note)
	return b, nil
}

func (b *Before) look(ctx context.Context) *look {
	return &look{walker: newWalker(ctx, b.kernel), out: b.out, payloads: b.payloads, start: b.start}
}

// Kernel returns the kernel of the file systems.
func (b *Before) Kernel() *kernel.Kernel { return b.kernel }

// Had tells whether mounts is the namespace that there was.
func (b *Before) Had(mounts *vfs.MountNamespace) bool { return b.mounts == mounts }

// eachVolume does something with all file systems of memory, that over the image
// first, until it fails.
func (b *Before) eachVolume(l *look, do func(*look, *volume) error) error {
	err := do(l, b.root)
	for _, v := range l.memoryVolumes() {
		if err == nil {
			err = do(l, v)
		}
		l.release(v)
	}
	return err
}

// Tell reports every change since then, and keeps the contents of the files that were
// written. It returns when all is emitted, or a bound is met, which is noted.
func (b *Before) Tell(ctx context.Context) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l := b.look(ctx)
	l.work()
	if errors.Is(b.eachVolume(l, (*look).tell), errBound) {
		b.out.Hit("changes")
	}
}

// Unchanged tells whether a file of the overlay holds what the image has in its
// place: a file is copied as soon as anything of it is to change, and an overlay
// forgets where a copy is from.
func (b *Before) Unchanged(t *kernel.Task, f *vfs.FileDescription) bool {
	if f.Mount().Filesystem().FilesystemType().Name() != overlay.Name {
		return false
	}
	in, err := b.kernel.VFS().PathnameInFilesystem(t, f.VirtualDentry())
	if err != nil {
		return false
	}
	l := b.look(t)
	at := child(b.root.image, in)
	image, err := l.stat(at)
	if err != nil || typeOf(&image) != linux.S_IFREG {
		return false
	}
	is, err := f.Stat(t, vfs.StatOptions{Mask: linux.STATX_SIZE})
	if err != nil || is.Size != image.Size {
		return false
	}
	below, err := l.open(at)
	if err != nil {
		return false
	}
	defer below.DecRef(t)
	return equal(l.reader(f), l.reader(below), int64(image.Size))
}
