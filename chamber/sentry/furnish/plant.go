package furnish

import (
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/errors/linuxerr"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/kernel/auth"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
	"gvisor.dev/gvisor/pkg/usermem"
)

// age is how long ago whatever is planted was put there, as its times say.
const age = 47*24*time.Hour + 5*time.Hour + 31*time.Minute

// A Plant is a file that is made where nothing is, and stays unseen by whoever
// does not look for it.
type Plant struct {
	// Path is made, with the directories that are missing below Base. That must
	// be there, and keeps its times.
	Path string `json:"path"`
	Base string `json:"base"`
	// Mode is that of the file; it and the directories are of UID and GID.
	Mode    uint32 `json:"mode"`
	UID     uint32 `json:"uid"`
	GID     uint32 `json:"gid"`
	Content []byte `json:"content"`
	// Bait is the kind of bait that it is.
	Bait string `json:"bait"`
}

// Planted is what was planted. Its methods may be called from any goroutine.
type Planted struct {
	files map[string]string // kinds of bait by path; it does not change

	mu   sync.Mutex
	dirs map[string]bool // that were made, and that nobody has made since
}

// Plant makes the files of the setup, before t has read anything. What cannot be
// made is not planted: something is in its place, or there is no place.
func (s *Setup) Plant(t *kernel.Task) *Planted {
	f := newFurnisher(t)
	defer f.root.DecRef(t)
	done := &Planted{files: make(map[string]string), dirs: make(map[string]bool)}
	times := f.times(s.Plants)
	for i := range s.Plants {
		p := &s.Plants[i]
		if f.plant(p, done.dirs) == nil {
			done.files[p.Path] = p.Bait
		}
	}
	for dir := range done.dirs {
		times[dir] = f.before(age)
	}
	for dir, stat := range times {
		_ = f.set(dir, stat) // a time that is wrong is no reason to be without
	}
	return done
}

// before gives something the times of so long ago.
func (f furnisher) before(d time.Duration) linux.Statx {
	then := linux.NsecToStatxTimestamp(f.t.Kernel().RealtimeClock().Now().Nanoseconds() - int64(d))
	return linux.Statx{Mask: linux.STATX_ATIME | linux.STATX_MTIME, Atime: then, Mtime: then}
}

// times are those of the directories that something is planted in.
func (f furnisher) times(plants []Plant) map[string]linux.Statx {
	all := make(map[string]linux.Statx)
	for i := range plants {
		base := plants[i].Base
		if _, ok := all[base]; ok {
			continue
		}
		stat, err := f.t.Kernel().VFS().StatAt(f.t, f.creds, f.at(base), &vfs.StatOptions{Mask: linux.STATX_ATIME | linux.STATX_MTIME})
		if err == nil {
			stat.Mask = linux.STATX_ATIME | linux.STATX_MTIME
			all[base] = stat
		}
	}
	return all
}

// plant makes one file. dirs has the directories that were made, and gets those
// that are.
func (f furnisher) plant(p *Plant, dirs map[string]bool) error {
	owner := linux.Statx{Mask: linux.STATX_UID | linux.STATX_GID, UID: p.UID, GID: p.GID}
	rest := strings.TrimPrefix(path.Dir(p.Path), p.Base)
	dir := p.Base
	for name := range strings.SplitSeq(strings.Trim(rest, "/"), "/") {
		if name == "" {
			break
		}
		dir = path.Join(dir, name)
		at := f.at(dir)
		at.FollowFinalSymlink = false
		err := f.t.Kernel().VFS().MkdirAt(f.t, f.creds, at, &vfs.MkdirOptions{Mode: dirMode(p.Mode)})
		if linuxerr.Equals(linuxerr.EEXIST, err) {
			continue
		}
		if err == nil {
			err = f.set(dir, owner)
		}
		if err != nil {
			return fmt.Errorf("make %s: %w", dir, err)
		}
		dirs[dir] = true
	}
	at := f.at(p.Path)
	at.FollowFinalSymlink = false
	file, err := f.t.Kernel().VFS().OpenAt(f.t, f.creds, at, &vfs.OpenOptions{
		Flags: linux.O_WRONLY | linux.O_CREAT | linux.O_EXCL | linux.O_LARGEFILE, Mode: linux.FileMode(p.Mode),
	})
	if err != nil {
		return fmt.Errorf("make it: %w", err)
	}
	defer file.DecRef(f.t)
	if _, err := file.PWrite(f.t, usermem.BytesIOSequence(p.Content), 0, vfs.WriteOptions{}); err != nil {
		return fmt.Errorf("write it: %w", err)
	}
	stat := f.before(age)
	stat.Mask |= owner.Mask
	stat.UID, stat.GID = owner.UID, owner.GID
	if err := f.set(p.Path, stat); err != nil { // the file itself would go by the rights of t
		return fmt.Errorf("give it away: %w", err)
	}
	return nil
}

// dirMode is that of the directory of a file: as closed as the file is.
func dirMode(file uint32) linux.FileMode {
	if file&0o004 != 0 {
		return 0o755
	}
	return 0o700
}

func (f furnisher) set(name string, stat linux.Statx) error {
	return f.t.Kernel().VFS().SetStatAt(f.t, f.creds, f.at(name), &vfs.SetStatOptions{Stat: stat})
}

// At is the kind of bait that was planted at a path; empty for none.
func (p *Planted) At(name string) string {
	if p == nil {
		return ""
	}
	return p.files[name]
}

// Below is the kind of what was planted at a path, or the first by name of what
// was below it.
func (p *Planted) Below(name string) string {
	if kind := p.At(name); kind != "" || p == nil || name == "" {
		return kind
	}
	dir, first := strings.TrimSuffix(name, "/")+"/", ""
	for file, kind := range p.files {
		if strings.HasPrefix(file, dir) && (first == "" || kind < first) {
			first = kind
		}
	}
	return first
}

// Made notes that t made a directory, or could not since one was there: err tells.
// A directory that was planted yields to its owner, who would be surprised, and
// is as if it were made just now; once. It tells whether it did.
func (p *Planted) Made(t *kernel.Task, name string, mode linux.FileMode, err error) (yielded bool) {
	if p == nil || err != nil && !linuxerr.Equals(linuxerr.EEXIST, err) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dirs[name] {
		return false
	}
	if err == nil { // ours was gone
		delete(p.dirs, name)
		return false
	}
	f := newFurnisher(t)
	defer f.root.DecRef(t)
	stat, err := t.Kernel().VFS().StatAt(t, f.creds, f.at(name), &vfs.StatOptions{Mask: linux.STATX_UID})
	if err != nil || auth.KUID(stat.UID) != t.Credentials().EffectiveKUID {
		return false
	}
	delete(p.dirs, name)
	stat = f.before(0)
	stat.Mask |= linux.STATX_MODE
	stat.Mode = uint16(mode &^ linux.FileMode(t.FSContext().Umask()))
	return f.set(name, stat) == nil
}
