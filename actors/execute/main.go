// Command execute runs code in ways that hide where it comes from, or that give it
// away to others: its argument names the way. What it runs says a word or does
// nothing, and nobody can connect but itself.
//
// Rule: execution/bind-shell, decoded-script, hidden-script, server-one-liner or
// compiles-its-source.
package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

const place = "127.0.0.1:4444"

func main() { stage.Play(stage.OneOf(ways)) }

var ways = map[string]stage.Deed{
	"bind": bind, "ask": func(ctx context.Context) error { return wire.Command(ctx, place) },
	"decoded": decoded, "hidden": hidden, "one-liner": oneLiner, "compiled": compiled,
}

func command(ctx context.Context, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}

// serve takes one connection, of another process of this program.
func serve(ctx context.Context) (net.Conn, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", place)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := command(ctx, self, "ask").Start(); err != nil {
		return nil, err
	}
	return l.Accept()
}

// bind becomes a shell whose input and output are the connection.
func bind(ctx context.Context) error {
	conn, err := serve(ctx)
	if err != nil {
		return err
	}
	f, err := conn.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	for fd := range 3 {
		if err := unix.Dup3(int(f.Fd()), fd, 0); err != nil {
			return err
		}
	}
	return unix.Exec("/bin/sh", []string{"sh"}, os.Environ())
}

// decoded feeds a shell through a decoder.
func decoded(ctx context.Context) error {
	decoder, sh := command(ctx, "/usr/bin/base64", "-d"), command(ctx, "/bin/sh")
	decoder.Stdin, decoder.Stdout = strings.NewReader("echo decoded\n"), nil
	pipe, err := decoder.StdoutPipe()
	if err != nil {
		return err
	}
	sh.Stdin = pipe
	return errors.Join(decoder.Start(), sh.Run(), decoder.Wait())
}

// hidden keeps its script in shared memory.
func hidden(ctx context.Context) error {
	const script = "/dev/shm/.cache"
	if err := os.WriteFile(script, []byte("echo hidden\n"), 0o600); err != nil {
		return err
	}
	return command(ctx, "/bin/sh", script).Run()
}

// oneLiner is a server that runs a line of Python.
func oneLiner(ctx context.Context) error {
	conn, err := serve(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return command(ctx, "/usr/bin/python3", "-c", "import os; os.system('id')").Run()
}

// compiled writes a source, has it compiled and runs what comes out.
func compiled(ctx context.Context) error {
	const source, program = "/tmp/a.c", "/tmp/a"
	if err := os.WriteFile(source, []byte("int main(void) { return 0; }\n"), 0o600); err != nil {
		return err
	}
	return errors.Join(command(ctx, "/usr/bin/gcc", "-o", program, source).Run(), command(ctx, program).Run())
}
