package image

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// bulky is an image with one layer of about n bytes that do not compress.
func bulky(n int) string {
	var b strings.Builder
	b.WriteString("-- /data --\n")
	for i := 0; b.Len() < 2*n; i++ { // as hex, two digits to the byte
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		b.WriteString(hex.EncodeToString(sum[:]) + "\n")
	}
	return b.String()
}

// TestFaults: what goes wrong on the way is made good.
func TestFaults(t *testing.T) {
	const size = 100_000
	img := imagetest.Image(t, bulky(size))
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	layer := "^GET /v2/app/blobs/" + digest.String()

	for _, tc := range []struct {
		name    string
		pattern string
		times   int
		fault   imagetest.Fault
		silence time.Duration
		count   string // requests, of which at least
		least   int
	}{
		{name: "busy resolve", pattern: "^HEAD", times: 1, fault: imagetest.Busy(1), count: "^HEAD", least: 2},
		{name: "busy blob", pattern: layer, times: 1, fault: imagetest.Busy(1), count: layer, least: 2},
		{name: "busy for a moment", pattern: layer, times: 3, fault: imagetest.Status(http.StatusTooManyRequests), count: layer, least: 4},
		{name: "errors", pattern: "^GET", times: 3, fault: imagetest.Status(http.StatusInternalServerError), count: "^GET", least: 4},
		{name: "bad gateway", pattern: "^HEAD", times: 2, fault: imagetest.Status(http.StatusBadGateway), count: "^HEAD", least: 3},
		{name: "unavailable", pattern: "^HEAD", times: 2, fault: imagetest.Status(http.StatusServiceUnavailable), count: "^HEAD", least: 3},
		{name: "cut manifest", pattern: "^GET /v2/app/manifests/", times: 1, fault: imagetest.Cut(100), count: "manifests", least: 3},
		{name: "cut blob", pattern: layer, times: 1, fault: imagetest.Cut(30_000), count: layer + " bytes=30000-", least: 1},
		// More often than the three streams that regclient allows a host unless
		// told otherwise, each resumption taking one.
		{name: "cut often", pattern: layer, times: 6, fault: imagetest.Cut(10_000), count: layer + " bytes=60000-", least: 1},
		{name: "cut at once", pattern: layer, times: 2, fault: imagetest.Cut(0), count: layer, least: 3},
		{name: "stalled blob", pattern: layer, times: 1, fault: imagetest.Stall(30_000), silence: 50 * time.Millisecond, count: layer + " bytes=30000-", least: 1},
		{name: "silent", pattern: "^GET", times: 2, fault: imagetest.Silent(), silence: 50 * time.Millisecond, count: "^GET", least: 4},
		{name: "slow", pattern: layer, times: 1, fault: imagetest.Slow(20_000, time.Millisecond), count: layer, least: 1},
		{name: "no digest in header", pattern: "manifests", times: 2, fault: imagetest.Header("Docker-Content-Digest", ""), count: "manifests", least: 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			reg := testRegistry(t)
			ref := push(t, reg, "app:v1", img)
			reg.Inject(tc.pattern, tc.times, tc.fault)
			o := options(t)
			o.Silence = tc.silence
			got := mustPull(t, ref, o)
			if s := readAll(t, got, "data"); len(s) < size {
				t.Errorf("/data has %d bytes", len(s))
			}
			if n := reg.Count(tc.count); n < tc.least {
				t.Errorf("%d requests match %s, want %d; all were:\n%s", n, tc.count, tc.least, strings.Join(reg.Requests(), "\n"))
			}
		})
	}
}

// TestFlakyBig: failures with progress between them do not add up.
func TestFlakyBig(t *testing.T) {
	t.Parallel()
	reg := testRegistry(t)
	ref := push(t, reg, "app:v1", imagetest.Image(t, bulky(9*progress)))
	reg.Inject("^GET .*/blobs/", 8, imagetest.Cut(progress+1))
	mustPull(t, ref, options(t))
	if n := reg.Count(" bytes="); n < attempts {
		t.Errorf("resumed %d times only", n)
	}
}

// TestFatalFaults: what cannot be made good is said clearly, and soon.
func TestFatalFaults(t *testing.T) {
	img := imagetest.Image(t, bulky(10_000))
	config, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	html := []byte("<html>please log in\x1b[31m</html>")
	for _, tc := range []struct {
		name    string
		pattern string
		fault   imagetest.Fault
		want    error // nil is any
		words   []string
	}{
		{"unknown", "^HEAD", imagetest.Status(404), detonaut.ErrNotFound, []string{"127.0.0.1"}},
		{"forbidden", "^HEAD", imagetest.Status(403), detonaut.ErrUnauthorized, []string{"127.0.0.1", "refuses access"}},
		{"unauthorised", "^HEAD", imagetest.Status(401), detonaut.ErrUnauthorized, []string{"127.0.0.1"}},
		{"forbidden blob", "^GET .*/blobs/", imagetest.Status(403), detonaut.ErrUnauthorized, []string{"blob sha256:"}},
		{"lost blob", "^GET .*/blobs/" + config.String(), imagetest.Status(404), detonaut.ErrNotFound, []string{"config", config.String()}},
		{"always down", ".", imagetest.Status(500), nil, []string{"127.0.0.1", "7 times", "500"}},
		{"always cut", "^GET .*/blobs/", imagetest.Cut(10), nil, []string{"blob sha256:", "7 times", "cut short"}},
		{"wait for hours", "^HEAD", imagetest.Busy(20_000), nil, []string{"asks to wait 20000 s", "429"}},
		{"wrong config", "^GET .*/blobs/" + config.String(), imagetest.Corrupt(), detonaut.ErrCorrupt, []string{"config", config.String()}},
		{"wrong layer", "^GET .*/blobs/", imagetest.Corrupt(), detonaut.ErrCorrupt, []string{"sha256:"}},
		{"wrong manifest", "^GET .*/manifests/", imagetest.Corrupt(), detonaut.ErrCorrupt, []string{"manifest sha256:"}},
		{"short blob", "^GET .*/blobs/", imagetest.Answer("application/octet-stream", []byte("{}")), detonaut.ErrCorrupt, []string{"sha256:"}},
		{"captive portal", "manifests", imagetest.Answer("text/html", html), detonaut.ErrUnsupported, []string{"text/html"}},
		{
			"huge manifest", "^GET .*/manifests/", imagetest.Answer(string(types.OCIManifestSchema1), make([]byte, maxManifest+1)),
			detonaut.ErrLimit,
			[]string{"manifest"},
		},
		{"huge error", ".", imagetest.Answer("text/html", make([]byte, 4*maxReply)), detonaut.ErrUnsupported, []string{"text/html"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			reg := testRegistry(t)
			ref := push(t, reg, "app:v1", img)
			reg.Inject(tc.pattern, -1, tc.fault)
			o := options(t)
			if tc.want != nil {
				wantPullError(t, ref, o, tc.want, tc.words...)
				return
			}
			_, err := Pull(t.Context(), detonaut.Ref(ref), o)
			for _, w := range append(tc.words, ref) {
				if err == nil || !strings.Contains(err.Error(), w) {
					t.Errorf("err = %v, want it to say %q", err, w)
				}
			}
			wantEmptyCache(t, o.CacheDir)
		})
	}
}

// TestFinal: nobody waits for what will not change.
func TestFinal(t *testing.T) {
	for err, want := range map[error]bool{
		&net.DNSError{Err: "no such host", IsNotFound: true}: true,
		&net.DNSError{Err: "timeout", IsTimeout: true}:       false,
		http.ErrSchemeMismatch:                               true,
		tls.RecordHeaderError{Msg: "plain"}:                  true,
		io.ErrUnexpectedEOF:                                  false,
		syscall.ECONNREFUSED:                                 false,
	} {
		if got := isFinal(fmt.Errorf("get: %w", err)); got != want {
			t.Errorf("isFinal(%v) = %v", err, got)
		}
	}
	reg := imagetest.NewTLSRegistry()
	t.Cleanup(reg.Close)
	ctx, giveUp := context.WithCancelCause(t.Context())
	defer giveUp(nil)
	wire := newTransport(ctx, giveUp, Options{Silence: time.Minute})
	defer wire.close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+reg.Host()+"/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := wire.RoundTrip(req)
	if err == nil {
		t.Errorf("status %d, want no trust", resp.StatusCode)
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	if cause := context.Cause(ctx); cause == nil || !strings.Contains(cause.Error(), "certificate") || !strings.Contains(cause.Error(), reg.Host()) {
		t.Errorf("cause = %v, want the host and its certificate", cause)
	}
}

func TestTLS(t *testing.T) {
	reg := imagetest.NewTLSRegistry()
	t.Cleanup(reg.Close)
	ref := push(t, reg, "app:v1", imagetest.Image(t, sample))
	// On loopback only an Insecure registry is spoken to with TLS; the address
	// counts, so another name for it does not.
	o := options(t)
	o.Insecure = []string{reg.Host()}
	checkSample(t, mustPull(t, ref, o))
}

// TestAuth: credentials come from where docker login leaves them.
func TestAuth(t *testing.T) {
	const user, password = "me", "secret"
	img := imagetest.Image(t, sample)
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	for name, login := range map[string]func(*imagetest.Registry, string, string){
		"basic": (*imagetest.Registry).RequireBasic, "token": (*imagetest.Registry).RequireToken,
	} {
		for _, tc := range []struct {
			name, config string
			allowed      bool
		}{
			{"none", `{}`, false},
			{"wrong", `{"auths":{"HOST":{"auth":"bWU6bm8="}}}`, false},
			{"other host", `{"auths":{"other.example":{"auth":"` + auth + `"}}}`, false},
			{"auths", `{"auths":{"HOST":{"auth":"` + auth + `"}}}`, true},
			{"credHelpers", `{"credHelpers":{"HOST":"test"}}`, true},
			{"credsStore", `{"credsStore":"test"}`, true},
			{"credsStore and auths", `{"auths":{"HOST":{}},"credsStore":"test"}`, true},
			{"broken", `{`, false},
		} {
			t.Run(name+" "+tc.name, func(t *testing.T) {
				reg := testRegistry(t)
				ref := push(t, reg, "app:v1", img)
				login(reg, user, password)
				credentials(t, reg.Host(), tc.config, user, password)
				if !tc.allowed {
					wantPullError(t, ref, options(t), detonaut.ErrUnauthorized, reg.Host())
					return
				}
				checkSample(t, mustPull(t, ref, options(t)))
			})
		}
	}
	t.Run("anonymous token", func(t *testing.T) {
		reg := testRegistry(t)
		ref := push(t, reg, "app:v1", img)
		reg.RequireToken("", "")
		checkSample(t, mustPull(t, ref, options(t)))
	})
}

// credentials makes config Docker's config.json, and a credential helper "test"
// that knows host.
func credentials(t *testing.T, host, config, user, password string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(strings.ReplaceAll(config, "HOST", host)), 0o600); err != nil {
		t.Fatal(err)
	}
	helper := fmt.Sprintf(`#!/bin/sh
case $1 in
list) echo '{"%[1]s":"%[2]s"}' ;;
get) echo '{"ServerURL":"%[1]s","Username":"%[2]s","Secret":"%[3]s"}' ;;
esac
`, host, user, password)
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-test"), []byte(helper), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// TestRedirect: blobs may come from elsewhere, credentials do not go there, be
// they asked for or not.
func TestRedirect(t *testing.T) {
	const user, password = "me", "secret"
	img := imagetest.Image(t, sample)
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	for _, asks := range []bool{false, true} {
		reg, other := testRegistry(t), testRegistry(t)
		ref := push(t, reg, "app:v1", img)
		push(t, other, "app:v1", img)
		reg.RequireBasic(user, password)
		if asks {
			other.RequireBasic(user, password)
		}
		_, port, err := net.SplitHostPort(other.Host())
		if err != nil {
			t.Fatal(err)
		}
		reg.Inject("^GET .*/blobs/", -1, imagetest.Redirect("http://localhost:"+port))
		var leaked atomic.Int32
		other.Inject(".", -1, func(w http.ResponseWriter, req *http.Request, next http.Handler, _ <-chan struct{}) {
			if req.Header.Get("Authorization") != "" {
				leaked.Add(1)
			}
			next.ServeHTTP(w, req)
		})
		credentials(t, reg.Host(), `{"auths":{"HOST":{"auth":"`+auth+`"}}}`, user, password)
		if asks {
			wantPullError(t, ref, options(t), detonaut.ErrUnauthorized, reg.Host())
		} else {
			checkSample(t, mustPull(t, ref, options(t)))
		}
		if n := leaked.Load(); n > 0 {
			t.Errorf("%d requests carry credentials elsewhere", n)
		}
		if other.Count("blobs") == 0 {
			t.Error("nobody was redirected")
		}
	}
}
