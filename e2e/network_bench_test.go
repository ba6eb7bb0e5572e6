//go:build linux

package e2e_test

import (
	"archive/tar"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// bodySize is how long all bodies are: such an answer fits a plan.
const bodySize = 128 << 10

// BenchmarkNetwork compares what a program gets out of the simulated internet
// with what it gets, outside, of a server of Go's on the loopback device.
func BenchmarkNetwork(b *testing.B) {
	n := newNetworkBench(b)
	for _, c := range []struct {
		name, what, scheme string
		count              int
	}{
		{"http-down", "get", "http", 256},
		{"https-down", "get", "https", 256},
		{"http-up", "post", "http", 256},
		{"https-up", "post", "https", 256},
		{"connections", "connect", "https", 400},
	} {
		b.Run(c.name, func(b *testing.B) { n.compare(b, c.what, c.scheme, c.count) })
	}
}

// networkBench is an image with the load program, and the same on this machine.
type networkBench struct {
	bin, load string
	img       *image.Image
	servers   map[string]*httptest.Server // by scheme
	ca        string                      // a file with the certificate of the one with TLS
}

func newNetworkBench(b *testing.B) *networkBench {
	b.Helper()
	n := &networkBench{bin: testenv.Binaries(b), load: testenv.Program(b, "./e2e/load")}
	layer, err := imagetest.Layer([]imagetest.File{{Header: tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}}}, imagetest.Gzip)
	must(b, err)
	img, err := imagetest.New(v1.Config{Entrypoint: []string{"/load"}}, v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, layer)
	must(b, err)
	img, err = imagetest.AddFile(img, "/load", n.load)
	must(b, err)
	dir := b.TempDir()
	must(b, imagetest.WriteOCIDir(img, dir))
	n.img, err = image.Pull(b.Context(), detonaut.Ref("oci-dir:"+dir), image.Options{CacheDir: b.TempDir()})
	must(b, err)
	b.Cleanup(func() { n.img.Close() })
	answer := []byte(largeAnswer())
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
			_, _ = w.Write(answer)
		}
	})
	secure := httptest.NewUnstartedServer(handler)
	secure.EnableHTTP2 = true
	secure.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	secure.StartTLS()
	n.servers = map[string]*httptest.Server{"http": httptest.NewServer(handler), "https": secure}
	b.Cleanup(n.servers["http"].Close)
	b.Cleanup(secure.Close)
	n.ca = filepath.Join(b.TempDir(), "ca.pem")
	must(b, os.WriteFile(n.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600))
	return n
}

func largeAnswer() string { return strings.Repeat("0123456789abcdef", bodySize/16) }

// compare has load do a thing count times outside, inside, and inside with all
// traffic kept. It reports how much of it there is in a second of time and what
// it costs of processors.
func (n *networkBench) compare(b *testing.B, what, scheme string, count int) {
	variants := []struct {
		name string
		run  func(count int) (seconds, used float64)
	}{
		{"loopback", func(count int) (seconds, used float64) { return n.outside(b, what, scheme, count) }},
		{"simulated", func(count int) (seconds, used float64) { return n.inside(b, what, scheme, count, false) }},
		{"kept", func(count int) (seconds, used float64) { return n.inside(b, what, scheme, count, true) }},
	}
	amount, unit, per := float64(count)*bodySize/1e6, "MB", 100.0
	if what == "connect" {
		amount, unit, per = float64(count), "connections", 1000
	}
	speed, cost := make(map[string][]float64), make(map[string][]float64)
	for b.Loop() {
		for range rounds {
			for _, v := range variants {
				_, idle := v.run(1) // the start is not the network's
				seconds, used := v.run(count)
				speed[v.name] = append(speed[v.name], amount/seconds)
				cost[v.name] = append(cost[v.name], (used-idle)/amount*per)
			}
		}
	}
	for _, v := range variants {
		b.ReportMetric(median(speed[v.name]), v.name+"-"+unit+"/s")
		b.Logf("%-10s %8.1f %s/s, %.2f of loopback; %6.3f cpu-s for %g %s, %.2f of loopback", v.name, median(speed[v.name]), unit,
			ratio(speed[v.name], speed["loopback"]), median(cost[v.name]), per, unit, ratio(cost[v.name], cost["loopback"]))
	}
}

// outside runs load against the server of its scheme, whose processor time
// counts.
func (n *networkBench) outside(b *testing.B, what, scheme string, count int) (seconds, used float64) {
	b.Helper()
	to := n.servers[scheme].URL
	cmd := exec.CommandContext(b.Context(), n.load, what, strconv.Itoa(count), to)
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+n.ca)
	var out bytes.Buffer
	cmd.Stdout = &out
	before := own(b)
	used = cpu(b, cmd)
	used += (own(b) - before).Seconds()
	return number(b, out.String()), used
}

// inside runs load in the chamber.
func (n *networkBench) inside(b *testing.B, what, scheme string, count int, keep bool) (seconds, used float64) {
	b.Helper()
	fsys, err := n.img.FS()
	must(b, err)
	p, err := detonate.NewPlan(n.img.Image, fsys, detonate.Overrides{
		Entrypoint: []string{"/load", what, strconv.Itoa(count), scheme + "://load.example.com:" + map[string]string{"http": "80", "https": "443"}[scheme] + "/"},
	})
	must(b, err)
	p.Image = n.img.Root
	p.Internet.Answers = []plan.Answer{{Host: "load.example.com", Body: largeAnswer()}}
	in, err := json.Marshal(p)
	must(b, err)
	cmd := exec.CommandContext(b.Context(), filepath.Join(n.bin, "detonaut-chamber"), "run")
	cmd.Stdin = bytes.NewReader(in)
	if keep {
		f, err := os.Create(filepath.Join(b.TempDir(), "artifacts"))
		must(b, err)
		defer f.Close()
		cmd.Args = append(cmd.Args, "-artifacts", "3")
		cmd.ExtraFiles = []*os.File{f}
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	used = cpu(b, cmd)
	return number(b, output(b, &out)), used
}

// output is what the subject wrote to stdout, of a tape.
func output(b *testing.B, r io.Reader) (text string) {
	b.Helper()
	d := tape.NewDecoder(r)
	for {
		e, err := d.Next()
		if errors.Is(err, io.EOF) {
			return text
		}
		must(b, err)
		if e.Kind == tape.OutputStdout || e.Kind == tape.OutputStderr {
			text += e.Output.Text
		}
	}
}

func number(b *testing.B, text string) float64 {
	b.Helper()
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		b.Fatalf("load said %q", text)
	}
	return v
}
