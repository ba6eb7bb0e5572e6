package deploy_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// needed are system calls without which a chamber does not work: found by forbidding each.
var needed = []string{"clone", "mount", "umount2", "pivot_root", "ptrace", "seccomp", "memfd_create", "mseal", "unshare"}

// units are at most as exposed as that, as systemd-analyze counts, from 0 to 100.
var units = map[string]string{"detonaut.service": "20", "detonaut-worker@.service": "45"}

func TestUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Fatalf("%v: install systemd, or run testdata/needs.sh test", err)
	}
	for name, exposure := range units {
		b, err := os.ReadFile(filepath.Join("systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		// The program is not where it will be.
		text := strings.ReplaceAll(string(b), "/usr/local/bin/detonaut", "/bin/true")
		text = strings.ReplaceAll(text, "User=detonaut", "User=daemon")
		text = strings.ReplaceAll(text, "Group=detonaut", "Group=daemon")
		unit := filepath.Join(t.TempDir(), strings.Replace(name, "@", "@1", 1))
		if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit).CombinedOutput()
		if err != nil || len(strings.TrimSpace(string(out))) > 0 {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		out, err = exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold="+exposure, unit).CombinedOutput()
		if err != nil {
			t.Errorf("%s is more exposed than %s: %v: %s", name, exposure, err, out)
		}
	}
}

// setting is the last value of a key of a unit.
func setting(t *testing.T, unit, key string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("systemd", unit))
	if err != nil {
		t.Fatal(err)
	}
	value := ""
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			value = v
		}
	}
	return value
}

// What a chamber needs is left to the unit of workers: the opposite was seen not to work.
func TestUnitLeavesWhatChambersNeed(t *testing.T) {
	const unit = "detonaut-worker@.service"
	for _, key := range []string{"ProtectKernelTunables", "ProtectKernelLogs", "ProcSubset", "MemoryDenyWriteExecute", "ProtectHostname", "PrivateUsers"} {
		if v := setting(t, unit, key); v != "" && v != "no" && v != "all" {
			t.Errorf("%s=%s", key, v)
		}
	}
	for _, ns := range []string{"user", "mnt", "pid", "net", "ipc", "uts"} {
		if !slices.Contains(strings.Fields(setting(t, unit, "RestrictNamespaces")), ns) {
			t.Errorf("no namespace of kind %s may be made", ns)
		}
	}
	if v := setting(t, unit, "SystemCallErrorNumber"); v != "EPERM" {
		t.Errorf("SystemCallErrorNumber=%s: a call that is refused would kill", v)
	}
	filter, ok := strings.CutPrefix(setting(t, unit, "SystemCallFilter"), "~")
	if !ok {
		t.Error("the filter is no list of what is forbidden")
	}
	for _, f := range strings.Fields(filter) {
		calls := []string{f}
		if strings.HasPrefix(f, "@") {
			out, err := exec.Command("systemd-analyze", "syscall-filter", f).Output()
			if err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			calls = strings.Fields(string(out))
		}
		for _, call := range needed {
			if slices.Contains(calls, call) {
				t.Errorf("%s forbids %s", f, call)
			}
		}
	}
	longer(t, setting(t, unit, "TimeoutStopSec"), strings.TrimPrefix(grace(t, unit), "DETONAUT_WORKER_GRACE="))
}

func grace(t *testing.T, unit string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("systemd", unit))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' || r == ' ' || r == '=' }) {
		if strings.HasPrefix(f, "DETONAUT_WORKER_GRACE") {
			_, rest, _ := strings.Cut(string(b), f+"=")
			return strings.Fields(rest)[0]
		}
	}
	return ""
}

func TestSeccomp(t *testing.T) {
	b, err := os.ReadFile("seccomp/worker.json")
	if err != nil {
		t.Fatal(err)
	}
	var profile struct {
		DefaultAction string
		Architectures []string
		Syscalls      []struct {
			Names    []string
			Action   string
			ErrnoRet int
			Comment  string
		}
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&profile); err != nil {
		t.Fatal(err)
	}
	want(t, "what is not named", profile.DefaultAction, "SCMP_ACT_ALLOW")
	for _, s := range profile.Syscalls {
		want(t, "what is named", s.Action, "SCMP_ACT_ERRNO")
		if s.ErrnoRet == 0 || len(s.Names) < 20 || !slices.IsSorted(s.Names) {
			t.Errorf("%d names, errno %d", len(s.Names), s.ErrnoRet)
		}
		for _, call := range needed {
			if slices.Contains(s.Names, call) {
				t.Errorf("%s is forbidden", call)
			}
		}
	}
}
