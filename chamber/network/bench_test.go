package network_test

import (
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/plan"
)

// loadBytes is how long a body is that the benchmarks send.
const loadBytes = 128 << 10

// BenchmarkTraffic sends bodies from stack to stack, without a sandbox but with
// all that is done for the tape.
func BenchmarkTraffic(b *testing.B) {
	download := strings.Repeat("0123456789abcdef", loadBytes/16)
	random := make([]byte, loadBytes) // what is stolen is packed, or encrypted
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	for _, c := range []struct {
		name, url, upload string
		kept              bool
		clients           int
	}{
		{name: "http-down", url: "http://load.example.com/"},
		{name: "http-down-kept", url: "http://load.example.com/", kept: true},
		{name: "http-down-by-32", url: "http://load.example.com/", clients: 16}, // for each of two processors
		{name: "http-up", url: "http://load.example.com/", upload: string(random)},
		{name: "https-down", url: "https://load.example.com/"},
		{name: "https-down-kept", url: "https://load.example.com/", kept: true},
		{name: "https-up", url: "https://load.example.com/", upload: string(random)},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := newSubject(b, loaded(b, download, c.kept))
			defer s.forget()
			b.SetBytes(loadBytes)
			if c.clients == 0 {
				client := s.client()
				for b.Loop() {
					load(b, client, c.url, c.upload)
				}
				return
			}
			b.SetParallelism(c.clients)
			b.RunParallel(func(p *testing.PB) {
				client := s.client()
				for p.Next() {
					load(b, client, c.url, c.upload)
				}
			})
		})
	}
}

// loaded are the options of an internet whose answers are large.
func loaded(b *testing.B, answer string, kept bool) network.Options {
	b.Helper()
	o := network.Options{Plan: plan.Internet{Answers: []plan.Answer{{Host: "load.example.com", Body: answer}}}}
	if kept {
		f, err := os.Create(filepath.Join(b.TempDir(), "artifacts"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { f.Close() })
		o.Artifacts = artifact.NewWriter(f, artifact.DefaultLimits())
	}
	return o
}

// load sends body, if there is one, and reads the answer.
func load(b *testing.B, c *http.Client, url, body string) {
	b.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(b.Context(), method, url, strings.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	response, err := c.Do(r)
	if err != nil {
		b.Error(err)
		return
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		b.Error(err)
	}
}

// BenchmarkConnections agrees on TLS anew each time.
func BenchmarkConnections(b *testing.B) {
	s := newSubject(b, network.Options{})
	defer s.forget()
	config := &tls.Config{RootCAs: s.trust(), ServerName: "load.example.com", MinVersion: tls.VersionTLS12}
	for b.Loop() {
		raw, err := s.dial(b.Context(), "tcp", "load.example.com:443")
		if err != nil {
			b.Fatal(err)
		}
		c := tls.Client(raw, config)
		if err := c.HandshakeContext(b.Context()); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}
