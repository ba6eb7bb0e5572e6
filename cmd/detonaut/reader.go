package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/static/all"
	"github.com/detonaut/detonaut/internal/static/malicious"
	"github.com/detonaut/detonaut/internal/static/memory"
	"github.com/detonaut/detonaut/internal/static/secret"
	"github.com/detonaut/detonaut/internal/static/suppress"
	"github.com/detonaut/detonaut/internal/static/vuln"
	"github.com/detonaut/detonaut/internal/static/vuln/vulndb"
)

// readFlags are the flags of commands that read images.
var readFlags = []string{"ignore", "vex", "all-layers", "memory-size", "db-dir", "yara-rules", "clamd", "model"}

// closers are what is open for as long as a command runs.
type closers []io.Closer

func (c closers) close() error {
	var errs []error
	for _, one := range c {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

// reader makes what reads images as the configuration says, and what ends its use. What
// it remembers, a salt and a database are worth no failure, if they are only missing.
func (a *app) reader(ctx context.Context, cfg *config.Loaded, books *ruleBooks) (_ *all.Reader, done func() error, err error) {
	var open closers
	defer func() {
		if err != nil {
			err = errors.Join(err, open.close())
		}
	}()
	r := &all.Reader{Analyzers: books.analyzers(), Malware: books.source, Hidden: cfg.Static.AllLayers, Warn: a.warnOnce(), Malicious: slices.Clone(books.malicious)}
	outside, opened := a.outside(ctx, cfg, r.Warn)
	r.Analyzers, open = append(r.Analyzers, outside...), append(open, opened...)
	if r.Suppressed, err = suppress.Load(suppressions(cfg.Static)); err != nil {
		return nil, nil, err
	}
	dir, err := vulnerabilitiesDir(cfg.Vulnerabilities)
	if err != nil {
		return nil, nil, err
	}
	if r.Database, err = vuln.Open(dir, vuln.Options{MaxAge: cfg.Vulnerabilities.MaxAge}); err != nil {
		r.NoDatabase = vuln.Unavailable(err) // the rest can be read all the same
	} else {
		open = append(open, r.Database)
	}
	switch imported, err := malicious.Open(dir); {
	case errors.Is(err, detonaut.ErrNotFound):
	case err != nil:
		r.Malicious = append(r.Malicious, malicious.Unreadable{Err: err})
	default:
		r.Malicious, open = append(r.Malicious, imported), append(open, imported)
	}
	if r.Secrets.Salt, err = a.salt(cfg.Static); err != nil {
		r.Warn("secrets have no hashes to tell equal ones by: " + err.Error())
	}
	if m, err := a.memory(ctx, cfg); err != nil {
		r.Warn("nothing is remembered of earlier images: " + err.Error())
	} else if m != nil {
		r.Memory, open = m, append(open, m)
	}
	return r, open.close, nil
}

// warnOnce shows each warning once, however many images there are.
func (a *app) warnOnce() func(string) {
	var mu sync.Mutex
	shown := map[string]bool{}
	return func(text string) {
		mu.Lock()
		defer mu.Unlock()
		if !shown[text] && !a.quiet {
			fmt.Fprintf(a.stderr, "detonaut: warning: %s\n", report.Escape(text))
		}
		shown[text] = true
	}
}

// suppressions are the files of a configuration, and that of the working directory if
// there is one and no other is named.
func suppressions(c config.Static) suppress.Files {
	files := suppress.Files{Ignore: c.Ignore, VEX: c.VEX}
	if len(files.Ignore) == 0 {
		if _, err := os.Stat(suppress.DefaultFile); err == nil {
			files.Ignore = []string{suppress.DefaultFile}
		}
	}
	return files
}

func vulnerabilitiesDir(c config.Vulnerabilities) (string, error) {
	if c.Dir != "" {
		return c.Dir, nil
	}
	return vulndb.DefaultDir()
}

// memory is nil if the configuration wants none.
func (a *app) memory(ctx context.Context, cfg *config.Loaded) (*memory.Memory, error) {
	if cfg.Static.Memory == 0 {
		return nil, nil
	}
	dir := cfg.Image.Cache
	if dir == "" {
		var err error
		if dir, err = image.DefaultCacheDir(); err != nil {
			return nil, err
		}
	}
	return memory.Open(ctx, memory.Options{Dir: dir, Bytes: int64(cfg.Static.Memory)})
}

// saltSize is how many bytes a new salt has.
const saltSize = 32

// salt is the secret of this installation by which hashes of secrets are made. It is
// made when there is none.
func (a *app) salt(c config.Static) ([]byte, error) {
	name := c.Salt
	if name == "" {
		file := config.Path(a.env)
		if file == "" {
			return nil, errors.New("the environment has neither XDG_CONFIG_HOME nor HOME")
		}
		name = filepath.Join(filepath.Dir(file), "salt")
	}
	b, err := madeOnce(name, saltSize)
	if err != nil {
		return nil, fmt.Errorf("read salt: %w", err)
	}
	if len(b) < secret.MinSalt {
		return nil, fmt.Errorf("read salt: %w: %s has less than %d bytes", detonaut.ErrUsage, name, secret.MinSalt)
	}
	return b, nil
}

// madeOnce is what a file has that nobody else may read. It is made of so many random bytes
// when there is none.
func madeOnce(name string, size int) ([]byte, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		b = make([]byte, size)
		_, _ = rand.Read(b) // it never fails
		if err = os.MkdirAll(filepath.Dir(name), 0o700); err == nil {
			err = writeNew(name, b)
		}
		if errors.Is(err, fs.ErrExist) { // another has just made it
			b, err = os.ReadFile(name)
		}
	}
	return b, err
}

// writeNew writes a file that appears whole, and is not there yet.
func writeNew(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Link(f.Name(), name)
	}
	return errors.Join(err, os.Remove(f.Name()))
}
