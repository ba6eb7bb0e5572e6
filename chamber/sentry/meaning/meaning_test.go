package meaning

import "testing"

func TestSensitive(t *testing.T) {
	for path, want := range map[string]bool{
		"/etc/shadow": true, "/root/.ssh/id_rsa": true, "/home/a/.aws/credentials": true, "/run/secrets/token": true,
		"/proc/1/root/etc/passwd": true, "/proc/1/ns/mnt": true, "/proc/7/ns/mnt": false,
		"/etc/passwd": false, "/usr/lib/libc.so.6": false, "/var/lib/aws/x": false,
		"/proc/12/environ": true, "/proc/12/mem": true, "/proc/12/status": false, "/proc/sys/vm/mem": false, "/proc/meminfo": false,
	} {
		if got := Sensitive(path); got != want {
			t.Errorf("Sensitive(%q) = %t, want %t", path, got, want)
		}
	}
}

func TestInFiles(t *testing.T) {
	for path, want := range map[string]bool{
		"/root/.ssh/id_rsa": true, "/home/a/.mozilla/firefox": true, "/var/run/secrets/kubernetes.io": true, "/run/secrets/db": true,
		"/etc/shadow": false, "/proc/1/root": false, "/host/etc": false, "/root/.ssh": false,
	} {
		if got := InFiles(path); got != want {
			t.Errorf("InFiles(%q) = %t, want %t", path, got, want)
		}
	}
}

func TestThroughFirst(t *testing.T) {
	for path, want := range map[string]bool{
		"/proc/1/root": true, "/proc/1/root/etc/passwd": true, "/proc/1/cwd/x": true, "/proc/1/ns/mnt": true,
		"/proc/1/rooted": false, "/proc/1/cwd": false, "/proc/1/cgroup": false, "/proc/12/root/etc/passwd": false, "/etc/passwd": false,
	} {
		if got := ThroughFirst(path); got != want {
			t.Errorf("ThroughFirst(%q) = %t, want %t", path, got, want)
		}
	}
}

// What a hook looks at by its first bytes alone has all that Reveals knows.
func TestWhatRevealsMayReveal(t *testing.T) {
	places := []string{"/sys/class/net/eth0/address", "/sys/class/dmi/id/product_name", "/proc/xen/capabilities"}
	for where := range tells {
		places = append(places, where)
	}
	for _, where := range places {
		if what := Reveals(where, func() string { return where }); what == "" {
			t.Errorf("%s tells nothing", where)
		}
		if !MayReveal([HeadSize]byte([]byte(where))) {
			t.Errorf("%s is not looked at", where)
		}
	}
}
