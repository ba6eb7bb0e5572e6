package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/detonaut/detonaut"
)

// defaultDaemon is where a Docker daemon listens unless DOCKER_HOST says else.
const defaultDaemon = "unix:///var/run/docker.sock"

// openDaemon asks a Docker daemon to save the image that name is for it. The
// archive is spooled: a daemon streams it.
// https://docs.docker.com/reference/api/engine/version/v1.51/#tag/Image/operation/ImageGet
func (p *puller) openDaemon(ctx context.Context, name string) (_ source, err error) {
	client, base, err := daemonClient(os.Getenv("DOCKER_HOST"))
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/images/"+name+"/get", nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask docker daemon: %w", err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		message, _ := io.ReadAll(io.LimitReader(resp.Body, maxMessage)) // only to say more
		err := fmt.Errorf("docker daemon answers %d: %s", resp.StatusCode, cleanString(string(message)))
		if resp.StatusCode == http.StatusNotFound {
			err = fmt.Errorf("%w: %w", err, detonaut.ErrNotFound)
		}
		return nil, err
	}
	return p.openStream(ctx, resp.Body, fromDaemon)
}

// daemonClient speaks to the daemon that DOCKER_HOST names, on this machine
// only: a daemon elsewhere would need TLS or SSH.
func daemonClient(host string) (c *http.Client, base string, err error) {
	if host == "" {
		host = defaultDaemon
	}
	network, address, _ := strings.Cut(host, "://")
	switch network {
	case "unix":
		base = "http://docker"
	case "tcp", "http":
		network, base = "tcp", "http://"+address
		if !isLoopback(address) {
			return nil, "", fmt.Errorf("DOCKER_HOST=%s: not on this machine's loopback: %w", host, detonaut.ErrUnsupported)
		}
	default:
		return nil, "", fmt.Errorf("DOCKER_HOST=%s: want unix:// or tcp://: %w", host, detonaut.ErrUnsupported)
	}
	dialer := &net.Dialer{}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, address)
			},
			MaxResponseHeaderBytes: maxHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, base, nil
}

// isLoopback reports whether "host[:port]" is this machine.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
