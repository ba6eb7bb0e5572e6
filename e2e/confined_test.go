package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/testenv"
)

// systemCalls are the numbers of this machine, as golang.org/x/sys has them.
func systemCalls(t *testing.T) map[string]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys")
	list.Dir = testenv.Root(t)
	dir, err := list.Output()
	if err != nil {
		t.Fatalf("%s: %v", list, err)
	}
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "unix", "zsysnum_linux_"+runtime.GOARCH+".go"))
	if err != nil {
		t.Fatal(err)
	}
	numbers := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\s+SYS_(\w+)\s+= (\d+)$`).FindAllStringSubmatch(string(b), -1) {
		numbers[strings.ToLower(m[1])] = m[2]
	}
	if len(numbers) < 300 {
		t.Fatalf("there are only %d system calls", len(numbers))
	}
	return numbers
}

// A chamber works for an ordinary user who gets no new rights, under the filter of system calls
// that workers have in deploy. Without what docs/operating.md says that it needs it does not.
func TestConfined(t *testing.T) {
	numbers := systemCalls(t)
	b, err := os.ReadFile("../deploy/seccomp/worker.json")
	if err != nil {
		t.Fatal(err)
	}
	var profile struct{ Syscalls []struct{ Names []string } }
	if err := json.Unmarshal(b, &profile); err != nil {
		t.Fatal(err)
	}
	var refused []string
	for _, s := range profile.Syscalls {
		for _, name := range s.Names {
			if n, ok := numbers[name]; ok { // some are of other architectures
				refused = append(refused, n)
			}
		}
	}
	if len(refused) < 30 {
		t.Fatalf("only %d system calls are refused", len(refused))
	}
	client := testenv.Program(t, "./e2e/client")
	confine := testenv.Program(t, "./e2e/confine")
	stage := stageOf(t, func(dir string) error {
		if err := copyProgram(confine, dir); err != nil {
			return err
		}
		return stageImage(dir, "reach", client, v1.Config{Entrypoint: []string{"/client", "reach", "192.0.2.1:80"}})
	})
	all := users(t, stage)
	u := all[len(all)-1] // who is not root
	scan := func(refused []string) (string, error) {
		cmd := u.command(t, "confine", strings.Join(refused, ","), filepath.Join(stage, "detonaut"),
			"scan", "-q", "-o", "json", "oci-dir:"+filepath.Join(stage, "images", "reach"))
		out, err := cmd.Output()
		var r detonaut.Report
		if err := json.Unmarshal(out, &r); err != nil {
			return "", fmt.Errorf("%s: %w", cmd, err)
		}
		if r.Run == nil {
			return "", fmt.Errorf("it was not run: %+v", r.Stages)
		}
		return r.Run.EndReason, err
	}
	if reason, err := scan(refused); err != nil || reason != "exited" {
		t.Errorf("a chamber of a worker: %s, %v", reason, err)
	}
	for _, needs := range []string{"mount", "umount2", "pivot_root", "ptrace", "seccomp", "memfd_create"} {
		if reason, err := scan(slices.Concat(refused, []string{numbers[needs]})); err == nil {
			t.Errorf("without %s a chamber works (%s): docs/operating.md says that it does not", needs, reason)
		}
	}
}
