// client is a network client of the end-to-end tests. It runs inside the
// sandbox.
//
//	client get URL...      fetches, trusting what the system trusts
//	client pinned URL      trusts one key only, which nobody has
//	client reach ADDRESS... tries to reach machines by TCP, UDP and ping, and
//	                       says nothing about the outcome
//	client flood ADDRESS N  opens N connections and keeps them open
//	client forge ADDRESS N  sends N packets with forged sources
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1) //nolint:forbidigo // it is main
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: client get|pinned|reach|flood|forge ...")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
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
		for _, address := range args[1:] {
			reach(ctx, address)
		}
		return nil
	case "flood":
		return flood(ctx, args[1], args[2])
	case "forge":
		return forge(args[1], args[2])
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

// reach tries everything; what comes of it is for others to see.
func reach(ctx context.Context, address string) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return
	}
	dialer := net.Dialer{Timeout: 2 * time.Second}
	for _, network := range []string{"tcp", "udp", "ip4:icmp", "ip4:253"} {
		to := address
		if network[:2] == "ip" {
			to = host
		}
		c, err := dialer.DialContext(ctx, network, to)
		if err != nil {
			continue
		}
		// An echo request is one where it is ICMP, and as good as any text elsewhere.
		_, _ = c.Write([]byte("\x08\x00\xf7\xff\x00\x00\x00\x00"))
		c.Close()
	}
}

func flood(ctx context.Context, address, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	var open []net.Conn
	refused := 0
	for range n {
		c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
		if err != nil {
			refused++
			continue
		}
		open = append(open, c)
	}
	fmt.Printf("%d open, %d refused\n", len(open), refused) //nolint:forbidigo // its output is the test's
	for _, c := range open {
		c.Close()
	}
	return nil
}

// forge sends TCP segments that begin connections, from addresses that are not
// its own.
func forge(address, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	to := net.ParseIP(address).To4()
	if to == nil {
		return fmt.Errorf("%q is no IPv4 address", address)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_RAW)
	if err != nil {
		return fmt.Errorf("open raw socket: %w", err)
	}
	defer syscall.Close(fd)
	for i := range n {
		packet := syn(i, [4]byte(to))
		if err := syscall.Sendto(fd, packet, 0, &syscall.SockaddrInet4{Addr: [4]byte(to)}); err != nil {
			return fmt.Errorf("send forged packet %d: %w", i, err)
		}
	}
	return nil
}

// syn is the i-th forged segment: IPv4 and TCP headers without options.
func syn(i int, to [4]byte) []byte {
	b := make([]byte, 40)
	b[0], b[3], b[8], b[9] = 0x45, 40, 64, syscall.IPPROTO_TCP
	copy(b[12:], []byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	copy(b[16:], to[:])
	b[20], b[21], b[23] = byte(40+i%200), byte(i), 80
	b[32], b[33], b[34] = 5<<4, 0x02, 0xff
	return b
}
