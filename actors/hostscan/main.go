// Command hostscan knocks at the port of telnet at one address after another:
// those of a network that is reserved for documentation.
//
// Rule: discovery/host-scan.
package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/detonaut/detonaut/actors/stage"
)

const addresses = 80

func main() { stage.Play(scan) }

func scan(ctx context.Context) error {
	d := net.Dialer{Timeout: 200 * time.Millisecond}
	open := 0
	for i := 1; i <= addresses; i++ {
		conn, err := d.DialContext(ctx, "tcp", fmt.Sprintf("203.0.113.%d:23", i))
		if err != nil {
			continue
		}
		open++
		conn.Close()
	}
	fmt.Printf("%d of %d addresses answer\n", open, addresses)
	return ctx.Err()
}
