//go:build linux

// Lack makes a system call that the sandbox does not have, and copes, gives up,
// or has a child that gives up.
package main

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: lack cope|give-up|child")
		os.Exit(2)
	}
	if os.Args[1] == "child" {
		if err := exec.Command(os.Args[0], "give-up").Run(); err != nil {
			fmt.Fprintln(os.Stderr, "lack: child:", err)
			os.Exit(3)
		}
		return
	}
	if _, err := unix.Vmsplice(1, nil, 0); err != nil {
		fmt.Fprintln(os.Stderr, "lack: vmsplice:", err)
		if os.Args[1] == "give-up" {
			os.Exit(1)
		}
	}
}
