// Command backdoor leaves a way back in: it puts another file in the place of a
// program or a library of the system, or leaves a program that gives rights to whoever
// starts it. What it leaves does nothing.
//
// Rule: defense-evasion/replaces-program, persistence/replaces-library or
// privilege-escalation/left-privileged.
package main

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/payload"
	"github.com/detonaut/detonaut/actors/stage"
)

func main() { stage.Play(leave) }

func leave(context.Context) error {
	switch {
	case len(os.Args) != 2:
	case os.Args[1] == "program":
		return replace("/bin/sh")
	case os.Args[1] == "library":
		return replace("/usr/lib/x86_64-linux-gnu/libexample.so.1")
	case os.Args[1] == "rights":
		return errors.Join(grant("/usr/local/bin/group", setgid), grant("/usr/local/bin/capable", capable))
	}
	return errors.New("usage: backdoor program|library|rights")
}

// replace puts a script in the place of a file.
func replace(path string) error {
	script := payload.Text("backdoor")
	if err := os.WriteFile(path+".new", script, 0o755); err != nil {
		return err
	}
	payload.Tell("left", script)
	return os.Rename(path+".new", path)
}

func grant(path string, right func(path string) error) error {
	script := payload.Text(path)
	payload.Tell("left", script)
	return errors.Join(os.WriteFile(path, script, 0o755), right(path))
}

func setgid(path string) error { return os.Chmod(path, 0o755|os.ModeSetgid) }

// capable gives CAP_NET_RAW: version 2 of the attribute, effective, and the set of
// permitted ones (capabilities(7), linux/capability.h).
func capable(path string) error {
	attribute := append([]byte{1, 0, 0, 2, 0, 1 << 5}, make([]byte, 14)...)
	return unix.Setxattr(path, "security.capability", attribute, 0)
}
