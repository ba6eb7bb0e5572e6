package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/detonaut/detonaut/actors/wire"
)

// resolver asks the stranger: in a simulated internet everybody answers, anywhere
// else nobody does.
func resolver() *net.Resolver {
	d := net.Dialer{Timeout: 5 * time.Second}
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return d.DialContext(ctx, network, wire.Stranger+":53")
		},
	}
}

// lookUp asks for a name and goes nowhere.
func lookUp(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		addrs, err := resolver().LookupHost(ctx, name)
		if err != nil {
			return err
		}
		fmt.Printf("%s is at %v\n", name, addrs)
		return nil
	}
}

// texts asks a name for orders, once a second.
func texts(ctx context.Context) error {
	for range 8 {
		var missing *net.DNSError
		if _, err := resolver().LookupTXT(ctx, "orders.example"); err != nil && !errors.As(err, &missing) {
			return err
		}
		if err := wire.Wait(ctx, time.Second); err != nil {
			return err
		}
	}
	return nil
}

// localNames asks who is at each address of a network.
func localNames(ctx context.Context) error {
	known := 0
	for i := range 60 {
		if names, err := resolver().LookupAddr(ctx, fmt.Sprintf("10.0.0.%d", i+1)); err == nil && len(names) > 0 {
			known++
		}
	}
	fmt.Printf("%d have a name\n", known)
	return ctx.Err()
}

// overTLS asks for a name past whoever watches (RFC 7858).
func overTLS(ctx context.Context) error {
	d := tls.Dialer{Config: &tls.Config{ServerName: "dns.example", MinVersion: tls.VersionTLS12}}
	conn, err := d.DialContext(ctx, "tcp", wire.Stranger+":853")
	if err != nil {
		return err
	}
	defer conn.Close()
	const question = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04none\x07example\x00\x00\x01\x00\x01"
	if _, err := io.WriteString(conn, string([]byte{0, byte(len(question))})+question); err != nil {
		return err
	}
	answer := make([]byte, 512)
	n, err := conn.Read(answer)
	if err != nil {
		return err
	}
	fmt.Printf("%d bytes\n", n)
	return nil
}
