// Command scan looks for open ports on its own loopback.
//
// Rule: discovery/port-scan.
package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/detonaut/detonaut/actors/stage"
)

const ports = 400

func main() { stage.Play(scan) }

func scan(ctx context.Context) error {
	d := net.Dialer{Timeout: 200 * time.Millisecond}
	open := 0
	for port := 1; port <= ports; port++ {
		conn, err := d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		open++
		conn.Close()
	}
	fmt.Printf("%d of %d ports open\n", open, ports)
	return ctx.Err()
}
