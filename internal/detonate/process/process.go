// Package process runs subjects in detonaut-chamber, a process of its own for
// every run: it starts the program, hands it the plan, checks the tape that
// comes back, and sees to it that the program ends.
//
// It knows nothing of what the chamber does inside. Linux only; elsewhere New
// says so.
package process

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/detonaut/detonaut"
)

const (
	// program is the name of the chamber's binary.
	program = "detonaut-chamber"
	// variable names another one.
	variable = "DETONAUT_CHAMBER"
	// exitUnavailable is the exit status by which the chamber says that this
	// machine cannot run the sandbox, with the reason on stderr.
	exitUnavailable = 3
)

// Options of a sandbox. The zero value is useful.
type Options struct {
	// Path is the chamber's binary; empty for that of [Find].
	Path string
	// Log gets what the chamber writes to stderr, at level debug; nil for
	// none. It is called from goroutines of a run, which end with it.
	Log *slog.Logger
	// Grace is how long the chamber may take to end after it was told to;
	// then it is killed. 15 s if 0: on a machine that is busy with others it waits for
	// its turn.
	Grace time.Duration
}

// Find returns the path of the chamber's binary: DETONAUT_CHAMBER, else the
// embedded one of a release build, else the one beside this executable, else
// the one on PATH.
func Find() (string, error) {
	if p := os.Getenv(variable); p != "" {
		if err := executable(p); err != nil {
			return "", fmt.Errorf("%w: %s: %w", detonaut.ErrSandbox, variable, err)
		}
		return filepath.Abs(p)
	}
	if p, err := embedded(); err != nil || p != "" {
		return p, err
	}
	if self, err := os.Executable(); err == nil {
		if self, err = filepath.EvalSymlinks(self); err == nil {
			p := filepath.Join(filepath.Dir(self), program)
			switch err := executable(p); {
			case err == nil:
				return p, nil
			case !errors.Is(err, fs.ErrNotExist):
				return "", fmt.Errorf("%w: %w", detonaut.ErrSandbox, err)
			}
		}
	}
	p, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%w: %s is neither beside this program nor on PATH: run make, or set %s to its path",
			detonaut.ErrSandbox, program, variable)
	}
	return filepath.Abs(p)
}

// executable reports why p is no program, if it is none.
func executable(p string) error {
	info, err := os.Stat(p)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory", p)
	case info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is not executable", p)
	}
	return nil
}
