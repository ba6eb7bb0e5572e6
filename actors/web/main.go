// Command web is a well-behaved web server: it listens, serves itself one
// request and goes on serving.
//
// Rule: none, it is clean.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

func main() { stage.Play(serve) }

func serve(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM)
	defer stop()
	stopServer, err := wire.Serve(ctx, ":8080", "welcome")
	if err != nil {
		return err
	}
	page, err := wire.Request(ctx, http.DefaultClient, http.MethodGet, "http://127.0.0.1:8080/", nil)
	if err != nil {
		return errors.Join(err, stopServer())
	}
	fmt.Printf("%s", page)
	<-ctx.Done()
	return stopServer()
}
