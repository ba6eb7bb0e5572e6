// Command miner looks like a cryptominer from outside: its command line, the
// name it resolves, the port it dials and the lines it would speak. It mines
// nothing.
//
// Rule: impact/mining-pool and impact/miner-program.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut/actors/stage"
)

// nobody is an address of a network that is reserved for documentation, and
// stratum the port that pools use.
const (
	nobody   = "198.51.100.7:3333"
	attempts = 3
)

func main() { stage.Play(connect) }

// connect dials the pool of "-o stratum+tcp://HOST:PORT", then an address that
// nobody has, and speaks stratum to whoever answers.
func connect(ctx context.Context) error {
	pool := nobody
	if i := slices.Index(os.Args, "-o"); i > 0 && i+1 < len(os.Args) {
		pool = strings.TrimPrefix(os.Args[i+1], "stratum+tcp://")
	}
	for range attempts {
		for _, address := range []string{pool, nobody} {
			if err := login(ctx, address); err != nil {
				fmt.Printf("net      %s connect error: %v\n", address, err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(300 * time.Millisecond):
		}
	}
	return nil
}

func login(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	return json.NewEncoder(conn).Encode(map[string]any{
		"id": 1, "jsonrpc": "2.0", "method": "login",
		"params": map[string]string{"login": "nobody", "pass": "x", "agent": "look-alike/1.0"},
	})
}
