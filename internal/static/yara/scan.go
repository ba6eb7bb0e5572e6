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
	"time"

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
	s := &scan{
		Analyzer: a, ctx: ctx, outcomes: make([]static.Outcome, len(files)),
		seen: make([]bool, len(files)), matched: make([][]match, len(files)),
	}
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
	s.locate()
	for i := range s.outcomes {
		s.tell(i)
	}
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
	matched  [][]match // of each that was seen
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

// run has the command read files. The error says why it did not read all of them.
func (s *scan) run(files []int) error {
	out, complaints, err := s.command(files, s.engine.scan)
	said := strings.ToLower(complaints)
	switch {
	case errors.Is(err, errMuch):
		return fmt.Errorf("%w: %w", err, context.DeadlineExceeded)
	case errors.Is(err, context.DeadlineExceeded), strings.Contains(said, "timed out"), strings.Contains(said, "timeout"):
		err = fmt.Errorf("%s: %w", s.engine.kind(), context.DeadlineExceeded)
	case err == nil && complaints != "":
		err = errors.New(clip(complaints))
	case err == nil:
		err = errOutput
	}
	told, perr := s.parse(out)
	if perr != nil {
		return perr
	}
	for i, matches := range told {
		if !s.seen[i] {
			s.seen[i], s.matched[i] = true, matches
		}
	}
	return err
}

// command runs a command on files, in their order.
func (s *scan) command(files []int, how func(rules, list string, limit time.Duration) []string) (out []byte, complaints string, err error) {
	var names strings.Builder
	for _, i := range files {
		names.WriteString(strconv.Itoa(i) + "\n")
	}
	const list = "list"
	if err := os.WriteFile(filepath.Join(s.dir, list), []byte(names.String()), 0o600); err != nil {
		return nil, "", fmt.Errorf("list files: %w", err)
	}
	args := how(filepath.Join(s.Analyzer.dir, compiled), list, s.perFile)
	return command{dir: s.dir, limit: maxOutput, time: s.perFile + grace}.run(s.ctx, args[0], args[1:]...)
}

// parse reads what the command said of each file of which it told all. A last line that was
// cut off is left out.
func (s *scan) parse(out []byte) (map[int][]match, error) {
	matches, err := s.engine.parse(out[:bytes.LastIndexByte(out, '\n')+1], false)
	if err != nil {
		return nil, err
	}
	open, told := map[int][]match{}, map[int][]match{}
	for _, m := range matches {
		i, err := strconv.Atoi(strings.TrimPrefix(m.file, s.dir+string(filepath.Separator)))
		if err != nil || i < 0 || i >= len(s.seen) {
			return nil, fmt.Errorf("%w: it tells of a file %.40q", errOutput, m.file)
		}
		if m.space == ownSpace {
			told[i] = open[i]
			continue
		}
		if _, ok := s.rules[m.name]; !ok {
			return nil, fmt.Errorf("%w: it tells of a rule %.80q", errOutput, m.rule)
		}
		open[i] = append(open[i], m)
	}
	return told, nil
}

// locate finds out where in the files the patterns of the rules are that match them. That
// is not needed to know that they match, so nothing of it is an error: a file can be made
// such that there are millions of places.
func (s *scan) locate() {
	var files []int
	for i, matches := range s.matched {
		if len(matches) > 0 {
			files = append(files, i)
		}
	}
	if len(files) == 0 {
		return
	}
	out, _, err := s.command(files, s.engine.locate)
	if err != nil && !errors.Is(err, errMuch) {
		return
	}
	told, err := s.parse(out)
	if err != nil {
		return
	}
	for i, matches := range told {
		if len(matches) == len(s.matched[i]) {
			s.matched[i] = matches
		}
	}
}

// tell makes the findings of a file.
func (s *scan) tell(i int) {
	if !s.seen[i] {
		return
	}
	var o static.Outcome
	for _, m := range s.matched[i] {
		f, e := s.rules[m.name], detonaut.Evidence{Summary: s.summary[m.name]}
		for n, p := range m.places {
			if n == 0 {
				e.Offset = p.offset
			}
			e.Summary += fmt.Sprintf(", %s at %#x", p.pattern, p.offset)
		}
		f.Evidence = []detonaut.Evidence{e}
		o.Found = append(o.Found, f)
	}
	slices.SortFunc(o.Found, func(p, q detonaut.Finding) int { return strings.Compare(p.ID, q.ID) })
	if len(o.Found) > maxMatches {
		o = static.Outcome{Found: o.Found[:maxMatches], Err: errMatches}
	}
	s.outcomes[i] = o
}
