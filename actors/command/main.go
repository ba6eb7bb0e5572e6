// Command command runs the command lines that its arguments are, with "then" between
// them. Words such as NAME=value that come first are put into the environment of
// one. The programs are the actors' shell and extras, which do nothing.
//
// Rule: whatever tells of such a command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/actors/stage"
)

func main() { stage.Play(all) }

func all(ctx context.Context) error {
	words := os.Args[1:]
	for len(words) > 0 {
		line := words
		if i := slices.Index(words, "then"); i >= 0 {
			line, words = words[:i], words[i+1:]
		} else {
			words = nil
		}
		if err := run(ctx, line); err != nil {
			return err
		}
	}
	return nil
}

func run(ctx context.Context, words []string) error {
	env := os.Environ()
	for len(words) > 0 && isVariable(words[0]) {
		env, words = append(env, words[0]), words[1:]
	}
	if len(words) == 0 {
		return errors.New("usage: command [NAME=VALUE...] PROGRAM [ARGUMENT...] [then ...]")
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s: %w", words[0], err)
	}
	return nil
}

// isVariable tells NAME=value from a program or an argument.
func isVariable(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}
