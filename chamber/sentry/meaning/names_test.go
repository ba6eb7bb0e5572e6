package meaning

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestFlagNames(t *testing.T) {
	for _, tc := range []struct {
		flags uint64
		names []flagName
		want  string
	}{
		{0, cloneFlags, "0x0"},
		{unix.CLONE_NEWNS | unix.CLONE_NEWUSER, cloneFlags, "CLONE_NEWNS|CLONE_NEWUSER"},
		{unix.MS_BIND | 1<<40, mountFlags, "MS_BIND|0x10000000000"},
	} {
		if got := flagNames(tc.flags, tc.names); got != tc.want {
			t.Errorf("flagNames(%#x) = %q, want %q", tc.flags, got, tc.want)
		}
	}
	if got, want := OpenFlags(unix.O_RDWR|unix.O_CREAT|unix.O_EXCL), "O_RDWR|O_CREAT|O_EXCL"; got != want {
		t.Errorf("OpenFlags = %q, want %q", got, want)
	}
}

func TestIsCode(t *testing.T) {
	for path, want := range map[string]bool{
		"/usr/lib/python3/dist-packages/yaml/__init__.py": true, "/app/index.MJS": true, "/opt/a.jar": true, "x.rb": true,
		"/usr/lib/libc.so.6": false, "/etc/passwd": false, "/app.js/README": false, "/app.": false, "": false, "/js": false,
	} {
		if got := IsCode(path); got != want {
			t.Errorf("%s: got %t, want %t", path, got, want)
		}
	}
}
