package yara

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// engine is a command, and how it is spoken to.
type engine interface {
	kind() string
	version() string
	describe() string
	// compile is the command that compiles sources, given as namespace:path, into a file.
	compile(out string, sources []string) []string
	// scan is the command that applies compiled rules to the files that are listed in a
	// file.
	scan(rules, list string, limit time.Duration) []string
	// locate is the same command, and tells where in the files the patterns of the rules are.
	locate(rules, list string, limit time.Duration) []string
	// catalogue is the command that tells all of the rules that match an empty file, or of
	// those that do not.
	catalogue(rules, empty string, not bool) []string
	// parse reads what these commands say; full is what a catalogue says.
	parse(out []byte, full bool) ([]match, error)
}

// match is a rule that matches a file, or, in a catalogue, does not.
type match struct {
	name
	file string
	tags []string
	meta []meta
	// places are the first of the patterns that were found.
	places []place
}

// place is where a pattern is in a file.
type place struct {
	pattern string
	offset  int64
}

// maxPlaces is how many places of one rule in one file are told.
const maxPlaces = 3

// name names a rule: the namespaces are ours, one for each file of rules.
type name struct{ space, rule string }

// meta is what a rule says of itself.
type meta struct{ key, value string }

// One rule of ours matches every file, so that it is known which were read. It is the last,
// because yara tells of rules in their order: when it is told, all are.
const (
	ownSpace = "detonaut"
	ownRules = "rule seen { condition: true }\n"
)

// limits of asking for a version.
var asking = command{limit: 4 << 10, time: 10 * time.Second}

// find looks for the command.
func find(ctx context.Context, named string) (engine, error) {
	names := []string{named}
	if named == "" {
		names = []string{"yr", "yara"}
	}
	for _, n := range names {
		path, err := exec.LookPath(n)
		if err != nil {
			if named != "" {
				return nil, fmt.Errorf("%w: %w: %s", ErrNone, err, remedy)
			}
			continue
		}
		if path, err = filepath.Abs(path); err != nil {
			return nil, fmt.Errorf("find YARA command: %w", err)
		}
		return identify(ctx, path)
	}
	return nil, fmt.Errorf("%w: %s", ErrNone, remedy)
}

var versionPattern = regexp.MustCompile(`^(?:yara-x-cli |yara-x |yr |yara )?([0-9]+\.[0-9]+[0-9A-Za-z.+-]{0,40})\s*$`)

// identify asks the command at path what it is.
func identify(ctx context.Context, path string) (engine, error) {
	out, _, err := asking.run(ctx, path, "--version")
	if err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w: %s", path, err, remedy)
	}
	text := string(out)
	m := versionPattern.FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("%w: %s says %.60q when asked for its version: %s", ErrNone, path, text, remedy)
	}
	if strings.HasPrefix(text, "yara-x") || strings.HasPrefix(text, "yr") {
		return extended{path, m[1]}, nil
	}
	compiler := filepath.Join(filepath.Dir(path), "yarac")
	if _, err := exec.LookPath(compiler); err != nil {
		if compiler, err = exec.LookPath("yarac"); err != nil {
			return nil, fmt.Errorf("%w: yarac is not there, which belongs to %s: %s", ErrNone, path, remedy)
		}
	}
	return classic{path, compiler, m[1]}, nil
}

// classic is yara.
type classic struct{ command, compiler, number string }

func (classic) kind() string       { return "yara" }
func (c classic) version() string  { return c.number }
func (c classic) describe() string { return "yara " + c.number + ", " + c.command }

func (c classic) compile(out string, sources []string) []string {
	return append(append([]string{c.compiler, "-w"}, sources...), out)
}

func (c classic) scan(rules, list string, limit time.Duration) []string {
	return []string{c.command, "-w", "-e", "-p", "1", "-a", seconds(limit), "-C", "--scan-list", rules, list}
}

func (c classic) locate(rules, list string, limit time.Duration) []string {
	args := c.scan(rules, list, limit)
	return slices.Insert(args, 1, "-L")
}

func (c classic) catalogue(rules, empty string, not bool) []string {
	args := []string{c.command, "-w", "-e", "-g", "-m", "-C"}
	if not {
		args = append(args, "-n")
	}
	return append(args, rules, empty)
}

func (classic) parse(out []byte, full bool) ([]match, error) { return parseText(string(out), full) }

// extended is YARA-X.
type extended struct{ command, number string }

func (extended) kind() string       { return "yara-x" }
func (x extended) version() string  { return x.number }
func (x extended) describe() string { return "YARA-X " + x.number + ", " + x.command }

func (x extended) compile(out string, sources []string) []string {
	return append([]string{x.command, "compile", "--disable-warnings", "--output", out}, sources...)
}

func (x extended) scan(rules, list string, limit time.Duration) []string {
	return []string{
		x.command, "scan", "--compiled-rules", "--output-format", "ndjson", "--print-namespace", "--threads", "1",
		"--timeout", seconds(limit), "--scan-list", rules, list,
	}
}

func (x extended) locate(rules, list string, limit time.Duration) []string {
	args := x.scan(rules, list, limit)
	return slices.Insert(args, 2, "--print-strings=1") // of each only the first byte, which nobody needs
}

func (x extended) catalogue(rules, empty string, not bool) []string {
	args := []string{x.command, "scan", "--compiled-rules", "--output-format", "ndjson", "--print-namespace", "--print-tags", "--print-meta"}
	if not {
		args = append(args, "--negate")
	}
	return append(args, rules, empty)
}

func (extended) parse(out []byte, _ bool) ([]match, error) { return parseJSON(out) }

func seconds(d time.Duration) string { return strconv.Itoa(int(max(d, time.Second) / time.Second)) }

// errOutput says that a command says what nobody understands.
var errOutput = errors.New("its output is not understood")
