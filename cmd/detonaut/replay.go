package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/static"
)

// maxReport bounds the report.json beside a tape, in bytes: some times what
// the bounds of a report let it grow to.
const maxReport = 64 << 20

func (a *app) replay() *cobra.Command {
	var output []string
	cmd := &cobra.Command{
		Use:   "replay TAPE...",
		Short: "Judge stored tapes again, without running anything",
		Long: `Replay explains and judges tapes that scan --keep stored, with the rules of
today. A TAPE is a file, of JSON Lines or of zstd of them, or the folder of an
image below the directory of --keep. What the report.json beside a tape knows
of the image is taken over, and what the run left in payloads is read again.

Exit codes are those of scan.`,
		Example: `  detonaut replay tapes/sha256-4f53cda18c2baa0c/
  detonaut replay tape.jsonl.zst --rules ./my-rules -o json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%w: name a tape", detonaut.ErrUsage)
			}
			return nil
		},
	}
	var failOn string
	var strict bool
	addOutputFlag(cmd, &output)
	addThresholdFlags(cmd, &failOn, &strict)
	addConfigFlags(cmd, "rules", "rules-only", "rule-packs")
	cmd.RunE = func(cmd *cobra.Command, tapes []string) (err error) {
		cfg, err := a.load(cmd)
		if err != nil {
			return err
		}
		threshold, err := parseThreshold(failOn, strict)
		if err != nil {
			return err
		}
		books, err := a.loadRules(cfg.Rules, true)
		if err != nil {
			return err
		}
		out, err := a.openOutputs(output, len(tapes) > 1)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, out.close()) }()
		return a.replayAll(cmd.Context(), books.deps(), tapes, threshold, out)
	}
	return cmd
}

// replayAll judges tapes and writes the reports. The error is the exit code
// that they deserve, if nothing else.
func (a *app) replayAll(ctx context.Context, deps pipeline.Deps, tapes []string, t threshold, out *outputs) error {
	code := exitCode(exitDone)
	for _, name := range tapes {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := replayTape(ctx, deps, name)
		if err != nil {
			a.showError(err)
			code = worst(code, exitError)
		}
		if r == nil {
			continue
		}
		code = worst(code, t.code(r))
		if err := out.write(r); err != nil {
			return err
		}
	}
	return code.err()
}

// replayTape judges one tape again. There may be a report beside an error: that
// is of an analyzer then.
func replayTape(ctx context.Context, deps pipeline.Deps, name string) (_ *detonaut.Report, err error) {
	if info, serr := os.Stat(name); serr == nil && info.IsDir() {
		name = filepath.Join(name, tapeFile)
	}
	known, err := knownImage(name)
	if err != nil {
		return nil, err
	}
	t, err := detonate.OpenTape(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	left, err := keptContents(name)
	if err != nil {
		return nil, err
	}
	r, err := pipeline.Replay(ctx, deps, pipeline.Stored{Image: known, Tape: t, Left: left})
	if err != nil {
		err = fmt.Errorf("replay %s: %w", name, err)
	}
	return r, err
}

// keptContents are the payloads and bodies that are kept beside a tape, if any are.
func keptContents(tapeName string) (all []static.File, err error) {
	if filepath.Base(tapeName) != tapeFile {
		return nil, nil
	}
	for _, name := range []string{payloadsDir, bodiesDir} {
		dir := filepath.Join(filepath.Dir(tapeName), name)
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		kept, err := static.Folder(os.DirFS(dir))
		if err != nil {
			return nil, err
		}
		all = append(all, kept...)
	}
	return all, nil
}

// knownImage is what the report beside a tape says of its image. Without one
// it is just the name of the tape.
func knownImage(tapeName string) (detonaut.Image, error) {
	nothing := detonaut.Image{Ref: detonaut.Ref(tapeName)}
	if filepath.Base(tapeName) != tapeFile {
		return nothing, nil
	}
	f, err := os.Open(filepath.Join(filepath.Dir(tapeName), reportFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nothing, nil
	}
	if err != nil {
		return detonaut.Image{}, fmt.Errorf("open report: %w", err)
	}
	defer f.Close()
	r, err := report.Read(f, maxReport)
	if err != nil {
		return detonaut.Image{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return r.Image, nil
}
