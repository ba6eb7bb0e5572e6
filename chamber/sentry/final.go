package sentry

import (
	"errors"
	"time"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/overlay"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
)

// Bounds of the end of a run, which together with the reading of what was sent
// stays below the two seconds that a run may last longer than its plan says.
const (
	maxHold = 250 * time.Millisecond // until the subject stands still
	maxWalk = 750 * time.Millisecond // what differs from the image
)

// before is what there was before the subject has done anything.
type before struct {
	kernel *kernel.Kernel
	mounts *vfs.MountNamespace // only to tell it from others
	root   *volume
	start  start
}

// lookBefore remembers the file systems as they are. t is the first thread.
func (tr *tracer) lookBefore(t *kernel.Task) {
	root := t.FSContext().RootDirectory()
	defer root.DecRef(t)
	upper, lower, err := layersOf(root)
	if err != nil {
		panic(err) // this gVisor is not the one that it was written for
	}
	upper.IncRef() // for good: the subject may unmount its root
	lower.IncRef()
	b := &before{
		kernel: t.Kernel(), mounts: t.MountNamespace(), start: make(start),
		root: &volume{path: "/", root: upper, image: lower, fs: upper.Mount().Filesystem()},
	}
	// A bound cannot be met: nobody was there yet.
	_ = b.eachVolume(tr.difference(t, b), (*difference).note)
	tr.before.Store(b)
}

func (tr *tracer) difference(ctx context.Context, b *before) *difference {
	return &difference{walker: newWalker(ctx, b.kernel, maxWalk), out: tr.out, payloads: tr.payloads, start: b.start}
}

// eachVolume does something with all file systems of memory, that over the image
// first, until it fails.
func (b *before) eachVolume(d *difference, do func(*difference, *volume) error) error {
	err := do(d, b.root)
	for _, t := range d.memoryVolumes() {
		if err == nil {
			err = do(d, t)
		}
		d.release(t)
	}
	return err
}

// final tells what the subject leaves behind, once. It returns when that is
// told, whoever tells it.
func (tr *tracer) final(ctx context.Context, b *before) {
	tr.last.Do(func() {
		tr.keepAllCode(ctx)
		tr.endScripts()
		if errors.Is(b.eachVolume(tr.difference(ctx, b), (*difference).tell), errBound) {
			tr.out.hit("changes")
		}
		tr.before.Store(nil) // what goes from now on was told of
	})
}

// exitLast is final for the last thread of the first process. The other
// processes are held meanwhile, as far as they can be without waiting for them.
func (tr *tracer) exitLast(t *kernel.Task) {
	b := tr.before.Load()
	if b == nil {
		return
	}
	tasks := b.kernel.TaskSet()
	tasks.BeginExternalStop()
	defer tasks.EndExternalStop()
	tr.final(t, b)
}

// finish holds the subject for good and is final, for the goroutine that answers
// the reader.
func (tr *tracer) finish() {
	b := tr.before.Load()
	if b == nil {
		return // it has not begun, or nothing is told of it
	}
	held := make(chan struct{})
	go func() {
		defer close(held)
		b.kernel.Pause()
	}()
	select {
	case <-held:
	case <-time.After(maxHold): // it is looked at as it runs on
	}
	tr.final(b.kernel.SupervisorContext(), b)
}

// unchanged tells whether a file of the overlay holds what the image has in its
// place: a file is copied as soon as anything of it is to change, and an overlay
// forgets where a copy is from.
func (tr *tracer) unchanged(t *kernel.Task, f *vfs.FileDescription) bool {
	b := tr.before.Load()
	if b == nil || f.Mount().Filesystem().FilesystemType().Name() != overlay.Name {
		return false
	}
	in, err := b.kernel.VFS().PathnameInFilesystem(t, f.VirtualDentry())
	if err != nil {
		return false
	}
	d := tr.difference(t, b)
	at := child(b.root.image, in)
	image, err := d.stat(at)
	if err != nil || typeOf(&image) != linux.S_IFREG {
		return false
	}
	is, err := f.Stat(t, vfs.StatOptions{Mask: linux.STATX_SIZE})
	if err != nil || is.Size != image.Size {
		return false
	}
	below, err := d.open(at)
	if err != nil {
		return false
	}
	defer below.DecRef(t)
	return equal(d.reader(f), d.reader(below), int64(image.Size))
}
