// Command sh is the shell of the actors' images. It knows "echo", "id",
// "set", "true" and "exit", and runs any other word as a program; "-c TEXT" and a
// script work.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	in, err := script(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "sh:", err)
		os.Exit(127)
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		for command := range strings.SplitSeq(lines.Text(), ";") {
			words := strings.Fields(command)
			if len(words) > 0 && words[0] == "exit" {
				return
			}
			if err := run(words); err != nil {
				fmt.Fprintln(os.Stderr, "sh:", err)
			}
		}
	}
}

func script(args []string) (io.Reader, error) {
	for len(args) > 0 && (args[0] == "-p" || args[0] == "-i") {
		args = args[1:]
	}
	switch {
	case len(args) >= 2 && args[0] == "-c":
		return strings.NewReader(args[1]), nil
	case len(args) == 1:
		return os.Open(args[0])
	}
	return os.Stdin, nil
}

func run(words []string) error {
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return nil
	}
	switch words[0] {
	case "set", "true":
	case "echo":
		fmt.Println(strings.Join(words[1:], " "))
	case "id":
		fmt.Printf("uid=%d gid=%d\n", os.Getuid(), os.Getgid())
	default:
		cmd := exec.CommandContext(context.Background(), words[0], words[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		return cmd.Run()
	}
	return nil
}
