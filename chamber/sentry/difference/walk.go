package difference

import (
	"cmp"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/errors/linuxerr"
	"gvisor.dev/gvisor/pkg/fspath"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/kernel/auth"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
)

// Bounds of a walk. Names of more are not looked at, nor is what lies deeper
// than a path can name.
const (
	maxNames   = 20_000                 // of one directory
	maxEntries = 50_000                 // that are looked at
	maxWalk    = 750 * time.Millisecond // part of the two seconds that a run may last longer than its plan says
	maxLate    = 5 * time.Second        // the same on a machine that is busy with others
)

// errBound ends a walk that has met a bound.
var errBound = errors.New("a bound is met")

// walker goes through file systems of memory, seen by nobody. It has the rights
// of the sandbox's root.
type walker struct {
	ctx   context.Context
	vfs   *vfs.VirtualFilesystem
	creds *auth.Credentials
	late  func() bool // tells when it ends with errBound
	left  int         // how many entries may still be looked at
}

func newWalker(ctx context.Context, k *kernel.Kernel) *walker {
	until := time.Now().Add(maxWalk)
	late := func() bool { return time.Now().After(until) }
	return &walker{ctx, k.VFS(), auth.NewRootCredentials(k.RootUserNamespace()), late, maxEntries}
}

// work counts the time of the processor instead, of the thread to which the caller
// is locked: what others take of a busy machine is not the subject's fault.
func (w *walker) work() {
	until, last := time.Now().Add(maxLate), worked()+maxWalk
	w.late = func() bool { return worked() > last || time.Now().After(until) }
}

// worked is the processor time of this thread.
func worked() time.Duration {
	var ts unix.Timespec
	// It cannot fail with a valid clock.
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}

// entry is one name in a volume.
type entry struct {
	path string // as the subject sees it
	in   string // from the root of the volume
	at   *vfs.PathOperation
	stat linux.Statx
	// below and image are the same path in the image, if that has it.
	below *vfs.PathOperation
	image linux.Statx
	// gone is set for what the image has and the subject does not see any more.
	// It has no stat then.
	gone bool
}

// visitor is called with every entry, a directory before what is in it. An error
// ends the walk.
type visitor func(e *entry) error

// level is a directory of a volume.
type level struct {
	*volume
	in    string // its path from the root of the volume
	dir   vfs.VirtualDentry
	below vfs.VirtualDentry // the directory of the image at this path, if it has one
	hides bool              // nothing of that is seen through
}

// walk goes through a volume in the order of names.
func (w *walker) walk(t *volume, visit visitor) error {
	return w.level(level{volume: t, dir: t.root, below: t.image}, visit)
}

func (w *walker) level(l level, visit visitor) error {
	names, err := w.names(l.dir)
	if l.below.Ok() && (l.hides || w.opaque(l.dir)) {
		l.hides = true
		hidden, hiddenErr := w.names(l.below)
		names, err = append(names, hidden...), cmp.Or(err, hiddenErr)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if err := w.name(l, name, visit); err != nil {
			return err
		}
	}
	return err
}

func (w *walker) name(l level, name string, visit visitor) error {
	e := &entry{in: path.Join(l.in, name), at: child(l.dir, name)}
	e.path = path.Join(l.path, e.in)
	if w.left--; w.left < 0 || w.late() || len(e.path) >= linux.PATH_MAX {
		return errBound
	}
	if l.below.Ok() {
		at := child(l.below, name)
		if stat, err := w.stat(at); err == nil {
			e.below, e.image = at, stat
		}
	}
	stat, err := w.stat(e.at)
	if err != nil || l.image.Ok() && isWhiteout(&stat) {
		if e.gone = true; e.below == nil {
			return nil // it came and went
		}
		return visit(e)
	}
	e.stat = stat
	if err := visit(e); err != nil || typeOf(&stat) != linux.S_IFDIR {
		return err
	}
	return w.enter(l, e, visit)
}

// enter visits what is in the directory e, which is in l.
func (w *walker) enter(l level, e *entry, visit visitor) error {
	next := level{volume: l.volume, in: e.in, hides: l.hides}
	var err error
	if next.dir, err = w.vfs.GetDentryAt(w.ctx, w.creds, e.at, &vfs.GetDentryOptions{}); err != nil {
		return nil // it has gone, as what is not held may
	}
	defer next.dir.DecRef(w.ctx)
	if e.below != nil && typeOf(&e.image) == linux.S_IFDIR {
		if next.below, err = w.vfs.GetDentryAt(w.ctx, w.creds, e.below, &vfs.GetDentryOptions{}); err == nil {
			defer next.below.DecRef(w.ctx)
		}
	}
	return w.level(next, visit)
}

func child(dir vfs.VirtualDentry, name string) *vfs.PathOperation {
	return &vfs.PathOperation{Root: dir, Start: dir, Path: fspath.Parse(name)}
}

func (w *walker) stat(at *vfs.PathOperation) (linux.Statx, error) {
	return w.vfs.StatAt(w.ctx, w.creds, at, &vfs.StatOptions{Mask: linux.STATX_BASIC_STATS})
}

// typeOf returns the type bits of a mode.
func typeOf(s *linux.Statx) uint16 { return s.Mode & linux.S_IFMT }

// isWhiteout tells whether an entry of the upper layer says that the one below it
// is gone, as overlay file systems write that.
func isWhiteout(s *linux.Statx) bool {
	return typeOf(s) == linux.S_IFCHR && s.RdevMajor == 0 && s.RdevMinor == 0
}

// overlayPrefix begins the attributes with which an overlay keeps its own books.
const overlayPrefix = linux.XATTR_TRUSTED_PREFIX + "overlay."

// opaque tells whether a directory of the upper layer hides what is below it.
func (w *walker) opaque(dir vfs.VirtualDentry) bool {
	v, err := w.vfs.GetXattrAt(w.ctx, w.creds, &vfs.PathOperation{Root: dir, Start: dir},
		&vfs.GetXattrOptions{Name: overlayPrefix + "opaque", Size: 1})
	return err == nil && v == "y"
}

// names lists a directory. With errBound come the first names of one that has
// too many.
func (w *walker) names(dir vfs.VirtualDentry) (names []string, err error) {
	f, err := w.vfs.OpenAt(w.ctx, w.creds, &vfs.PathOperation{Root: dir, Start: dir}, &vfs.OpenOptions{Flags: linux.O_RDONLY | linux.O_DIRECTORY})
	if err != nil {
		return nil, nil // as in enter
	}
	defer f.DecRef(w.ctx)
	err = f.IterDirents(w.ctx, vfs.IterDirentsCallbackFunc(func(d vfs.Dirent) error {
		switch {
		case d.Name == "." || d.Name == "..":
		case len(names) == maxNames:
			return errBound
		default:
			names = append(names, d.Name)
		}
		return nil
	}))
	return names, err
}

// readLink returns what a symlink holds.
func (w *walker) readLink(at *vfs.PathOperation) string {
	target, err := w.vfs.ReadlinkAt(w.ctx, w.creds, at)
	if err != nil {
		return ""
	}
	return target
}

// open opens a regular file for reading.
func (w *walker) open(at *vfs.PathOperation) (*vfs.FileDescription, error) {
	return w.vfs.OpenAt(w.ctx, w.creds, at, &vfs.OpenOptions{Flags: linux.O_RDONLY | linux.O_NONBLOCK | linux.O_LARGEFILE})
}

// attrs returns what security.capability of an entry holds, and the names of its
// other attributes.
func (w *walker) attrs(at *vfs.PathOperation) (capability string, names []string) {
	all, err := w.vfs.ListXattrAt(w.ctx, w.creds, at, 0)
	if err != nil || len(all) == 0 {
		return "", nil
	}
	for _, name := range all {
		switch {
		case name == linux.XATTR_SECURITY_CAPABILITY:
			capability, err = w.vfs.GetXattrAt(w.ctx, w.creds, at, &vfs.GetXattrOptions{Name: name, Size: linux.XATTR_SIZE_MAX})
			if err != nil && !linuxerr.Equals(linuxerr.ENODATA, err) {
				names = append(names, name)
			}
		case !strings.HasPrefix(name, overlayPrefix):
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return capability, names
}
