package config_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/static/config"
)

var today = time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)

// check checks the image of a text, made by some instructions on a day.
func check(t *testing.T, text string, made time.Time, history ...string) []detonaut.Finding {
	t.Helper()
	img, err := imagetest.Built(imagetest.Image(t, text), made, history...)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "image")
	if err := imagetest.WriteOCIDir(img, dir); err != nil {
		t.Fatal(err)
	}
	pulled, err := image.Pull(t.Context(), detonaut.Ref("oci-dir:"+dir), image.Options{CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pulled.Close() })
	root, err := pulled.FS()
	if err != nil {
		t.Fatal(err)
	}
	return config.Check(&config.Subject{Image: pulled.Image, Index: pulled.Index, FS: root, Now: today})
}

// An image as one should be, to which each case of TestCheck adds one thing.
const (
	goodHead = "ENTRYPOINT [\"/app\"]\nUSER 1000:1000\nHEALTHCHECK [\"CMD\", \"/app\"]\n"
	goodRoot = "-- /etc/os-release --\nID=debian\nVERSION_ID=\"13\"\n-- /etc/passwd --\nroot:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n" +
		"-- /app 0755 --\n-- /tmp/ 1777 --\n-- /etc/ --\n"
)

func TestCheck(t *testing.T) {
	recent := today.AddDate(0, -1, 0)
	for _, tc := range []struct {
		name, head, root string
		made             time.Time
		history          []string
		want             string // "id: evidence", "" for nothing
	}{
		{name: "nothing"},
		{name: "another user", head: "USER 0:0", want: "root-user: USER 0:0"},
		{name: "another name for root", head: "USER toor", want: "root-user: USER toor, and /etc/passwd has toor:x:0:0::/:/bin/sh"},
		{name: "no health check", head: "HEALTHCHECK [\"NONE\"]", want: "no-healthcheck: NONE"},
		{name: "a port", head: "EXPOSE 22/tcp", want: "risky-port: EXPOSE 22/tcp: SSH"},
		{name: "ports as they should be", head: "EXPOSE 80/tcp\nEXPOSE 8443/tcp\nEXPOSE 514/udp"},
		{name: "the engine's socket", head: "VOLUME /var/run/docker.sock", want: "docker-socket: VOLUME /var/run/docker.sock"},
		{name: "added", history: []string{"/bin/sh -c #(nop) ADD https://example.com/a.tgz in / "}, want: "added-from-afar: /bin/sh -c #(nop) ADD https://example.com/a.tgz in /"},
		{name: "added and checked", history: []string{"ADD --checksum=sha256:aa https://example.com/a.tgz / # buildkit", "ADD rootfs.tar.xz / # buildkit"}},
		{name: "update", history: []string{"RUN /bin/sh -c apt-get update # buildkit", "/bin/sh -c apt-get update"}, want: "update-alone: RUN /bin/sh -c apt-get update # buildkit"},
		{name: "update and more", history: []string{"/bin/sh -c apt-get update && apt-get install -y nginx"}},
		{name: "unverified", history: []string{"RUN /bin/sh -c curl -fsSL https://example.com/i.sh | sh # buildkit"}, want: "unverified: RUN /bin/sh -c curl -fsSL https://example.com/i.sh | sh # buildkit"},
		{name: "downloaded", history: []string{"RUN /bin/sh -c curl -fsSL https://example.com/a | tar xz # buildkit"}},
		{name: "base", head: "LABEL org.opencontainers.image.base.name=docker.io/library/debian:latest", want: "unpinned-base: org.opencontainers.image.base.name is docker.io/library/debian:latest"},
		{name: "pinned base", head: "LABEL org.opencontainers.image.base.name=localhost:5000/debian:13"},
		{name: "old", made: today.AddDate(-3, 0, 0), want: "old-build: it says that it was built on 2023-11-30"},
		{name: "of no day", made: time.Unix(0, 0)},
		{name: "setuid", root: "-- /bin/su 4755 --\nx\n", want: "setuid: 4755, owner 0:0 /bin/su"},
		{name: "a directory with a group's rights", root: "-- /var/mail/ 2775 --\n"},
		{name: "capabilities", root: "-- /bin/ping 0755 security.capability=x --\nx\n", want: "capabilities: it has the attribute security.capability /bin/ping"},
		{name: "world-writable", root: "-- /usr/bin/tool 0777 --\nx\n", want: "world-writable: 0777 /usr/bin/tool"},
		{name: "links are writable for all", root: "-- /usr/bin/link -> tool --\n-- /usr/lib/sticky/ 1777 --\n"},
		{name: "a server for logging in", root: "-- /usr/sbin/sshd 0755 --\nx\n", want: "ssh-server: a server /usr/sbin/sshd"},
		{name: "a key of a server", root: "-- /etc/ssh/ssh_host_ed25519_key 0600 --\nx\n", want: "ssh-host-key: a private key of the server /etc/ssh/ssh_host_ed25519_key"},
		{name: "the public half", root: "-- /etc/ssh/ssh_host_ed25519_key.pub --\nx\n"},
		{name: "who may log in", root: "-- /root/.ssh/authorized_keys 0600 --\nx\n", want: "ssh-host-key: keys that may log in /root/.ssh/authorized_keys"},
		{name: "an old distribution", root: "-- LAYER --\n-- /etc/os-release --\nID=debian\nVERSION_ID=\"10\"\n", want: "end-of-life: debian 10 was mended until 2024-06-30"},
		{name: "a point release", root: "-- LAYER --\n-- /etc/os-release --\nID=alpine\nVERSION_ID=3.18.4\n", want: "end-of-life: alpine 3.18.4 was mended until 2025-05-09"},
		{name: "one that nobody knows", root: "-- LAYER --\n-- /etc/os-release --\nID=wolfi\nVERSION_ID=20230201\n"},
		{name: "leftovers", root: "-- /var/lib/apt/lists/deb.example_debian_dists_x_main_binary-amd64_Packages --\nab\n-- /root/.cache/pip/http/a --\nc\n", want: "leftovers: of apt: 3 bytes in 1 files /var/lib/apt/lists/deb.example_debian_dists_x_main_binary-amd64_Packages"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.made.IsZero() {
				tc.made = recent
			}
			found := check(t, goodHead+tc.head+"\n"+goodRoot+tc.root, tc.made, tc.history...)
			if tc.want == "" && len(found) > 0 || tc.want != "" && len(found) != 1 {
				t.Fatalf("%d findings: %+v", len(found), found)
			}
			if tc.want == "" {
				return
			}
			f := found[0]
			e := f.Evidence[0]
			got := strings.TrimPrefix(f.ID, "config/") + ": " + strings.TrimSpace(e.Summary+" "+e.Path)
			if got != tc.want {
				t.Errorf("found %q, want %q", got, tc.want)
			}
			if !f.Weakness || f.Confidence != detonaut.Certain || f.Count != max(len(tc.history), f.Count) || (e.Path != "") != (e.Layer != "") {
				t.Errorf("%+v", f)
			}
		})
	}
}

// What an image says is bounded, however much there is of it.
func TestBounds(t *testing.T) {
	var history []string
	for range 100 {
		history = append(history, "ADD https://example.com/"+strings.Repeat("a", 1000)+" /")
	}
	found := check(t, goodHead+goodRoot, today, history...)
	if len(found) != 1 || found[0].Count != 100 || len(found[0].Evidence) != 8 || len(found[0].Evidence[0].Summary) > 210 {
		t.Errorf("%+v", found)
	}
}

// The ids are in order, each once, and documented.
func TestNames(t *testing.T) {
	var ids []string
	for _, f := range check(t, "USER root\nEXPOSE 22\n-- /bin/su 4755 --\n-- /etc/ 0777 --\n", today) {
		ids = append(ids, f.ID)
		if !regexp.MustCompile(`^config/[a-z-]+$`).MatchString(f.ID) || f.Title == "" || f.Meaning == "" {
			t.Errorf("%+v", f)
		}
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) || len(ids) < 4 {
		t.Errorf("ids %q", ids)
	}
}
