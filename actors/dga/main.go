// Command dga makes up names and asks for each, as a bot does that looks for
// its master under a new name every day. None of them can exist.
//
// Rule: command-and-control/generated-names.
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"

	"github.com/detonaut/detonaut/actors/stage"
)

const (
	names  = 60
	length = 16
)

func main() { stage.Play(ask) }

func ask(ctx context.Context) error {
	random := rand.New(rand.NewPCG(2026, 4))
	found := 0
	for range names {
		label := make([]byte, length)
		for i := range label {
			label[i] = 'a' + byte(random.IntN(26))
		}
		if addrs, err := net.DefaultResolver.LookupHost(ctx, string(label)+".example"); err == nil && len(addrs) > 0 {
			found++
		}
	}
	fmt.Printf("%d of %d names lead somewhere\n", found, names)
	return ctx.Err()
}
