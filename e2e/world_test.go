//go:build linux

package e2e_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/testenv"
)

// world is an internet in network namespaces of its own; e2e/world.
type world struct {
	t     *testing.T
	pid   string // of a process from where it can be reached
	close func() // ends it

	mu    sync.Mutex
	lines []string // what came in since it was asked for last
}

// newWorld makes an internet that ends with the test.
func newWorld(t *testing.T) *world {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), testenv.Program(t, "./e2e/world")) // it ends with its stdin
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = namespaces(unix.CLONE_NEWNET|unix.CLONE_NEWNS, unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_ADMIN)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("make namespaces: %v; detonaut doctor says what this machine does not allow", err)
	}
	w := &world{t: t}
	said := bufio.NewReader(out)
	var reader sync.WaitGroup
	w.close = sync.OnceFunc(func() {
		in.Close()
		reader.Wait()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the world: %v", err)
		}
	})
	t.Cleanup(w.close)
	line, err := said.ReadString('\n')
	if err != nil {
		t.Fatalf("the world says %q, %v; run testdata/needs.sh test", line, err)
	}
	w.pid = strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "ready ")
	reader.Go(func() { w.read(said) })
	return w
}

func (w *world) read(said *bufio.Reader) {
	for {
		line, err := said.ReadString('\n')
		if err != nil {
			if err != io.EOF {
				w.t.Error(err)
			}
			return
		}
		w.mu.Lock()
		w.lines = append(w.lines, strings.TrimSuffix(line, "\n"))
		w.mu.Unlock()
	}
}

// saw returns what the hosts of the world have seen since it was called last,
// sorted, each once.
func (w *world) saw() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.lines
	w.lines = nil
	slices.Sort(lines)
	return slices.Compact(lines)
}

// command is scanCommand where the world is all that can be reached.
func (w *world) command(t *testing.T, ref string, args ...string) *exec.Cmd {
	t.Helper()
	enter := []string{"nsenter", "--target", w.pid, "--net", "--mount"}
	if os.Getuid() != 0 {
		enter = append(enter, "--user", "--preserve-credentials")
	}
	return scanCommand(t, append(enter, "--"), ref, args...)
}

// scan is scan where the world is all that can be reached.
func (w *world) scan(t *testing.T, ref string, args ...string) *detonaut.Report {
	t.Helper()
	return reported(t, ref, w.command(t, ref, args...))
}

// visiting is the flag that has the visitor go to places.
func visiting(places ...string) []string {
	return []string{"--entrypoint", `["/visitor","` + strings.Join(places, `","`) + `"]`}
}
