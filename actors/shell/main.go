// Command shell is a server that gives whoever connects a shell. It listens on
// loopback, connects to itself once, says "id" and ends.
//
// Rule: execution/server-shell.
package main

import (
	"context"
	"errors"
	"net"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

func main() { stage.Play(serve) }

func serve(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:8080")
	if err != nil {
		return err
	}
	defer l.Close()
	answer := make(chan error, 1)
	go func() { answer <- wire.Command(ctx, l.Addr().String()) }()
	conn, err := l.Accept()
	if err != nil {
		return errors.Join(err, <-answer)
	}
	return errors.Join(wire.Shell(ctx, conn), <-answer)
}
