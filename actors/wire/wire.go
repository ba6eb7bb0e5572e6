// Package wire is how the actors talk to others: requests with a bound, servers
// and shells, and the addresses at which nobody can be.
package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// Stranger is an address that is reserved for documentation (RFC 5737): in a
// simulated internet somebody answers there, anywhere else nobody does.
const Stranger = "198.51.100.7"

// maxBody is how much of an answer is read.
const maxBody = 1 << 20

// Request sends one request and returns what was answered, whatever the status
// is. Headers are names and values in turn.
func Request(ctx context.Context, c *http.Client, method, url string, body []byte, headers ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return answer, nil
}

// Wait waits for d, or until ctx is done, which is an error.
func Wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Command connects to a shell and gives it a command. What that answers is printed.
func Command(ctx context.Context, address string) error {
	d := net.Dialer{Timeout: 5 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "id\nexit\n"); err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, conn)
	return err
}
