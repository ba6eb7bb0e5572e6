// Load uses a network as hard as it can, in the sandbox and outside of it, so
// that what the simulated internet costs can be measured. It prints how long
// that took, in seconds.
//
//	load get COUNT URL        fetches, over one connection
//	load post COUNT URL       sends 128 KiB each time, over one connection
//	load connect COUNT URL    agrees on TLS anew each time
//	load serve COUNT URL COMMAND...
//	                          starts a server, fetches over a few connections
//	                          at once, and ends it
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"
)

func main() {
	elapsed, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	fmt.Printf("%.6f\n", elapsed.Seconds())
}

func run(args []string) (time.Duration, error) {
	if len(args) < 3 || (len(args) > 3) != (args[0] == "serve") {
		return 0, errors.New("usage: load get|post|connect|serve COUNT URL [COMMAND...]")
	}
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return 0, err
	}
	to, err := url.Parse(args[2])
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	once := func() error { return exchange(ctx, http.MethodGet, nil, to) }
	switch args[0] {
	case "serve":
		return serve(once, count, args[3:])
	case "get":
	case "post":
		body := make([]byte, 128<<10) // what is stolen is packed, or encrypted
		_, _ = rand.NewChaCha8([32]byte{}).Read(body)
		once = func() error { return exchange(ctx, http.MethodPost, body, to) }
	case "connect":
		once = func() error { return connect(ctx, to.Host) }
	default:
		return 0, fmt.Errorf("unknown command %q", args[0])
	}
	if err := once(); err != nil { // names, certificates and keys are there then
		return 0, err
	}
	start := time.Now()
	for range count {
		if err := once(); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

func exchange(ctx context.Context, method string, body []byte, to *url.URL) error {
	r, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, to, response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// connect trusts what the system trusts. Without a cache of sessions nothing is
// resumed.
func connect(ctx context.Context, address string) error {
	c, err := new(tls.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}
