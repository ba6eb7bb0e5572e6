package detonate

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Bounds on a walk along hostile links. Linux follows 40 links in one path.
const (
	maxLinks = 40
	maxSteps = 4096
	maxPath  = 4096
)

// badPath is what is wrong with a path of the subject, beside its not
// existing, which is fs.ErrNotExist.
type badPath string

func (e badPath) Error() string { return string(e) }

const (
	errLinks  = badPath("too many levels of symbolic links")
	errLong   = badPath("a path that is too long")
	errNotDir = badPath("a part of the path is not a directory")
)

// rootFS resolves the paths of a subject inside its root file system, as the
// kernel would after chroot: ".." stops at the root, and absolute links start
// there.
type rootFS struct{ fs.FS }

// resolve follows name, relative to dir unless absolute, and returns the path
// without links, relative to the root as io/fs wants it, and what is there.
func (r rootFS) resolve(dir, name string) (string, fs.FileInfo, error) {
	real, _, info, err := r.follow(dir, name)
	if err != nil {
		return "", nil, err
	}
	return real, info, nil
}

// place returns where name is, or would be if it were made together with the
// directories that it lacks: a link that leads nowhere is followed too.
func (r rootFS) place(name string) (string, error) {
	real, rest, info, err := r.follow("/", name)
	switch {
	case err == nil:
		return real, nil
	case !errors.Is(err, fs.ErrNotExist) || len(rest) == 0:
		return "", err
	case !info.IsDir():
		return "", errNotDir
	case slices.Contains(rest, ".."): // of a directory that does not exist
		return "", err
	}
	return path.Join(append([]string{real}, rest...)...), nil
}

// follow resolves as far as there is something. When a part does not exist,
// the error is fs.ErrNotExist, real and info are the directory that lacks it,
// and rest is that part and what comes after it.
func (r rootFS) follow(dir, name string) (real string, rest []string, info fs.FileInfo, err error) {
	if len(dir)+len(name) > maxPath {
		return "", nil, nil, errLong
	}
	if !path.IsAbs(name) {
		name = dir + "/" + name
	}
	rest = strings.Split(name, "/")
	real, links := ".", 0
	if info, err = fs.Lstat(r.FS, real); err != nil {
		return "", nil, nil, err
	}
	for steps := 0; len(rest) > 0; steps++ {
		if steps > maxSteps {
			return "", nil, nil, errLong
		}
		part := rest[0]
		if !info.IsDir() {
			return "", nil, nil, errNotDir
		}
		var next string
		switch part {
		case "", ".":
			rest = rest[1:]
			continue
		case "..":
			next = path.Dir(real)
		default:
			next = path.Join(real, part)
		}
		found, err := fs.Lstat(r.FS, next)
		if err != nil {
			return real, rest, info, err
		}
		rest = rest[1:]
		if found.Mode().Type() != fs.ModeSymlink {
			real, info = next, found
			continue
		}
		if links++; links > maxLinks {
			return "", nil, nil, errLinks
		}
		target, err := fs.ReadLink(r.FS, next)
		if err != nil {
			return "", nil, nil, err
		}
		if target == "" || len(target) > maxPath {
			return "", nil, nil, errLong
		}
		if path.IsAbs(target) {
			real = "."
			if info, err = fs.Lstat(r.FS, real); err != nil {
				return "", nil, nil, err
			}
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return real, nil, info, nil
}

// head returns up to n bytes of the start of a file that resolve found.
func (r rootFS) head(real string, n int64) (_ []byte, err error) {
	f, err := r.Open(real)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, n))
}

// emptyOrMissing tells whether there is nothing that a mount over a directory
// of the root would hide.
func (r rootFS) emptyOrMissing(name string) (_ bool, err error) {
	info, err := fs.Lstat(r.FS, name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil || !info.IsDir() {
		return false, err
	}
	f, err := r.Open(name)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	dir, ok := f.(fs.ReadDirFile)
	if !ok {
		return false, nil
	}
	entries, err := dir.ReadDir(1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return len(entries) == 0, err
}

// shown makes a string of the subject fit for a message: quoted if it is
// anything but plain, and cut if long.
func shown(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most] + "..."
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == '"' || s[i] == '\\' {
			return strconv.Quote(s)
		}
	}
	return s
}
