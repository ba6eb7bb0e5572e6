package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report"
)

const (
	healthTime = 7 * time.Second
	maxHealth  = 1 << 10 // bytes of an answer
)

func (a *app) health() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the server or worker on this machine whether it can work",
		Long: `Health asks at --metrics, where a serve or a worker of this machine answers,
whether it is ready: whether it reaches its database and its artifacts, and is
not about to end. The exit code is 1 if it is not. It is for whoever has to see
that in an image without other programs.`,
		Example: `  detonaut health --metrics 127.0.0.1:9090`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			address, err := here(cfg.Telemetry.Listen)
			if err != nil {
				return err
			}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, "http://"+address+"/readyz", nil)
			if err != nil {
				return fmt.Errorf("ask for health: %w", err)
			}
			c := http.Client{Timeout: healthTime, Transport: &http.Transport{DisableKeepAlives: true}} // no proxy
			resp, err := c.Do(req)
			if err != nil {
				return fmt.Errorf("ask for health: %w", err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(io.LimitReader(resp.Body, maxHealth))
			if err != nil {
				return fmt.Errorf("ask for health: %w", err)
			}
			fmt.Fprintln(a.stdout, report.Escape(strings.TrimSpace(string(b))))
			if resp.StatusCode != http.StatusOK {
				return exitCode(exitError)
			}
			return nil
		},
	}
	addConfigFlags(cmd, "metrics")
	return cmd
}

// here is where this machine reaches what listens at an address.
func here(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("%w: health asks at telemetry.listen: use --metrics HOST:PORT", detonaut.ErrUsage)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
		if ip.Is4() {
			host = "127.0.0.1"
		}
	}
	return net.JoinHostPort(host, port), nil
}
