// Package payload makes what actors drop: programs like their own, each with
// another hash, and scripts. It tells which they were, so that a test knows what
// must have been kept.
//
// It does no deed itself.
package payload

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
)

// argument tells a program that it is a payload.
const argument = "payload"

// Program returns a program that does nothing when it is run by Run: this one,
// with a mark behind its end, which ELF allows.
func Program(mark string) ([]byte, error) {
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	return append(program, Text(mark)...), nil
}

// Text returns a script of one comment.
func Text(mark string) []byte { return []byte("\n# payload " + mark + "\n") }

// Tell says that content is to be kept, and why, in the words of docs/tape.md: to
// standard error, for what else is printed may be read by a shell.
func Tell(how string, content []byte) {
	fmt.Fprintf(os.Stderr, "payload %s %x\n", how, sha256.Sum256(content))
}

// Run runs what Program made and was written to path.
func Run(ctx context.Context, path string) error {
	cmd := exec.CommandContext(ctx, path, argument)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// Dropped tells whether Run runs this process. It must return then.
func Dropped() bool { return len(os.Args) == 2 && os.Args[1] == argument }

// Pass makes a program at path, runs it if it should, and removes all trace of it.
func Pass(ctx context.Context, path string, run bool) error {
	program, err := Program(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, program, 0o600); err != nil {
		return err
	}
	if run {
		if err := os.Chmod(path, 0o700); err != nil {
			return err
		}
		if err := Run(ctx, path); err != nil {
			return err
		}
		Tell("executed", program)
	}
	Tell("deleted", program)
	return os.Remove(path)
}
