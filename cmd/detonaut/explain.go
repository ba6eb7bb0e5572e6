package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/behavior/story"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/report"
)

func (a *app) explain() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "explain REPORT [FINDING]",
		Short: "Tell in words why a verdict is what it is, down to the events",
		Long: `Explain follows the verdict of a report to its reasons, each to its finding,
what that means and which technique of ATT&CK it is, and to the evidence. A
REPORT is a file that -o json or -o jsonl wrote of one image, the folder of an
image below the directory of --keep, or - for standard input. With the tape
beside it, as --keep leaves them, each event is told as well: what was done, who
did it, and who started that.

With FINDING, the id of a finding, it explains that one alone.`,
		Example: `  detonaut explain tapes/sha256-4f53cda18c2baa0c/
  detonaut explain report.json execution/runs-download
  detonaut scan app:1.2 -o json | detonaut explain -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return fmt.Errorf("%w: name a report, and a finding of it if you like", detonaut.ErrUsage)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			finding := ""
			if len(args) == 2 {
				finding = args[1]
			}
			x, err := a.explanation(cmd.Context(), args[0], finding)
			if err != nil {
				return err
			}
			return a.printResult(format, x, func(w io.Writer) { x.Text(w, a.color(a.stdout)) })
		},
	}
	textOrJSON(cmd, &format)
	return cmd
}

// explanation explains the report that name names, by the tape beside it if there
// is one.
func (a *app) explanation(ctx context.Context, name, finding string) (*report.Explanation, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, reportFile)
	}
	r, err := a.readReport(name)
	if err != nil {
		return nil, err
	}
	x, err := report.Explain(r, finding)
	if err != nil {
		return nil, fmt.Errorf("explain %s: %w", name, err)
	}
	if filepath.Base(name) != reportFile {
		return x, nil
	}
	tapeName := filepath.Join(filepath.Dir(name), tapeFile)
	if _, err := os.Stat(tapeName); errors.Is(err, fs.ErrNotExist) {
		return x, nil
	}
	if err := hear(ctx, x, tapeName); err != nil {
		return nil, fmt.Errorf("explain %s: %w", name, err)
	}
	return x, nil
}

// readReport reads one report from a file, or from standard input.
func (a *app) readReport(name string) (*detonaut.Report, error) {
	in := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open report: %w: %w", detonaut.ErrNotFound, err)
		}
		if err != nil {
			return nil, fmt.Errorf("open report: %w", err)
		}
		defer f.Close()
		in = f
	}
	r, err := report.Read(in, maxReport)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// hear looks the events of x up on its tape, which may be that of another image: then
// it proves nothing.
func hear(ctx context.Context, x *report.Explanation, tapeName string) (err error) {
	t, err := detonate.OpenTape(tapeName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	witness := story.NewWitness(x.Wanted())
	_, err = behavior.Run(sourceFunc(func() (*tape.Event, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e, err := t.Next()
		if err == nil && e.Start != nil && e.Start.Plan.Digest != string(x.Digest) {
			return nil, fmt.Errorf("%w: the tape is of image %s, not of %s", detonaut.ErrCorrupt, e.Start.Plan.Digest, x.Digest)
		}
		return e, err
	}), witness)
	if errors.Is(err, tape.ErrInvalid) && !errors.Is(err, detonaut.ErrCorrupt) {
		err = fmt.Errorf("%w: %w", detonaut.ErrCorrupt, err)
	}
	if err != nil {
		return err
	}
	return x.Hear(witness)
}

// sourceFunc makes a source of events of a function.
type sourceFunc func() (*tape.Event, error)

func (f sourceFunc) Next() (*tape.Event, error) { return f() }
