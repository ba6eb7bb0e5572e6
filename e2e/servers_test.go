package e2e_test

import (
	"archive/tar"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// A server is an image as its project publishes it, but made of Debian's
// packages.
type server struct {
	name   string
	config v1.Config
	// script is the entrypoint, if it has one.
	script string
	// duration is how long it runs: time enough to be ready on a busy machine.
	duration string
	// port is where it listens, on every address.
	port string
	// processes is how many processes of program there are at least, those
	// included that were forked and never executed anything.
	program   string
	processes int
	// waits is set when it has no timer of its own: with nobody to serve, its run
	// is over early.
	waits bool
}

var path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const entrypoint = "/usr/local/bin/docker-entrypoint.sh"

// What the images of these projects do before they start the server, in short.
const (
	redisScript = `#!/bin/sh
set -e
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
	find . \! -user redis -exec chown redis '{}' +
	exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
fi
umask 0077
exec "$@"
`
	postgresScript = `#!/bin/sh
set -e
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA"
	chown -R postgres "$PGDATA"
	chmod 700 "$PGDATA"
	exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	initdb --username=postgres --auth=trust
fi
exec "$@" -c listen_addresses='*' -c unix_socket_directories=/tmp
`
)

var servers = []server{
	{
		name: "nginx", duration: "15s", port: "80", program: "/usr/sbin/nginx", processes: 1 + runtime.NumCPU(), waits: true, // worker_processes auto
		config: v1.Config{Cmd: []string{"nginx", "-g", "daemon off;"}, StopSignal: "SIGQUIT"},
	},
	{
		name: "postgres", duration: "40s", port: "5432", program: "/usr/lib/postgresql/", processes: 6, script: postgresScript,
		config: v1.Config{
			Entrypoint: []string{entrypoint}, Cmd: []string{"postgres"}, StopSignal: "SIGINT",
			Env: []string{"PGDATA=/var/lib/postgresql/data"}, Volumes: map[string]struct{}{"/var/lib/postgresql/data": {}},
		},
	},
	{
		name: "python", duration: "15s", port: "8000", program: "/usr/bin/python3", processes: 1,
		config: v1.Config{Cmd: []string{"python3", "-m", "http.server", "8000"}},
	},
	{
		name: "redis", duration: "15s", port: "6379", program: "/usr/bin/redis-", processes: 1, script: redisScript,
		config: v1.Config{
			Entrypoint: []string{entrypoint}, Cmd: []string{"redis-server"}, WorkingDir: "/data",
			Volumes: map[string]struct{}{"/data": {}},
		},
	},
}

// Ordinary servers are seen to listen and to fork, run until their time is up,
// and nothing is held against them.
func TestServers(t *testing.T) {
	dir := serverImages(t)
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := scan(t, "oci-dir:"+dir+":"+s.name, "--duration", s.duration)
			want := tape.TimeLimit
			if s.waits {
				want = tape.Quiescent
			}
			if r.Run.EndReason != string(want) {
				t.Errorf("the run ended with %s (%s), want %s; output:\n%s", r.Run.EndReason, r.Run.EndDetail, want, r.Run.Output)
			}
			if !listens(r.Run, s.port) {
				t.Errorf("listeners = %+v, want port %s of every address; output:\n%s", r.Run.Listeners, s.port, r.Run.Output)
			}
			n := 0
			for _, p := range r.Run.Processes {
				if strings.HasPrefix(p.Executable, s.program) {
					n++
				}
			}
			if n < s.processes {
				t.Errorf("%d processes of %s, want %d or more: %+v", n, s.program, s.processes, r.Run.Processes)
			}
			// Of its many programs a server starts a few; what starts it is one.
			u := r.Coverage.Unstarted
			if u == nil || u.Programs < 100 || u.Count >= u.Programs || u.Count < u.Programs-50 || slices.Contains(u.Paths, entrypoint) {
				t.Errorf("programs that never ran: %+v", u)
			}
			for _, c := range r.Coverage.Checks {
				if c.Name != "memory" || s.name != "postgres" { // which asks for the size of huge pages
					t.Errorf("it is said to look for a sandbox: %+v", c)
				}
			}
			if r.Verdict.Word != detonaut.Clean || len(findings(r)) > 0 {
				t.Errorf("verdict = %s (%+v), want %s and no findings; findings %+v, coverage %+v",
					r.Verdict.Word, r.Verdict.Reasons, detonaut.Clean, r.Findings, r.Coverage)
			}
		})
	}
}

func listens(r *detonaut.Run, port string) bool {
	for _, l := range r.Listeners {
		if l.Network == "tcp" && (l.Address == "0.0.0.0:"+port || l.Address == "[::]:"+port) {
			return true
		}
	}
	return false
}

// serverImages makes the images of all servers in one OCI layout.
func serverImages(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	layer, err := imagetest.TarLayer(testenv.Debian(t))
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]v1.Image{}
	for _, s := range servers {
		c := s.config
		c.Env = append([]string{path}, c.Env...)
		c.ExposedPorts = map[string]struct{}{s.port + "/tcp": {}}
		layers := []v1.Layer{layer}
		if s.script != "" {
			layers = append(layers, scriptLayer(t, s.script))
		}
		platform := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
		if images[s.name], err = imagetest.New(c, platform, layers...); err != nil {
			t.Fatal(err)
		}
	}
	if err := imagetest.WriteOCIDirs(images, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func scriptLayer(t *testing.T, script string) v1.Layer {
	t.Helper()
	layer, err := imagetest.Layer([]imagetest.File{{
		Header: tar.Header{Name: entrypoint[1:], Mode: 0o755}, Body: []byte(script),
	}}, imagetest.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	return layer
}
