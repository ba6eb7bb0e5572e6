// Command hello says hello and exits: the smallest image there can be.
//
// Rule: none, it is clean.
package main

import (
	"context"
	"fmt"

	"github.com/detonaut/detonaut/actors/stage"
)

func main() {
	stage.Play(func(context.Context) error {
		fmt.Println("hello")
		return nil
	})
}
