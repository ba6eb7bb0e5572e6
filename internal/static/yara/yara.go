// Package yara gives files to a YARA command that is installed, with rules of the user's:
// yr, which is YARA-X, or yara with its yarac.
//
// Rules are compiled once. The command is a program of its own, in a group of processes
// that is killed at a time limit: a file that breaks it costs that file. One is started
// for many files, because starting it costs more than reading most files does.
package yara

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static"
)

// version changes whenever equal files, rules and commands may yield other findings than
// before.
const version = "1"

// Options say what to use.
type Options struct {
	// Rules are directories, in which files are looked for whose names end in .yar or
	// .yara, and files.
	Rules []string
	// Command is yr or yara, by its path or a name along PATH; empty takes what is there,
	// yr first.
	Command string
	// PerFile is the most time for all rules on one file, in whole seconds; 0 is 10 s.
	PerFile time.Duration
}

const defaultPerFile = 10 * time.Second

// Problem is a file of rules that is not used.
type Problem struct{ File, Reason string }

// Analyzer gives files to the command. It is used by several goroutines at once.
type Analyzer struct {
	engine   engine
	rules    map[name]detonaut.Finding
	summary  map[name]string
	digest   string
	dir      string // of the compiled rules
	perFile  time.Duration
	problems []Problem
}

var (
	_ static.Joint   = (*Analyzer)(nil)
	_ static.Limited = (*Analyzer)(nil)
)

// ErrNone says that there is no command.
var ErrNone = errors.New("no YARA command")

// remedy is what to do when there is none.
const remedy = "install yr (YARA-X) or yara, or name it with yara.command"

// Open finds the command and compiles the rules. Files of rules that do not compile are
// left out; it is an error if none is left. Close it after use.
func Open(ctx context.Context, o Options) (_ *Analyzer, err error) {
	a := &Analyzer{perFile: o.PerFile}
	if a.perFile < time.Second {
		a.perFile = defaultPerFile
	}
	if a.engine, err = find(ctx, o.Command); err != nil {
		return nil, err
	}
	if a.dir, err = os.MkdirTemp("", "detonaut-yara-*"); err != nil {
		return nil, fmt.Errorf("compile YARA rules: %w", err)
	}
	if err := a.compile(ctx, o.Rules); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Close removes the compiled rules.
func (a *Analyzer) Close() error { return os.RemoveAll(a.dir) }

// Installed describes the command that would be used. It is [ErrNone] if there is none.
func Installed(ctx context.Context, command string) (string, error) {
	e, err := find(ctx, command)
	if err != nil {
		return "", err
	}
	return e.describe(), nil
}

// Problems are the files of rules that are not used, by name.
func (a *Analyzer) Problems() []Problem { return a.problems }

// Rules is how many rules are used.
func (a *Analyzer) Rules() int { return len(a.rules) }

// Name of the analyzer.
func (*Analyzer) Name() string { return "yara" }

// Version of the analyzer, the command, and the rules.
func (a *Analyzer) Version() string {
	return strings.Join([]string{version, a.engine.kind() + "-" + a.engine.version(), a.digest[:12]}, "+")
}

// Wants everything that has something in it.
func (*Analyzer) Wants(f static.File) bool { return f.Size > 0 }

// maxTold is how many files of rules a stage names.
const maxTold = 5

// Lack names the files of rules that are not used.
func (a *Analyzer) Lack() (detonaut.State, string) {
	if len(a.problems) == 0 {
		return detonaut.Complete, ""
	}
	var told []string
	for _, p := range a.problems[:min(len(a.problems), maxTold)] {
		told = append(told, p.File+": "+p.Reason)
	}
	return detonaut.Partial, fmt.Sprintf("files of rules left out, because they do not compile: %d (%s)", len(a.problems), strings.Join(told, "; "))
}

// Analyze reads f.
func (a *Analyzer) Analyze(ctx context.Context, f static.File) ([]detonaut.Finding, error) {
	o := a.AnalyzeAll(ctx, []static.File{f})[0]
	return o.Found, o.Err
}
