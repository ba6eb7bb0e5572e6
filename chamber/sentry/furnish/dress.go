package furnish

import (
	"fmt"
	"reflect"
	"unsafe"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/kernfs"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/kernel/auth"
	"gvisor.dev/gvisor/pkg/sentry/vfs"

	"github.com/detonaut/detonaut/chamber/machine"
)

// Dress makes /proc and /sys those of the machine, before anybody has looked into
// them: it takes away what only gVisor has, and adds what gVisor has not. What
// fails leaves gVisor's face, and no subject unrun. A blank face is gVisor's own.
func Dress(t *kernel.Task, face *machine.Face) {
	if face.Blank() {
		return
	}
	f := newFurnisher(t)
	defer f.root.DecRef(t)
	if d, ok := f.directory("/proc", "proc"); ok {
		d.hide("gvisor")
		d.hide("sentry-meminfo")
	}
	cards, hardware := face.Cards(), face.Hardware()
	virtual, class := make(tree), make(tree)
	if len(hardware) > 0 {
		virtual["dmi"] = tree{"id": hardware}
		class["dmi"] = tree{"id": link("../../devices/virtual/dmi/id")}
	}
	net, links := make(tree), make(tree)
	for name, files := range cards {
		net[name], links[name] = files, link("../../devices/virtual/net/"+name)
	}
	virtual["net"], class["net"] = net, links
	if d, ok := f.directory("/sys/devices", "sysfs"); ok {
		d.add(tree{"virtual": virtual})
	}
	if d, ok := f.directory("/sys/class", "sysfs"); ok {
		d.add(class)
	}
}

// tree is a directory of sysfs: each name has a tree, a map of files to their
// contents, or a link.
type tree map[string]any

type link string

// directory is a directory of a file system that gVisor makes up.
type directory struct {
	t     *kernel.Task
	creds *auth.Credentials
	minor uint32
	inos  interface{ NextIno() uint64 }
	inode kernfs.Inode
}

// directory finds that of a path, if it is on a file system of that type.
func (f furnisher) directory(path, fsType string) (directory, bool) {
	vd, err := f.t.Kernel().VFS().GetDentryAt(f.t, f.creds, f.at(path), &vfs.GetDentryOptions{})
	if err != nil {
		return directory{}, false
	}
	defer vd.DecRef(f.t)
	fs := vd.Mount().Filesystem()
	dentry, ok := vd.Dentry().Impl().(*kernfs.Dentry)
	inos, countable := fs.Impl().(interface{ NextIno() uint64 })
	stat, err := f.t.Kernel().VFS().StatAt(f.t, f.creds, f.at(path), &vfs.StatOptions{Mask: linux.STATX_INO})
	if !ok || !countable || err != nil || fs.FilesystemType().Name() != fsType {
		return directory{}, false
	}
	return directory{f.t, f.creds, stat.DevMinor, inos, dentry.Inode()}, true
}

// add puts entries into the directory. None may be there.
func (d directory) add(entries tree) {
	if into, ok := d.inode.(interface {
		Populate(map[string]kernfs.Inode) uint32
		IncLinks(uint32)
	}); ok {
		into.IncLinks(into.Populate(d.inodes(entries)))
	}
}

func (d directory) inodes(entries tree) map[string]kernfs.Inode {
	all := make(map[string]kernfs.Inode, len(entries))
	for name, entry := range entries {
		switch e := entry.(type) {
		case tree:
			all[name] = d.newDir(d.inodes(e))
		case map[string]string:
			files := make(map[string]kernfs.Inode, len(e))
			for name, text := range e {
				files[name] = d.newFile(name, text)
			}
			all[name] = d.newDir(files)
		case link:
			all[name] = kernfs.NewStaticSymlink(d.t, d.creds, linux.UNNAMED_MAJOR, d.minor, d.inos.NextIno(), string(e))
		}
	}
	return all
}

// sysDir and sysFile are what sysfs is made of.
type (
	sysDir  struct{ kernfs.StaticDirectory }
	sysFile struct {
		kernfs.DynamicBytesFile
		vfs.StaticData
	}
)

func (d directory) newDir(children map[string]kernfs.Inode) kernfs.Inode {
	dir := new(sysDir)
	dir.Init(d.t, d.creds, linux.UNNAMED_MAJOR, d.minor, d.inos.NextIno(), 0o755, kernfs.GenericDirectoryFDOptions{SeekEnd: kernfs.SeekEndStaticEntries})
	dir.InitRefs()
	dir.OrderedChildren.Init(kernfs.OrderedChildrenOptions{})
	dir.IncLinks(dir.Populate(children))
	return dir
}

func (d directory) newFile(name, text string) kernfs.Inode {
	mode := linux.FileMode(0o444)
	if machine.Private(name) {
		mode = 0o400
	}
	file := &sysFile{StaticData: vfs.StaticData{Data: text}}
	file.Init(d.t, d.creds, linux.UNNAMED_MAJOR, d.minor, d.inos.NextIno(), file, mode)
	return file
}

// StatFS implements kernfs.Inode.
func (*sysDir) StatFS(context.Context, *vfs.Filesystem) (linux.Statfs, error) {
	return vfs.GenericStatFS(linux.SYSFS_MAGIC), nil
}

// StatFS implements kernfs.Inode.
func (*sysFile) StatFS(context.Context, *vfs.Filesystem) (linux.Statfs, error) {
	return vfs.GenericStatFS(linux.SYSFS_MAGIC), nil
}

// hide takes an entry away. gVisor made it to stay, and says so in fields that it
// does not export.
func (d directory) hide(name string) {
	children, ok := d.inode.(interface {
		kernfs.Inode
		Lookup(context.Context, string) (kernfs.Inode, error)
	})
	if !ok {
		return
	}
	child, err := children.Lookup(d.t, name)
	if err != nil {
		return
	}
	defer child.DecRef(d.t)
	ordered := reflect.ValueOf(d.inode).Elem().FieldByName("OrderedChildren")
	slot := settable(ordered.FieldByName("set")).MapIndex(reflect.ValueOf(name))
	writable := settable(ordered.FieldByName("writable"))
	settable(slot.Elem().FieldByName("static")).SetBool(false)
	writable.SetBool(true)
	defer writable.SetBool(false)
	if err := d.inode.Unlink(d.t, name, child); err != nil {
		panic(fmt.Sprintf("hide /proc/%s: %v", name, err)) // another version of gVisor
	}
}

// settable lifts the protection of an unexported field.
func settable(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
}
