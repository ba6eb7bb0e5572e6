// Command updater is a well-behaved service: it serves and checks its own
// health, asks what time it is, and looks for a new version at its vendor every
// now and then, through the proxy of the environment if there is one.
//
// Rule: none, it is clean.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

const vendor = "https://updates.vendor.example/api/v1/latest"

// pauses are those between two looks at the vendor: it is polite and does not
// come by the clock, so that not all of its kind come at once.
var pauses = []time.Duration{
	300 * time.Millisecond, 2500 * time.Millisecond, 700 * time.Millisecond, 3 * time.Second, 400 * time.Millisecond, 1200 * time.Millisecond, 0,
}

func main() { stage.Play(serve) }

func serve(ctx context.Context) error {
	stop, err := wire.Serve(ctx, ":8080", "healthy")
	if err != nil {
		return err
	}
	return errors.Join(clock(ctx), update(ctx), stop())
}

// update looks for versions and, as often, at its own health.
func update(ctx context.Context) error {
	for _, pause := range pauses {
		if _, err := wire.Request(ctx, http.DefaultClient, http.MethodGet, "http://127.0.0.1:8080/health", nil); err != nil {
			return err
		}
		text, err := wire.Request(ctx, http.DefaultClient, http.MethodGet, vendor, nil, "Accept", "application/json", "User-Agent", "updater/1.0")
		if err != nil {
			return err
		}
		var latest struct{ Version string }
		if err := json.Unmarshal(text, &latest); err != nil {
			return fmt.Errorf("read version: %w", err)
		}
		fmt.Printf("the latest version is %q\n", latest.Version)
		if err := wire.Wait(ctx, pause); err != nil {
			return err
		}
	}
	return nil
}

// clock asks for the time (RFC 5905), and does without it.
func clock(ctx context.Context) error {
	d := net.Dialer{Timeout: 5 * time.Second}
	conn, err := d.DialContext(ctx, "udp", "time.vendor.example:123")
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	message := make([]byte, 48)
	message[0] = 4<<3 | 3 // version 4, a client
	if _, err := conn.Write(message); err != nil {
		return err
	}
	if _, err := conn.Read(message); err != nil {
		return err
	}
	fmt.Printf("a clock of stratum %d\n", message[1])
	return nil
}
