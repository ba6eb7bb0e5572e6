package yara

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxSources is how many files of rules are used; they are named in one command.
	maxSources = 10_000
	// compileTime is the most time to compile rules, all attempts together.
	compileTime = 5 * time.Minute
	// maxCatalogue bounds what a command tells of all rules, in bytes.
	maxCatalogue = 256 << 20
)

// source is a file of rules.
type source struct {
	path string
	// title is its path below the directory that was named, without its extension.
	title string
	space string // its namespace
}

// compiled is the name of the file of compiled rules, own that of ours, empty that of a
// file with nothing in it.
const (
	compiled = "rules"
	own      = "own.yar"
	empty    = "empty"
)

// compile compiles the rules of dirs, and learns what they say of themselves.
func (a *Analyzer) compile(ctx context.Context, dirs []string) error {
	ctx, cancel := context.WithTimeout(ctx, compileTime)
	defer cancel()
	sources, err := list(dirs)
	if err != nil {
		return fmt.Errorf("list YARA rules: %w", err)
	}
	for name, text := range map[string]string{own: ownRules, empty: ""} {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("compile YARA rules: %w", err)
		}
	}
	good, err := a.sound(ctx, sources)
	if err != nil {
		return fmt.Errorf("compile YARA rules: %w", err)
	}
	slices.SortFunc(a.problems, func(p, q Problem) int { return strings.Compare(p.File, q.File) })
	if len(good) == 0 {
		_, why := a.Lack()
		return fmt.Errorf("compile YARA rules: none can be used: %s", why)
	}
	if len(a.problems) > 0 {
		if err := a.build(ctx, good); err != nil {
			return fmt.Errorf("compile YARA rules: %w", err)
		}
	}
	if err := a.sum(good); err != nil {
		return fmt.Errorf("read compiled YARA rules: %w", err)
	}
	return a.learn(ctx, good)
}

// list finds the files of rules, by name, each once.
func list(dirs []string) (all []source, err error) {
	seen := map[string]bool{}
	add := func(root, path string) error {
		abs, err := filepath.Abs(path)
		if err != nil || seen[abs] {
			return err
		}
		seen[abs] = true
		title, err := filepath.Rel(root, path)
		if err != nil || title == "." {
			title = filepath.Base(path)
		}
		all = append(all, source{path: abs, title: filepath.ToSlash(strings.TrimSuffix(title, filepath.Ext(title)))})
		return nil
	}
	for _, dir := range dirs {
		root, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return nil, fmt.Errorf("%w: name directories that are there with yara.rules", err)
		}
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			ext := strings.ToLower(filepath.Ext(path))
			if path != root && (!d.Type().IsRegular() || ext != ".yar" && ext != ".yara") {
				return nil
			}
			return add(root, path)
		})
		if err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no file in %s ends in .yar or .yara", strings.Join(dirs, ", "))
	}
	if len(all) > maxSources {
		return nil, fmt.Errorf("%d files are more than %d", len(all), maxSources)
	}
	slices.SortStableFunc(all, func(p, q source) int {
		return cmp.Or(strings.Compare(p.title, q.title), strings.Compare(p.path, q.path))
	})
	for i := range all {
		all[i].space = "r" + strconv.Itoa(i)
	}
	return all, nil
}

// sound are those of the sources that compile; the others become problems. When all of
// them compile, that is all that it takes; otherwise each half is tried alone.
func (a *Analyzer) sound(ctx context.Context, sources []source) ([]source, error) {
	err := a.build(ctx, sources)
	switch {
	case err == nil:
		return sources, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case len(sources) == 1:
		a.problems = append(a.problems, Problem{File: sources[0].path, Reason: reason(err, sources[0].path)})
		return nil, nil
	}
	half := len(sources) / 2
	first, err := a.sound(ctx, sources[:half])
	if err != nil {
		return nil, err
	}
	second, err := a.sound(ctx, sources[half:])
	return slices.Concat(first, second), err
}

// build compiles sources together.
func (a *Analyzer) build(ctx context.Context, sources []source) error {
	var args []string
	for _, s := range sources {
		args = append(args, s.space+":"+s.path)
	}
	args = append(args, ownSpace+":"+filepath.Join(a.dir, own))
	args = a.engine.compile(filepath.Join(a.dir, compiled), args)
	_, complaints, err := command{dir: a.dir, limit: 1 << 20, time: compileTime}.run(ctx, args[0], args[1:]...)
	if err != nil && complaints != "" {
		return errors.New(complaints)
	}
	return err
}

// reason is the first of what a compiler complains about, in one line and without the path
// of the file, which is known.
func reason(err error, path string) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	line = strings.TrimSpace(strings.ReplaceAll(line, path, filepath.Base(path)))
	if len(line) > 200 {
		line = strings.ToValidUTF8(line[:200], "") + "..."
	}
	return line
}

// sum makes the digest of the compiled rules, and of what they are called.
func (a *Analyzer) sum(sources []source) error {
	b, err := os.ReadFile(filepath.Join(a.dir, compiled))
	if err != nil {
		return err
	}
	h := sha256.New()
	_, _ = h.Write(b) // a hash takes everything
	for _, s := range sources {
		_, _ = fmt.Fprintf(h, "\x00%s\x00%s", s.space, s.title)
	}
	a.digest = hex.EncodeToString(h.Sum(nil))
	return nil
}

// learn asks the command what the rules say of themselves: some match an empty file, the
// others do not.
func (a *Analyzer) learn(ctx context.Context, sources []source) error {
	var all []match
	for _, not := range []bool{false, true} {
		args := a.engine.catalogue(filepath.Join(a.dir, compiled), filepath.Join(a.dir, empty), not)
		out, _, err := command{dir: a.dir, limit: maxCatalogue, time: compileTime}.run(ctx, args[0], args[1:]...)
		if err != nil {
			return fmt.Errorf("list YARA rules: %w", err)
		}
		some, err := a.engine.parse(out, true)
		if err != nil {
			return fmt.Errorf("list YARA rules: %w", err)
		}
		all = append(all, some...)
	}
	a.name(all, sources)
	return nil
}
