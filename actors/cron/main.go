// Command cron looks at the clock once a minute, and at three in the morning
// drops a program, runs it and deletes it.
//
// Rule: execution/drops-and-runs and defense-evasion/deletes-its-program, for who
// does not wait until then.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/detonaut/detonaut/actors/payload"
	"github.com/detonaut/detonaut/actors/stage"
)

// looks are those of two days.
const looks = 2 * 24 * 60

func main() { stage.Play(watch) }

func watch(ctx context.Context) error {
	if payload.Dropped() {
		return nil
	}
	for range looks {
		if now := time.Now(); now.Hour() == 3 && now.Minute() == 0 {
			// It is later than a deed may last.
			return payload.Pass(context.WithoutCancel(ctx), "/tmp/.nightly", true)
		}
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
	}
	return errors.New("it never was three o'clock")
}
