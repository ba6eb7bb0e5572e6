// Command ircbot joins a channel and waits for orders, for some seconds. It
// follows none.
//
// Rule: command-and-control/irc.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

// long is how long it waits.
const long = 3 * time.Second

func main() { stage.Play(join) }

func join(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", wire.Stranger+":6667")
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(long)); err != nil {
		return err
	}
	if _, err := fmt.Fprint(conn, "NICK x86-4711\r\nUSER x86 0 * :x86\r\n"); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		fmt.Println(lines.Text())
		var reply string
		switch words := strings.Fields(lines.Text()); {
		case len(words) > 1 && words[1] == "001":
			reply = "JOIN #x86 secret\r\n"
		case len(words) > 1 && words[0] == "PING":
			reply = "PONG " + words[1] + "\r\n"
		}
		if _, err := fmt.Fprint(conn, reply); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}
