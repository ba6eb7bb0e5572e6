package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report"
)

// outputs are the writers that -o asked for.
type outputs struct {
	writers []report.Writer
	files   []*os.File
}

// addOutputFlag gives cmd the flag -o for reports.
func addOutputFlag(cmd *cobra.Command, specs *[]string) {
	names := make([]string, 0, len(report.Formats()))
	for _, f := range report.Formats() {
		names = append(names, string(f))
	}
	cmd.Flags().StringArrayVarP(specs, "output", "o", []string{string(report.Table)},
		"`FORMAT[=FILE]` of the results, may be given more than once: "+strings.Join(names, ", "))
	// It fails for a flag that is not there only.
	_ = cmd.RegisterFlagCompletionFunc("output", completeOutput)
}

// completeOutput completes the formats, and behind = the files of the shell.
func completeOutput(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	if strings.Contains(typed, "=") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var all []string
	for _, f := range report.Formats() {
		all = append(all, string(f)+"\t"+report.Describe(f))
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// openOutputs opens every FORMAT[=FILE] of specs. The caller closes them.
func (a *app) openOutputs(specs []string, many bool) (_ *outputs, err error) {
	o := &outputs{}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.closeFiles())
		}
	}()
	onStdout := false
	for _, spec := range specs {
		format, name, toFile := strings.Cut(spec, "=")
		w := a.stdout
		switch {
		case toFile && name == "":
			return nil, fmt.Errorf("%w: -o %s: no file after =", detonaut.ErrUsage, spec)
		case !toFile && onStdout:
			return nil, fmt.Errorf("%w: -o %s: only one format can go to standard output: use -o %s=FILE", detonaut.ErrUsage, spec, format)
		case !toFile:
			onStdout = true
		}
		// An unknown format must not cost the contents of a file.
		if _, err := report.New(report.Format(format), io.Discard, report.Options{}); err != nil {
			return nil, fmt.Errorf("-o %s: %w", spec, err)
		}
		if toFile {
			f, err := os.Create(name)
			if err != nil {
				return nil, fmt.Errorf("open output: %w", err)
			}
			o.files = append(o.files, f)
			w = f
		}
		rw, err := report.New(report.Format(format), w, report.Options{Many: many, Color: !toFile && a.color(a.stdout)})
		if err != nil {
			return nil, err
		}
		o.writers = append(o.writers, rw)
	}
	return o, nil
}

func (o *outputs) write(r *detonaut.Report) error {
	for _, w := range o.writers {
		if err := w.Write(r); err != nil {
			return err
		}
	}
	return nil
}

func (o *outputs) close() error {
	var errs []error
	for _, w := range o.writers {
		errs = append(errs, w.Close())
	}
	return errors.Join(append(errs, o.closeFiles())...)
}

func (o *outputs) closeFiles() error {
	var errs []error
	for _, f := range o.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// textOrJSON gives cmd the flag -o for results that are no reports.
func textOrJSON(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVarP(format, "output", "o", "text", "`FORMAT` of the result: text, json")
}

// printResult writes v as JSON, or calls text.
func (a *app) printResult(format string, v any, text func(io.Writer)) error {
	switch format {
	case "text":
		return a.printText(text)
	case "json":
		b, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return fmt.Errorf("encode result: %w", err)
		}
		if _, err := a.stdout.Write(append(report.EscapeJSON(b), '\n')); err != nil {
			return fmt.Errorf("write result: %w", err)
		}
		return nil
	}
	return fmt.Errorf("%w: unknown format %q: use text, json", detonaut.ErrUsage, format)
}

// printText writes what text writes, at once, so that an error is not lost.
func (a *app) printText(text func(io.Writer)) error {
	var b bytes.Buffer
	text(&b)
	if _, err := a.stdout.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}
