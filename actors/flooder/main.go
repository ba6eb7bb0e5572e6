// Command flooder uses up what others need, within bounds and against nobody: its
// argument says what. Packets go to addresses that are reserved for documentation.
//
// Rule: impact/udp-flood, syn-flood, fork-bomb or process-limit,
// exfiltration/icmp-tunnel, discovery/ping-sweep or
// command-and-control/packets-by-hand.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

var deeds = map[string]func(ctx context.Context) error{
	"udp-flood":     flood,
	"syn-flood":     synFlood,
	"icmp-tunnel":   func(context.Context) error { return ping(1, 90, 1400) },
	"ping-sweep":    func(context.Context) error { return ping(60, 1, 32) },
	"fork-bomb":     bomb,
	"process-limit": crowd,
}

func main() { stage.Play(stage.OneOf(deeds)) }

// flood sends a number of packets, with pauses in which somebody else may work.
func flood(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", wire.Stranger+":80")
	if err != nil {
		return err
	}
	defer conn.Close()
	packet := make([]byte, 1200)
	sent := 0
	for i := range 800 {
		if _, err := conn.Write(packet); err == nil {
			sent++
		}
		if i%8 != 0 {
			continue
		}
		if err := wire.Wait(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	fmt.Printf("%d packets\n", sent)
	return nil
}

// Of a bomb, each nests once more, and the innermost starts those that count.
const (
	depth  = 5
	sparks = 55
)

func bomb(ctx context.Context) error {
	level := depth
	if len(os.Args) > 2 {
		n, err := strconv.Atoi(os.Args[2])
		if err != nil {
			return err
		}
		level = n
	}
	switch {
	case level < 0:
		return nil
	case level > 0:
		return exec.CommandContext(ctx, "/proc/self/exe", "fork-bomb", strconv.Itoa(level-1)).Run()
	}
	for range sparks {
		if err := exec.CommandContext(ctx, "/proc/self/exe", "fork-bomb", "-1").Run(); err != nil {
			return err
		}
	}
	return nil
}

// crowd starts props that wait, until there is no room for one more.
func crowd(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var hold []func()
	defer func() {
		for _, end := range hold {
			end()
		}
	}()
	for range 600 {
		waiter := exec.CommandContext(ctx, "/bin/sh")
		in, err := waiter.StdinPipe()
		if err != nil {
			return err
		}
		if err := waiter.Start(); err != nil {
			fmt.Printf("%d run, and then: %v\n", len(hold), err)
			return nil
		}
		hold = append(hold, func() {
			in.Close()
			_ = waiter.Wait() // it may have found no room for its threads
		})
	}
	return errors.New("there is no limit")
}
