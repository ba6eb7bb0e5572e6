// Command web is a well-behaved web server: it listens, serves itself one
// request and goes on serving.
//
// Rule: none, it is clean.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/stage"
)

func main() { stage.Play(serve) }

func serve(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM)
	defer stop()
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", ":8080")
	if err != nil {
		return err
	}
	s := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "welcome") }),
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	if err := get(ctx, "http://127.0.0.1:8080/"); err != nil {
		return err
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		err := s.Close()
		if e := <-served; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}
}

func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Printf("%s %s", resp.Status, body)
	return err
}
