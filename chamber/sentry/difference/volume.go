package difference

import (
	"slices"
	"strings"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/dev"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/tmpfs"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
)

// volume is a file system to walk through, or a part of one.
type volume struct {
	path  string            // where its root is seen
	root  vfs.VirtualDentry // on a mount of its own, on which nothing else is mounted
	image vfs.VirtualDentry // what it lies over, if anything
	fs    *vfs.Filesystem
}

// memoryVolumes lists the mounted file systems that are kept in memory alone, in the
// order of their paths. The caller releases each.
func (w *walker) memoryVolumes() (volumes []*volume) {
	type place struct {
		fs   *vfs.Filesystem
		root *vfs.Dentry
	}
	seen := make(map[place]bool)
	mounts := w.vfs.GetAllMounts(w.ctx)
	whole := func(m *vfs.Mount) bool {
		in, err := w.vfs.PathnameInFilesystem(w.ctx, vfs.MakeVirtualDentry(m, m.Root()))
		return err == nil && in == "/"
	}
	for _, bound := range []bool{false, true} { // parts of what is walked as a whole are not walked again
		for _, m := range mounts {
			fs := m.Filesystem()
			if !InMemory(fs) || whole(m) == bound || seen[place{fs, nil}] || seen[place{fs, m.Root()}] {
				continue
			}
			if seen[place{fs, m.Root()}] = true; !bound {
				seen[place{fs, nil}] = true
			}
			at := vfs.MakeVirtualDentry(m, m.Root())
			p, err := w.vfs.PathnameWithDeleted(w.ctx, vfs.VirtualDentry{}, at)
			if stat, statErr := w.stat(&vfs.PathOperation{Root: at, Start: at}); err != nil || statErr != nil || typeOf(&stat) != linux.S_IFDIR {
				continue
			}
			alone := w.vfs.NewDisconnectedMount(fs, m.Root(), &vfs.MountOptions{})
			volumes = append(volumes, &volume{path: strings.TrimSuffix(p, " (deleted)"), root: vfs.MakeVirtualDentry(alone, m.Root()), fs: fs})
		}
	}
	for _, m := range mounts {
		m.DecRef(w.ctx)
	}
	slices.SortStableFunc(volumes, func(a, b *volume) int { return strings.Compare(a.path, b.path) })
	return volumes
}

// InMemory tells whether a file system is kept in memory alone, so that all that
// is in it was put there. /dev is one of those.
func InMemory(fs *vfs.Filesystem) bool {
	name := fs.FilesystemType().Name()
	return name == tmpfs.Name || name == dev.Name
}

// release gives a volume of memoryVolumes back.
func (w *walker) release(t *volume) { t.root.Mount().DecRef(w.ctx) }

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
func without(volumes []*volume, others map[*vfs.Filesystem]bool) (rest []*volume) {
	for _, v := range volumes {
		if !others[v.fs] {
			rest = append(rest, v)
		}
	}
	return rest
}

func reachable(ctx context.Context, system *vfs.VirtualFilesystem, root, m vfs.VirtualDentry) bool {
	path, err := system.PathnameReachable(ctx, root, m)
	return err == nil && path != ""
}
