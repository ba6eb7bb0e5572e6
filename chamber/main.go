// detonaut-chamber runs one subject: a plan comes in on standard input, a tape
// goes out on standard output.
//
// The one binary is three processes: the chamber that a user starts, the same
// inside namespaces of its own, and gVisor's sandbox. Which one this is, its
// name tells (argv[0]).
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/detonaut/detonaut/chamber/runner"
	"github.com/detonaut/detonaut/chamber/sentry"
	"github.com/detonaut/detonaut/chamber/version"
)

const usage = `detonaut-chamber runs one subject in a gVisor sandbox. detonaut starts it.

  detonaut-chamber run [-artifacts FD [-want KINDS]] [-debug-log FILE [-strace]] < PLAN.json > TAPE.jsonl
  detonaut-chamber version

-artifacts hands over what is no event: capture,record,bodies,payloads, or what
-want names. -debug-log keeps gVisor's log, -strace has system calls in it.

Exit status: 0 the tape is whole, 1 something of ours broke, 2 usage,
3 this machine does not allow the sandbox.
`

func main() {
	if sentry.IsSandbox(os.Args) {
		sentry.Main() // does not return
	}
	os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, stdin *os.File, stdout, stderr *os.File) int {
	var err error
	switch {
	case runner.IsInside(args):
		err = runner.Inside()
	case len(args) >= 2 && args[1] == "run":
		err = runner.Run(args[2:], stdin, stdout, stderr)
	case len(args) == 2 && args[1] == "version":
		fmt.Fprintln(stdout, version.String())
	case len(args) == 2 && (args[1] == "help" || args[1] == "-h" || args[1] == "--help"):
		_, err = io.WriteString(stdout, usage)
	default:
		err = runner.ErrUsage
	}
	if errors.Is(err, runner.ErrUsage) {
		fmt.Fprint(stderr, usage)
	}
	if err != nil {
		fmt.Fprintln(stderr, "detonaut-chamber:", err)
	}
	return runner.ExitCode(err)
}
