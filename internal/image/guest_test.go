package image

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/reach"
)

// guest are options of a pull for a guest who reaches the internet, and what is allowed.
func guest(t *testing.T, r reach.Options) Options {
	t.Helper()
	p, err := reach.New(r)
	if err != nil {
		t.Fatal(err)
	}
	o := options(t)
	o.Guest = &Guest{Reach: p}
	return o
}

func TestGuestRegistry(t *testing.T) {
	reg := testRegistry(t)
	ref := push(t, reg, "app:v1", imagetest.Image(t, sample))
	wantPullError(t, ref, guest(t, reach.Options{}), reach.ErrRefused, reg.Host())
	if n := reg.Count("."); n > 0 {
		t.Errorf("%d requests arrived that were not allowed", n)
	}
	checkSample(t, mustPull(t, ref, guest(t, reach.Options{Allow: []string{reg.Host()}})))
	checkSample(t, mustPull(t, ref, guest(t, reach.Options{Allow: []string{"127.0.0.0/8"}})))
}

// TestGuestProxy: what the environment says of proxies is not for guests.
func TestGuestProxy(t *testing.T) {
	proxy := testRegistry(t)
	t.Setenv("HTTP_PROXY", "http://"+proxy.Host())
	t.Setenv("HTTPS_PROXY", "http://"+proxy.Host())
	nowhere := reach.Options{Allow: []string{proxy.Host()}, Lookup: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
	}}
	wantPullError(t, "registry.example/app:v1", guest(t, nowhere), reach.ErrRefused)
	if n := proxy.Count("."); n > 0 {
		t.Errorf("%d requests went by a proxy", n)
	}
}

func TestGuestNothingOfThisMachine(t *testing.T) {
	o := guest(t, reach.Options{Allow: []string{"0.0.0.0/0", "::/0"}})
	o.Stdin = strings.NewReader("")
	for _, ref := range []string{"oci-dir:/etc", "oci-archive:/etc/passwd", "docker-archive:/etc/passwd", "docker:nginx", "docker:0123456789ab", "-"} {
		wantPullError(t, ref, o, detonaut.ErrUsage)
		if _, err := ParseRemote(detonaut.Ref(ref)); !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("parse %s: got %v, want ErrUsage", ref, err)
		}
	}
}

// TestGuestRedirect: a registry that may be reached cannot lead to what may not.
func TestGuestRedirect(t *testing.T) {
	inner := testRegistry(t)
	img := imagetest.Image(t, sample)
	push(t, inner, "app:v1", img)
	_, port, _ := net.SplitHostPort(inner.Host())
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "169.254.169.254", "[::ffff:169.254.169.254]", "0.0.0.0"} {
		for _, what := range []string{"^GET .*/blobs/", "^(GET|HEAD) .*/manifests/"} {
			t.Run(host+" "+what, func(t *testing.T) {
				reg := testRegistry(t)
				ref := push(t, reg, "app:v1", img)
				reg.Inject(what, -1, imagetest.Redirect("http://"+host+":"+port))
				wantPullError(t, ref, guest(t, reach.Options{Allow: []string{reg.Host()}}), reach.ErrRefused)
			})
		}
	}
	if n := inner.Count("."); n > 0 {
		t.Errorf("%d requests arrived that were not allowed", n)
	}
}

// TestGuestToken: the server that gives tokens is reached as any other.
func TestGuestToken(t *testing.T) {
	inner, reg := testRegistry(t), testRegistry(t)
	ref := push(t, reg, "app:v1", imagetest.Image(t, sample))
	reg.Inject("/v2/", -1, func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, inner.Host()))
		w.WriteHeader(http.StatusUnauthorized)
	})
	wantPullError(t, ref, guest(t, reach.Options{Allow: []string{reg.Host()}}), reach.ErrRefused)
	if n := inner.Count("."); n > 0 {
		t.Errorf("%d requests arrived that were not allowed", n)
	}
}

// TestGuestNames: of a name with two addresses only that is connected to which may be, and
// one that means another address later is refused then.
func TestGuestNames(t *testing.T) {
	reg := testRegistry(t)
	push(t, reg, "app:v1", imagetest.Image(t, sample))
	_, port, _ := net.SplitHostPort(reg.Host())
	var asked atomic.Int32
	lookup := func(_ context.Context, name string) ([]netip.Addr, error) {
		inner, outer := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("127.0.0.1")
		switch {
		case name == "two.example.":
			return []netip.Addr{inner, outer}, nil
		case asked.Add(1) > 1:
			return []netip.Addr{inner}, nil
		}
		return []netip.Addr{outer}, nil
	}
	o := guest(t, reach.Options{Allow: []string{"127.0.0.1"}, Lookup: lookup})
	o.PlainHTTP = []string{"two.example:" + port, "rebinding.example:" + port}
	checkSample(t, mustPull(t, "two.example:"+port+"/app:v1", o))

	o.CacheDir = t.TempDir()
	reg.Inject(".", -1, func(w http.ResponseWriter, req *http.Request, next http.Handler, _ <-chan struct{}) {
		w.Header().Set("Connection", "close") // so that each request asks for the name
		next.ServeHTTP(w, req)
	})
	wantPullError(t, "rebinding.example:"+port+"/app:v1", o, reach.ErrRefused)
}

// TestGuestLogins: the operator's credentials are for those registries that the operator
// names.
func TestGuestLogins(t *testing.T) {
	const user, password = "me", "secret"
	reg := testRegistry(t)
	ref := push(t, reg, "app:v1", imagetest.Image(t, sample))
	reg.RequireBasic(user, password)
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	credentials(t, reg.Host(), `{"auths":{"HOST":{"auth":"`+auth+`"}}}`, user, password)
	o := guest(t, reach.Options{Allow: []string{reg.Host()}})
	wantPullError(t, ref, o, detonaut.ErrUnauthorized, reg.Host())
	o.Guest.Logins = []string{reg.Host()}
	checkSample(t, mustPull(t, ref, o))
}

func TestParseRemote(t *testing.T) {
	d := "sha256:" + strings.Repeat("a", 64)
	for ref, want := range map[string]Remote{
		"nginx":                          {"docker.io", "library/nginx", "latest", ""},
		"registry:ghcr.io/a/b:1.2":       {"ghcr.io", "a/b", "1.2", ""},
		"10.0.0.1:5000/app@" + d:         {"10.0.0.1:5000", "app", "", detonaut.Digest(d)},
		"registry.example/app:v1@" + d:   {"registry.example", "app", "v1", detonaut.Digest(d)},
		"docker.io/library/nginx:latest": {"docker.io", "library/nginx", "latest", ""},
	} {
		got, err := ParseRemote(detonaut.Ref(ref))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", ref, err, diff)
		}
		if again, err := ParseRemote(detonaut.Ref(got.String())); err != nil || again != got {
			t.Errorf("%s: %s is parsed as %+v and %v", ref, got, again, err)
		}
	}
}
