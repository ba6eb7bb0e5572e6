// Command beacon asks the same host for orders every one and a half seconds,
// eight times, and follows none.
//
// Rule: command-and-control/beacon, which alone is no reason for suspicion:
// what reports its health does the same.
package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

const (
	calls    = 8
	interval = 1500 * time.Millisecond
)

func main() { stage.Play(call) }

func call(ctx context.Context) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for i := range calls {
		if i > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
		}
		text := fmt.Appendf(nil, `{"id":"a7f3","seen":%d}`, i)
		if _, err := wire.Request(ctx, http.DefaultClient, http.MethodPost, "https://gate.orders.example/c", text, "Content-Type", "application/json"); err != nil {
			return err
		}
	}
	fmt.Printf("called %d times\n", calls)
	return nil
}
