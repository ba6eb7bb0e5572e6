package main

import (
	"bytes"
	"context"
	"net"
)

// lastWords is how much farewell says over each connection.
const lastWords = 32 << 10

// farewell speaks with all of some addresses, over TCP and UDP, and ends without
// waiting for any answer or closing anything.
func farewell(ctx context.Context, addresses []string) error {
	var connections []net.Conn
	for _, network := range []string{"tcp", "udp"} {
		for _, a := range addresses {
			c, err := new(net.Dialer).DialContext(ctx, network, a)
			if err != nil {
				return err
			}
			connections = append(connections, c)
		}
	}
	for _, c := range connections {
		said := bytes.Repeat([]byte("x"), lastWords)
		if _, datagram := c.(*net.UDPConn); datagram {
			said = []byte("farewell")
		}
		if _, err := c.Write(said); err != nil {
			return err
		}
	}
	return nil
}
