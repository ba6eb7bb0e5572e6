// Command install installs a package whose script calls out: it plays the package
// manager, which starts a shell for the script, and the script's interpreter. What
// is asked for is a name that nobody can have.
//
// Rule: initial-access/install-hook.
package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

func main() { stage.Play(install) }

func install(ctx context.Context) error {
	switch {
	case len(os.Args) != 2:
	case os.Args[1] == "install":
		sh := exec.CommandContext(ctx, "/bin/sh", "-c", "/usr/bin/node hook")
		sh.Stdout, sh.Stderr = os.Stdout, os.Stderr
		return sh.Run()
	case os.Args[1] == "hook":
		_, err := wire.Request(ctx, http.DefaultClient, http.MethodGet, "http://packages.stage.example/next", nil)
		return err
	}
	return errors.New("usage: install install|hook")
}
