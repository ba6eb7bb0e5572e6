package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"time"
)

// Serve says text to whoever asks for a page at address. stop ends it, and
// returns what went wrong since.
func Serve(ctx context.Context, address, text string) (stop func() error, err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, text) }),
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	return func() error {
		err := s.Close()
		if e := <-served; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}, nil
}

// Shell makes conn, a TCP connection, the input and output of the image's
// shell, and closes it when that ends.
func Shell(ctx context.Context, conn net.Conn) error {
	defer conn.Close()
	f, err := conn.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	defer f.Close()
	cmd := exec.CommandContext(ctx, "/bin/sh")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f, f, f
	return cmd.Run()
}
