package vulndb

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/fetch"
)

const partPrefix = "download-"

func partName(d detonaut.Digest) string {
	return partPrefix + strings.TrimPrefix(string(d), "sha256:") + ".part"
}

// sources are the latest.json of the publisher and of its mirrors, in their order.
func (s *Store) sources() (all []*url.URL, err error) {
	for _, base := range append([]string{s.o.URL}, s.o.Mirrors...) {
		u, err := latestURL(base)
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}

// offer is what the first source says that answers, and that source with those behind
// it: who tells of a database is asked for it first.
func (s *Store) offer(ctx context.Context) (*latest, []*url.URL, error) {
	all, err := s.sources()
	if err != nil {
		return nil, nil, err
	}
	s.o.Progress(Progress{Doing: "looking for a newer database"})
	var errs []error
	for i, u := range all {
		var l *latest
		err := fetch.Again(ctx, func() (bool, error) {
			l, err = s.readLatest(ctx, u)
			return false, err
		})
		if err == nil {
			return l, append(all[i:len(all):len(all)], all[:i]...), nil
		}
		if ctx.Err() != nil {
			return nil, nil, err
		}
		errs = append(errs, fmt.Errorf("%s: %w", show(u), err))
	}
	return nil, nil, errors.Join(errs...)
}

func (s *Store) readLatest(ctx context.Context, u *url.URL) (*latest, error) {
	resp, err := s.client.Get(ctx, u, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxLatest+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxLatest {
		return nil, fmt.Errorf("%w: more than %d bytes", detonaut.ErrLimit, maxLatest)
	}
	return parseLatest(b)
}

// show is u without a password.
func show(u *url.URL) string { return u.Redacted() }

// download gets the archive that l names, from the first source that has it whole, and
// returns where it is and where it came from. What an earlier call left is gone on with.
func (s *Store) download(ctx context.Context, l *latest, from []*url.URL) (file, source string, err error) {
	file = filepath.Join(s.o.Dir, partName(l.Checksum))
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var errs []error
	for _, u := range from {
		at := l.archiveURL(u)
		begun, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return "", "", err
		}
		all := func() error {
			return fetch.Again(ctx, func() (bool, error) { return s.goOn(ctx, at, f, l.Checksum) })
		}
		err = all()
		if begun > 0 && errors.Is(err, detonaut.ErrCorrupt) {
			err = all() // what was gone on with may have been the reason
		}
		if err == nil {
			return file, show(at), nil
		}
		if ctx.Err() != nil || errors.Is(err, fetch.ErrLocal) {
			return "", "", err
		}
		errs = append(errs, fmt.Errorf("%s: %w", show(at), err))
	}
	return "", "", errors.Join(errs...)
}

// goOn appends to f what it lacks, and tells whether something came. It is nil when f
// has all, with the right digest; one with another is emptied.
func (s *Store) goOn(ctx context.Context, u *url.URL, f *os.File, want detonaut.Digest) (came bool, err error) {
	came, err = s.client.Append(ctx, u, f, fetch.Part{
		Most:     s.o.MaxCompressed,
		Progress: func(done, total int64) { s.o.Progress(Progress{Doing: "downloading", Done: done, Total: total}) },
	})
	if errors.Is(err, detonaut.ErrLimit) {
		return came, fmt.Errorf("%w (vulnerabilities.max_compressed)", err)
	}
	if err != nil {
		return came, err
	}
	return came, s.verify(f, want)
}

// verify empties f if its digest is another.
func (s *Store) verify(f *os.File, want detonaut.Digest) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%w: %w", fetch.ErrLocal, err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("%w: %w", fetch.ErrLocal, err)
	}
	if got := detonaut.Digest(fmt.Sprintf("sha256:%x", sum.Sum(nil))); got != want {
		return errors.Join(fmt.Errorf("%w: the archive has the digest %s, and latest.json says %s", detonaut.ErrCorrupt, got, want), fetch.Empty(f))
	}
	return nil
}
