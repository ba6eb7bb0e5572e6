package telemetry

import (
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// hosts are the registries that are told apart, and what they refer to, by the ends of their
// names. All others are "other".
var hosts = []struct{ suffix, label string }{
	{"docker.io", "docker.io"},
	{"hub.docker.com", "hub.docker.com"},
	{"docker.com", "docker.io"},
	{"ghcr.io", "ghcr.io"},
	{"api.github.com", "api.github.com"},
	{"githubusercontent.com", "ghcr.io"},
	{"quay.io", "quay.io"},
	{"gcr.io", "gcr.io"},
	{"pkg.dev", "pkg.dev"},
	{"registry.k8s.io", "registry.k8s.io"},
	{"mcr.microsoft.com", "mcr.microsoft.com"},
	{"azurecr.io", "azurecr.io"},
	{"public.ecr.aws", "public.ecr.aws"},
	{"amazonaws.com", "amazonaws.com"},
	{"cloudfront.net", "cloudfront.net"},
	{"cloudflarestorage.com", "cloudflarestorage.com"},
	{"registry.gitlab.com", "registry.gitlab.com"},
	{"registry.redhat.io", "registry.redhat.io"},
}

// hostLabel is a host, with or without a port, as a label.
func hostLabel(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, known := range hosts {
		if host == known.suffix || strings.HasSuffix(host, "."+known.suffix) {
			return known.label
		}
	}
	return outcomeOther
}

// Transport is next, and counts what it is asked for.
func (t *Telemetry) Transport(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return &transport{t, next}
}

// Waited counts how long a request to a host has waited for its turn.
func (t *Telemetry) Waited(host string, d time.Duration) {
	if t != nil && d > 0 {
		t.m.waited.WithLabelValues(hostLabel(host)).Add(d.Seconds())
	}
}

type transport struct {
	t    *Telemetry
	next http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (x *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	host := hostLabel(req.URL.Host)
	resp, err := x.next.RoundTrip(req)
	if err != nil {
		x.t.m.asked.WithLabelValues(host, "error").Inc()
		return nil, err
	}
	x.t.m.asked.WithLabelValues(host, code(resp.StatusCode)).Inc()
	received := x.t.m.received.WithLabelValues(host)
	resp.Body = &countedBody{resp.Body, received.Add}
	return resp, nil
}

type countedBody struct {
	io.ReadCloser
	count func(float64)
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.count(float64(n))
	return n, err
}
