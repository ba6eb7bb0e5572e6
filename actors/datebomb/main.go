// Command datebomb does nothing for three days. Then it drops a program, runs it
// and deletes it.
//
// Rule: execution/drops-and-runs and defense-evasion/deletes-its-program, for who
// does not wait until then.
package main

import (
	"context"
	"time"

	"github.com/detonaut/detonaut/actors/payload"
	"github.com/detonaut/detonaut/actors/stage"
)

func main() { stage.Play(wait) }

func wait(ctx context.Context) error {
	if payload.Dropped() {
		return nil
	}
	date := time.Now().AddDate(0, 0, 3)
	for time.Now().Before(date) {
		time.Sleep(time.Hour)
	}
	// It is later than a deed may last.
	return payload.Pass(context.WithoutCancel(ctx), "/tmp/.dated", true)
}
