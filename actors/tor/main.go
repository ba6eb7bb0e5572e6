// Command tor asks a directory of Tor for the list of its relays, as a client
// of it does when it starts, and leaves it at that. The directory's address is
// one at which nobody can be.
//
// Rule: command-and-control/tor and bare-address.
package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

func main() { stage.Play(ask) }

func ask(ctx context.Context) error {
	answer, err := wire.Request(ctx, http.DefaultClient, http.MethodGet, "http://"+wire.Stranger+":9030/tor/status-vote/current/consensus", nil)
	if err != nil {
		return err
	}
	fmt.Printf("%s", answer)
	return nil
}
