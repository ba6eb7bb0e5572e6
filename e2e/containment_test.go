//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/actors/cast"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// stageVariable tells the test that it runs inside a network of its own, and
// names the directory with all that it needs.
const stageVariable = "DETONAUT_CONTAINMENT_STAGE"

// TestContainment proves that nothing which a subject sends leaves the sandbox,
// to the host or beyond.
//
// It starts itself again in a network namespace that stands for the host: there
// is nobody in it but the test and Detonaut, and whatever leaves it, to any
// address of the world, comes to a neighbour of the test's own. So every packet
// that there is can be counted, one is one too many, and nothing is left of it
// all when the test ends, however it ends.
func TestContainment(t *testing.T) {
	if stage := os.Getenv(stageVariable); stage != "" {
		contained(t, stage)
		return
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestContainment$", "-test.v")
	cmd.Env = append(os.Environ(), stageVariable+"="+newStage(t))
	cmd.SysProcAttr = namespaces(unix.CLONE_NEWNET, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_SYS_ADMIN)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// newStage makes a directory that every user can read, with the programs and
// images of the test.
func newStage(t *testing.T) (dir string) {
	t.Helper()
	program := testenv.Program(t, "./e2e/client")
	return stageOf(t, func(dir string) error {
		if err := copyProgram(program, dir); err != nil {
			return err
		}
		if err := cast.Build(t.Context(), testenv.Root(t), filepath.Join(dir, "images"), cast.All()); err != nil {
			return err
		}
		return stageImage(dir, "reach", program, v1.Config{Entrypoint: []string{"/client", "reach"}})
	})
}

// stageOf makes a directory that every user can read, with Detonaut and what
// furnish puts into it. The programs are copies: whoever runs them is of this
// test.
func stageOf(t *testing.T, furnish func(dir string) error) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "stage-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, name := range []string{"detonaut", "detonaut-chamber"} {
		if err := copyProgram(filepath.Join(testenv.Binaries(t), name), dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := furnish(dir); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(file, 0o755) // whoever made it, and for whom
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func copyProgram(file, dir string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, filepath.Base(file)), content, 0o755)
}

// stageImage puts an image of one program into a stage.
func stageImage(dir, name, program string, config v1.Config) error {
	img, err := imagetest.New(config, v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
	if err == nil {
		img, err = imagetest.AddFile(img, "/"+filepath.Base(program), program)
	}
	if err == nil {
		err = imagetest.WriteOCIDir(img, filepath.Join(dir, "images", name))
	}
	return err
}

// The addresses of the cable between the host and its neighbour. The host has
// one more, which is that of the subject's gateway, and of Docker's own bridge.
const (
	host4, host6           = "198.51.100.1", "fd5d:c0de::1"
	neighbour4, neighbour6 = "198.51.100.2", "fd5d:c0de::2"
	bridge                 = "172.17.0.1"
)

// contained is the test inside the host's namespace.
func contained(t *testing.T, stage string) {
	p := newPlace(t)
	all := users(t, stage)
	for i, u := range all {
		t.Run(u.name, func(t *testing.T) {
			for j, network := range []string{"simulated", "none"} {
				t.Run(network, func(t *testing.T) {
					p.control(t, u)
					if len(all) == 1 || i == j { // every actor for every user, and in every network
						p.play(t, u, network)
					}
					p.reach(t, u, network)
					p.control(t, u)
				})
			}
		})
	}
}

// control shows that the ears hear: the same program, in no sandbox, is heard
// by all of them.
func (p *place) control(t *testing.T, u user) {
	t.Helper()
	if out, err := u.command(t, "client", append([]string{"reach"}, p.all()...)...).CombinedOutput(); err != nil {
		t.Fatalf("client: %v\n%s", err, out)
	}
	var heard string
	for list := p.heard(t); len(list) > 0; list = p.heard(t) { // to hear a connection is to end it, which is heard
		heard += strings.Join(list, "\n") + "\n"
	}
	for _, e := range p.ears {
		if !strings.Contains(heard, e.name) {
			t.Errorf("%s hears nothing of a program in no sandbox; heard:\n%s", e.name, heard)
		}
	}
	for _, a := range p.strangers {
		if addr := netip.MustParseAddrPort(a).Addr(); !strings.Contains(heard, "for "+addr.String()) {
			t.Errorf("the neighbour does not hear what is sent to %s", addr)
		}
	}
}

// play scans every actor and listens.
func (p *place) play(t *testing.T, u user, network string) {
	t.Helper()
	var list strings.Builder
	for _, a := range cast.All() {
		fmt.Fprintf(&list, "oci-dir:%s\n", filepath.Join(u.stage, "images", a.Name))
	}
	keep := filepath.Join(u.dir, "actors-"+network)
	cmd := u.command(t, "detonaut", "scan", "-q", "-o", "json", "--network", network, "--duration", "3s", "--jobs", "6", "--keep", keep, "--list", "-")
	cmd.Stdin = strings.NewReader(list.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	if tapes, err := filepath.Glob(filepath.Join(keep, "*", "tape.jsonl.zst")); err != nil || len(tapes) != len(cast.All()) {
		t.Errorf("%d actors played, want %d: %v", len(tapes), len(cast.All()), err)
	}
	if heard := p.heard(t); len(heard) > 0 {
		t.Errorf("of the actors there was heard:\n%s", strings.Join(heard, "\n"))
	}
}

// reach scans the program that tries to reach all, listens, and sees that it
// has tried.
func (p *place) reach(t *testing.T, u user, network string) {
	t.Helper()
	keep := filepath.Join(u.dir, "reach-"+network)
	cmd := u.command(t, "detonaut", "scan", "-q", "-o", "json", "--network", network, "--keep", keep,
		"--cmd", strings.Join(p.all(), " "), "oci-dir:"+filepath.Join(u.stage, "images", "reach"))
	out, err := cmd.Output()
	var r detonaut.Report
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	if err != nil || r.Run == nil || r.Coverage.Dropped != 0 {
		t.Fatalf("%s: %v, %+v\n%s", cmd, err, r.Coverage, out)
	}
	if heard := p.heard(t); len(heard) > 0 {
		t.Errorf("of who tried to reach all there was heard:\n%s", strings.Join(heard, "\n"))
	}
	events := kept(t, keep)
	for _, a := range p.all() {
		addr := netip.MustParseAddrPort(a).Addr()
		want := "connected"
		switch {
		case addr.IsLoopback():
			want = "connection refused" // its own
		case network == "none":
			want = "network is unreachable"
		default:
			answered(t, events, "tcp", a)
			answered(t, events, "udp", a)
			answered(t, events, "icmp", addr.String())
		}
		if !regexp.MustCompile("(?m)^" + regexp.QuoteMeta(a) + ": .*" + want + "$").MatchString(r.Run.Output) {
			t.Errorf("there is no %q of %s in the output:\n%s", want, a, r.Run.Output)
		}
	}
	if network == "none" && slices.ContainsFunc(events, func(e *tape.Event) bool { return e.Kind == tape.FlowEnded }) {
		t.Error("without a network there was a flow")
	}
}

// answered wants a flow on the tape to which we are the other end.
func answered(t *testing.T, events []*tape.Event, network, address string) {
	t.Helper()
	if !slices.ContainsFunc(events, func(e *tape.Event) bool {
		return e.Kind == tape.FlowEnded && e.FlowEnd.Network == network && e.FlowEnd.Remote == address && e.FlowEnd.Sent > 0 && e.FlowEnd.End != "refused"
	}) {
		t.Errorf("no flow of %s to %s on the tape", network, address)
	}
}

func (p *place) all() []string { return slices.Concat(p.targets, p.strangers) }

// user is somebody who runs Detonaut.
type user struct {
	name       string
	stage, dir string
	credential *syscall.Credential // nil for who runs the test
}

// users are those that the test can be.
func users(t *testing.T, stage string) (list []user) {
	t.Helper()
	const somebody = 61_234 // whom no machine knows
	list = []user{{name: "ordinary user"}}
	if os.Getuid() == 0 {
		list = []user{{name: "root"}, {name: "ordinary user", credential: &syscall.Credential{Uid: somebody, Gid: somebody}}}
	}
	for i := range list {
		u := &list[i]
		u.stage, u.dir = stage, filepath.Join(stage, strings.ReplaceAll(u.name, " ", "-"))
		if err := os.Mkdir(u.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if c := u.credential; c != nil {
			if err := os.Chown(u.dir, int(c.Uid), int(c.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return list
}

// command is a program of the stage, run by the user.
func (u user) command(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	args = append([]string{filepath.Join(u.stage, program)}, args...)
	if os.Getuid() != 0 {
		// What the test may do in its namespace is not for others.
		args = append([]string{"setpriv", "--ambient-caps=-all", "--inh-caps=-all", "--"}, args...)
	}
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = u.dir
	cmd.Env = append(os.Environ(), "HOME="+u.dir, "TMPDIR="+u.dir, "XDG_CACHE_HOME="+u.dir, "XDG_CONFIG_HOME="+u.dir, "DETONAUT_CHAMBER=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: u.credential}
	return cmd
}
