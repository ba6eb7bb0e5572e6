package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/specutils"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
)

// memoryLimit is how much memory this process may hold before it looks harder
// for what it no longer needs. What the subject makes its internet hold is about
// half as much garbage again otherwise.
const memoryLimit = 256 << 20

// Inside is the run, in the namespaces that Run made. It owns every file,
// mount and process of it.
func Inside() error {
	logFile := os.NewFile(logFD, "log")
	// Of a crash the runtime tells stderr, which is the subject's. What it cannot tell
	// the log either, nobody can.
	_ = debug.SetCrashOutput(logFile, debug.CrashOptions{})
	if err := inside(); err != nil {
		// 1 and 2 belong to the subject.
		fmt.Fprintln(logFile, "detonaut-chamber:", err)
		os.Exit(ExitCode(err))
	}
	return nil
}

func inside() error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	for fd := imageFD; fd < endFD; fd++ {
		unix.CloseOnExec(fd)
	}
	p, err := readPlan(os.NewFile(planFD, "plan"))
	if err != nil {
		return err
	}
	// gVisor's library would write to stderr, which is the subject's.
	log.SetTarget(&log.GoogleEmitter{Writer: &log.Writer{Next: io.Discard}})
	dir, err := privateDir()
	if err != nil {
		return err
	}
	// Where the machine itself runs out of memory, the sandbox goes first. Ours
	// is inherited; gVisor would set it once the subject runs, and fail when that
	// has ended by then. Without it the watch still holds the limit.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	debug.SetMemoryLimit(memoryLimit)
	tapeFile := os.NewFile(tapeFD, "tape")
	rec := newRecorder(tapeFile, p)
	sentry.Register()
	b := newBaits(p)
	if p.Detail != plan.Untraced {
		rec.baits = newSightings(b)
	}
	net, err := newInternet(p, b, rec)
	if err != nil {
		return err
	}
	defer net.close()
	box, err := newSandbox(dir, p, net)
	if err != nil {
		return err
	}
	defer box.close()
	return box.run(ctx, rec)
}

// privateDir makes the mounts of the namespace and returns a directory on a
// file system that nobody else sees and that ends with the namespace.
func privateDir() (string, error) {
	forbid := func(what string, err error) error {
		return fmt.Errorf("%w: %s: %w; in a container it needs --security-opt systempaths=unconfined", errForbidden, what, err)
	}
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return "", forbid("making the mounts private", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return "", forbid("mounting /proc", err)
	}
	// gVisor starts this program again by its path, so that must stay in sight.
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	for _, dir := range []string{"/mnt", "/media", "/srv", "/tmp", "/var/tmp", "/dev/shm", "/run"} {
		if strings.HasPrefix(self, dir+"/") {
			continue
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=16m,mode=0700"); err == nil {
			return dir, nil
		}
	}
	return "", forbid("mounting a tmpfs", errors.New("no directory like /mnt or /tmp can be mounted on"))
}

// sandbox is one gVisor sandbox and what is left of its life.
type sandbox struct {
	plan   *plan.Plan
	conf   *config.Config
	cont   *container.Container
	net    *internet
	events *wire.Stream
	// answers has what the sandbox answers to requests.
	answers chan answer
	// drained is closed when no more events will be read.
	drained   chan struct{}
	destroyed sync.Once
}

// sandboxID is fixed: every run has a root directory of its own.
const sandboxID = "subject"

// newSandbox boots the sandbox and plugs it into net, which stays the caller's.
// The subject does not run yet.
func newSandbox(dir string, p *plan.Plan, net *internet) (*sandbox, error) {
	bundle := filepath.Join(dir, "bundle")
	if err := os.MkdirAll(filepath.Join(bundle, "root"), 0o700); err != nil {
		return nil, fmt.Errorf("make bundle: %w", err)
	}
	spec := newSpec(p, filepath.Join(bundle, "root"))
	spec.Process.Env = slices.Concat(p.Env, net.baits.variables)
	if err := writeJSON(filepath.Join(bundle, "config.json"), spec); err != nil {
		return nil, err
	}
	session := filepath.Join(dir, "session.json")
	if err := writeJSON(session, sentry.Session(p, net.setup(), net.baits.variables, net.out.Wants(artifact.Payloads))); err != nil {
		return nil, err
	}
	conf, err := newConfig(filepath.Join(dir, "state"), session, os.Args[1:], p.Network)
	if err != nil {
		return nil, err
	}
	if err := specutils.FixConfig(conf, spec); err != nil {
		return nil, fmt.Errorf("fix sandbox config: %w", err)
	}
	cont, err := container.New(conf, container.Args{ID: sandboxID, Spec: spec, BundleDir: bundle, Attached: true})
	if err != nil {
		return nil, fmt.Errorf("%w: booting gVisor: %w", errForbidden, err)
	}
	s := &sandbox{plan: p, conf: conf, cont: cont, net: net, answers: make(chan answer, 4), drained: make(chan struct{})}
	if s.events, err = sentry.Accept(); err == nil {
		err = net.plugIn(cont.Sandbox.GetControlSocketPath(), conf)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func newConfig(state, session string, options []string, reach plan.Network) (*config.Config, error) {
	flags := flag.NewFlagSet("runsc", flag.ContinueOnError)
	config.RegisterFlags(flags)
	args := []string{
		"--root=" + state,
		"--platform=systrap",
		"--network=none",
		"--ignore-cgroups", // memory is watched instead: see watch.go
		"--overlay2=none",  // the root has its own, set in the spec
		"--allow-suid",
		"--pod-init-config=" + session,
		"--sidecar-usage-policy=LEGACY_DEPRECATED_SLOW_EMBEDDED_FALLBACK",
	}
	if reach != plan.None {
		args = append(args, "--net-raw") // as Docker allows; the answer is ours all the same
	}
	if slices.Contains(options, debugArg) {
		args = append(args, "--debug", fmt.Sprintf("--debug-log=/proc/self/fd/%d", debugFD))
	}
	if slices.Contains(options, straceArg) {
		args = append(args, "--strace")
	}
	if err := flags.Parse(args); err != nil {
		return nil, fmt.Errorf("set sandbox flags: %w", err)
	}
	conf, err := config.NewFromFlags(flags)
	if err != nil {
		return nil, fmt.Errorf("make sandbox config: %w", err)
	}
	return conf, nil
}

func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

// destroy ends whatever of the sandbox still lives. Its events can still be
// read to their end.
func (s *sandbox) destroy() {
	// Nothing depends on it: the namespace takes along what this leaves.
	s.destroyed.Do(func() { _ = s.cont.Destroy() })
}

// close destroys the sandbox and gives up its events.
func (s *sandbox) close() {
	s.destroy()
	if s.events != nil {
		_ = s.events.Close() // a socket that was only read
	}
}
