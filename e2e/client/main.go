// client is a network client of the end-to-end tests. It runs inside the
// sandbox.
//
//	client get URL...      fetches, trusting what the system trusts
//	client pinned URL      trusts one key only, which nobody has
//	client reach ADDRESS... tries to reach machines in every way there is
//	client farewell ADDRESS... speaks with machines, and ends
//	client hostile DEED...  does what a subject does that wants to break us
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: client get|pinned|reach|farewell|hostile and arguments")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	switch args[0] {
	case "get":
		for _, url := range args[1:] {
			if err := get(ctx, http.DefaultClient, url); err != nil {
				return err
			}
		}
		return nil
	case "pinned":
		return pinned(ctx, args[1])
	case "reach":
		reach(ctx, args[1:])
		return nil
	case "farewell":
		return farewell(ctx, args[1:])
	case "hostile":
		for _, name := range args[1:] {
			if err := hostile(ctx, name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	}
	return fmt.Errorf("unknown command %q", args[0])
}

func get(ctx context.Context, c *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := c.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

func pinned(ctx context.Context, url string) error {
	return get(ctx, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return errors.New("not the key that was pinned") },
	}}}, url)
}
