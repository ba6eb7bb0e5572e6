package vulndb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/lock"
	"github.com/detonaut/detonaut/internal/static/vuln"
)

const (
	tmpPrefix = "tmp-"
	// stamp is how a folder names when its database was built.
	stamp = "20060102T150405Z"
)

// Update gets the newest database that the publisher offers, and has it used. It is
// false when the one in use is as new.
func (s *Store) Update(ctx context.Context) (updated bool, err error) {
	err = s.change(ctx, func() error {
		l, from, err := s.offer(ctx)
		if err != nil {
			return err
		}
		if s.isCurrent(l) {
			return nil
		}
		if err := s.sweep(l.Checksum); err != nil {
			return err
		}
		file, source, err := s.download(ctx, l, from)
		if err != nil {
			return fmt.Errorf("download: %w", err)
		}
		if err := s.install(ctx, file, source); err != nil {
			// The digest was right: another download will be no better.
			return errors.Join(fmt.Errorf("%s: %w", source, err), os.Remove(file))
		}
		updated = true
		return os.Remove(file)
	})
	if err != nil {
		return false, fmt.Errorf("update vulnerability database: %w", err)
	}
	return updated, nil
}

// isCurrent tells whether the database in use is as new as l, and fit for use.
func (s *Store) isCurrent(l *latest) bool {
	e := inspect(s.link())
	return e.Problem == "" && e.Client == vuln.Client() && !l.Built.After(e.Built)
}

// Import takes a database from a file, which is a database or an archive that has one,
// and has it used, even if it is older than the one before it. Instead of a file it may
// be the folder in which a database is; if that is one of the store's own it is not
// copied.
func (s *Store) Import(ctx context.Context, file string) error {
	whole, err := filepath.Abs(file)
	if err == nil {
		err = s.change(ctx, func() error { return s.take(ctx, whole) })
	}
	if err != nil {
		return fmt.Errorf("import %s: %w", file, err)
	}
	return nil
}

func (s *Store) take(ctx context.Context, file string) error {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", detonaut.ErrNotFound, err)
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return s.install(ctx, file, file)
	}
	parent, err := os.Stat(filepath.Dir(file))
	if err != nil {
		return err
	}
	own, err := os.Stat(s.o.Dir)
	if err != nil {
		return err
	}
	if name := filepath.Base(file); os.SameFile(parent, own) && nameRE.MatchString(name) {
		s.o.Progress(Progress{Doing: "checking"})
		if _, err := check(ctx, file); err != nil {
			return err
		}
		return s.use(name)
	}
	file = filepath.Join(file, vuln.FileName)
	return s.install(ctx, file, file)
}

// install makes a database of a file, checks it, and has it used.
func (s *Store) install(ctx context.Context, file, source string) error {
	in, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", detonaut.ErrNotFound, err)
	}
	if err != nil {
		return err
	}
	defer in.Close()
	tmp, err := os.MkdirTemp(s.o.Dir, tmpPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	digest, err := s.extract(ctx, in, tmp)
	if err != nil {
		return err
	}
	s.o.Progress(Progress{Doing: "indexing"})
	record := vuln.Record{Digest: digest, Source: source, Imported: time.Now().UTC().Truncate(time.Second)}
	if err := vuln.Prepare(ctx, tmp, record); err != nil {
		return err
	}
	s.o.Progress(Progress{Doing: "checking"})
	info, err := check(ctx, tmp)
	if err != nil {
		return err
	}
	name := info.Built.Format(stamp) + "-" + strings.TrimPrefix(string(digest), "sha256:")[:12]
	if err := s.place(ctx, tmp, name); err != nil {
		return err
	}
	return s.use(name)
}

func (s *Store) extract(ctx context.Context, in *os.File, tmp string) (detonaut.Digest, error) {
	info, err := in.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: %s is no file", detonaut.ErrUsage, in.Name())
	}
	out, err := os.OpenFile(filepath.Join(tmp, vuln.FileName), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644) //nolint:gosec // it is no secret
	if err != nil {
		return "", err
	}
	from := &followed{from: in, progress: s.o.Progress, total: info.Size()}
	digest, err := unpack(ctx, from, out, s.o.MaxUncompressed)
	return digest, errors.Join(err, out.Close())
}

// check opens what was made, as a scan would, and reads all of it.
func check(ctx context.Context, folder string) (info detonaut.Database, err error) {
	d, err := vuln.OpenFolder(folder, vuln.Options{})
	if err != nil {
		return info, err
	}
	return d.Info(), errors.Join(d.Verify(ctx), d.Close())
}

// place gives a folder its name, and sees to it that it is on the disk. What has the
// name already is the same database, and stays if it is sound: it may be in use.
func (s *Store) place(ctx context.Context, tmp, name string) error {
	to := filepath.Join(s.o.Dir, name)
	if there := inspect(to); there.Problem == "" && there.Client == vuln.Client() {
		if _, err := check(ctx, to); err == nil {
			return nil
		}
	}
	for _, file := range []string{vuln.FileName, vuln.ImportName, vuln.RecordName, ""} {
		if err := flush(filepath.Join(tmp, file)); err != nil {
			return err
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil { //nolint:gosec // others may use it, if they may enter the directory
		return err
	}
	old := filepath.Join(s.o.Dir, tmpPrefix+name)
	if err := os.Rename(to, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(tmp, to); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

// use has the database of that name used from now on.
func (s *Store) use(name string) error {
	before, err := os.Readlink(s.link())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	next := filepath.Join(s.o.Dir, tmpPrefix+"link")
	if err := os.Symlink(name, next); err != nil {
		return err
	}
	if err := os.Rename(next, s.link()); err != nil {
		return err
	}
	if err := flush(s.o.Dir); err != nil {
		return err
	}
	return s.prune(name, before)
}

// prune removes all databases but the one in use and the one before it, and those that
// somebody has open.
func (s *Store) prune(name, before string) error {
	all, err := s.List()
	if err != nil {
		return err
	}
	if before == name || before == "" {
		before = ""
		for _, e := range all { // the newest first
			if filepath.Base(e.Path) != name && e.Problem == "" {
				before = filepath.Base(e.Path)
				break
			}
		}
	}
	for _, e := range all {
		if base := filepath.Base(e.Path); base != name && base != before {
			if err := remove(e.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove takes away a database that nobody has open.
func remove(folder string) error {
	f, err := os.Open(filepath.Join(folder, vuln.FileName))
	if err == nil {
		defer f.Close()
		if ok, err := lock.Try(f); err != nil || !ok {
			return err
		}
	}
	return os.RemoveAll(folder)
}

// flush has the system write a file or a folder to the disk.
func flush(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// followed tells how much was read.
type followed struct {
	from        io.Reader
	progress    func(Progress)
	done, total int64
}

func (f *followed) Read(b []byte) (int, error) {
	n, err := f.from.Read(b)
	f.done += int64(n)
	f.progress(Progress{Doing: "unpacking", Done: f.done, Total: f.total})
	return n, err
}
