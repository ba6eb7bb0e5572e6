package yara

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static"
)

const (
	// maxOutput bounds what a command says of several files, in bytes.
	maxOutput = 16 << 20
	// maxMatches is how many rules one file may match. Whoever matches more matches
	// everything.
	maxMatches = 256
)

// errMatches says that a file matches more rules than are told.
var errMatches = fmt.Errorf("it matches more than %d rules: %w", maxMatches, context.DeadlineExceeded)

// AnalyzeAll reads files.
func (a *Analyzer) AnalyzeAll(ctx context.Context, files []static.File) []static.Outcome {
	s := &scan{Analyzer: a, ctx: ctx, outcomes: make([]static.Outcome, len(files)), seen: make([]bool, len(files))}
	dir, err := os.MkdirTemp("", "detonaut-yara-files-*")
	if err != nil {
		return s.fail(fmt.Errorf("make room for files: %w", err))
	}
	defer func() { _ = os.RemoveAll(dir) }() // below the directory of what is temporary
	s.dir = dir
	var there []int
	for i, f := range files {
		if err := copyTo(filepath.Join(dir, strconv.Itoa(i)), f); err != nil {
			s.outcomes[i].Err = err
			continue
		}
		there = append(there, i)
	}
	s.scan(there)
	return s.outcomes
}

// copyTo writes a content where the command can read it.
func copyTo(path string, f static.File) (err error) {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(in, 0, f.Size))
	return errors.Join(err, out.Close())
}

// scan is an AnalyzeAll in progress. Files are told by their numbers, which are their
// names in dir.
type scan struct {
	*Analyzer
	ctx      context.Context //nolint:containedctx // of the one AnalyzeAll that it is
	dir      string
	outcomes []static.Outcome
	seen     []bool
}

// fail is one error for all.
func (s *scan) fail(err error) []static.Outcome {
	for i := range s.outcomes {
		s.outcomes[i].Err = err
	}
	return s.outcomes
}

// scan reads files together. If the command does not get to the end of them, the first
// that is lacking is to blame, and is read alone; if it tells of none, each half is.
func (s *scan) scan(files []int) {
	if len(files) == 0 {
		return
	}
	err := s.run(files)
	var lacking []int
	for _, i := range files {
		if !s.seen[i] {
			lacking = append(lacking, i)
		}
	}
	switch {
	case len(lacking) == 0:
	case s.ctx.Err() != nil:
		for _, i := range lacking {
			s.outcomes[i].Err = s.ctx.Err()
		}
	case len(files) == 1:
		s.outcomes[files[0]].Err = err
	case len(lacking) == len(files):
		half := len(files) / 2
		s.scan(files[:half])
		s.scan(files[half:])
	default:
		s.scan(lacking[:1])
		s.scan(lacking[1:])
	}
}

// run has the command read files, in their order. The error says why it did not read all
// of them.
func (s *scan) run(files []int) error {
	var names strings.Builder
	for _, i := range files {
		names.WriteString(strconv.Itoa(i) + "\n")
	}
	const list = "list"
	if err := os.WriteFile(filepath.Join(s.dir, list), []byte(names.String()), 0o600); err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	args := s.engine.scan(filepath.Join(s.Analyzer.dir, compiled), list, s.perFile)
	out, complaints, err := command{dir: s.dir, limit: maxOutput, time: s.perFile + grace}.run(s.ctx, args[0], args[1:]...)
	switch {
	case errors.Is(err, errMuch):
		return fmt.Errorf("%w: %w", err, context.DeadlineExceeded)
	case errors.Is(err, context.DeadlineExceeded), strings.Contains(strings.ToLower(complaints), "timed out"), strings.Contains(strings.ToLower(complaints), "timeout"):
		err = fmt.Errorf("%s: %w", s.engine.kind(), context.DeadlineExceeded)
	case err == nil && complaints != "":
		err = errors.New(clip(complaints))
	case err == nil:
		err = errOutput
	}
	if perr := s.take(out); perr != nil {
		return perr
	}
	return err
}

// take takes over what the command said. A last line that was cut off is left out.
func (s *scan) take(out []byte) error {
	out = out[:bytes.LastIndexByte(out, '\n')+1]
	matches, err := s.engine.parse(out, false)
	if err != nil {
		return err
	}
	found := map[int][]detonaut.Finding{}
	done := map[int]bool{}
	for _, m := range matches {
		i, err := strconv.Atoi(strings.TrimPrefix(m.file, s.dir+string(filepath.Separator)))
		if err != nil || i < 0 || i >= len(s.seen) {
			return fmt.Errorf("%w: it tells of a file %.40q", errOutput, m.file)
		}
		if m.space == ownSpace {
			done[i] = true
			continue
		}
		f, ok := s.rules[m.name]
		if !ok {
			return fmt.Errorf("%w: it tells of a rule %.80q", errOutput, m.rule)
		}
		f.Evidence = []detonaut.Evidence{{Summary: s.summary[m.name]}}
		found[i] = append(found[i], f)
	}
	for i := range done {
		if s.seen[i] {
			continue
		}
		s.seen[i] = true
		slices.SortFunc(found[i], func(p, q detonaut.Finding) int { return strings.Compare(p.ID, q.ID) })
		o := static.Outcome{Found: found[i]}
		if len(o.Found) > maxMatches {
			o = static.Outcome{Found: o.Found[:maxMatches], Err: errMatches}
		}
		s.outcomes[i] = o
	}
	return nil
}
