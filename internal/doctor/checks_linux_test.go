package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNamespaceRemedy makes a /proc/sys that forbids namespaces in two ways.
func TestNamespaceRemedy(t *testing.T) {
	sys := t.TempDir()
	if got := namespaceRemedy(sys); !strings.Contains(got, "--security-opt seccomp=unconfined") {
		t.Errorf("without a setting: got %q, want what a container needs", got)
	}
	for name, value := range map[string]string{
		"kernel/unprivileged_userns_clone":             "0\n",
		"kernel/apparmor_restrict_unprivileged_userns": "1\n",
		"user/max_user_namespaces":                     "12345\n",
	} {
		file := filepath.Join(sys, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := "as root: sysctl -w kernel.unprivileged_userns_clone=1; sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
	if got := namespaceRemedy(sys); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAvailable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meminfo")
	if _, ok := available(file); ok {
		t.Error("there is no file")
	}
	if err := os.WriteFile(file, []byte("MemTotal: 9 kB\nMemAvailable:    2048 kB\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, ok := available(file); !ok || got != 2048<<10 {
		t.Errorf("got %d, %t, want 2 MiB", got, ok)
	}
}
