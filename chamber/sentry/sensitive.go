package sentry

import "strings"

// Paths whose reading is worth an event: they hold secrets of people, of
// clouds or of the host. The lists are of well-known places; rules decide what
// reading one means. Places that tell of a sandbox are in checks.go.
var (
	sensitivePaths = map[string]bool{
		"/etc/shadow": true, "/etc/shadow-": true, "/etc/gshadow": true, "/etc/gshadow-": true, "/etc/sudoers": true,
		"/etc/krb5.keytab": true, "/etc/ssl/private": true,
		"/proc/kcore": true, "/proc/kallsyms": true, "/dev/mem": true, "/dev/kmem": true,
		"/var/run/docker.sock": true, "/run/docker.sock": true, "/run/containerd/containerd.sock": true,
		"/proc/sysrq-trigger": true, "/proc/sys/kernel/core_pattern": true, "/proc/sys/kernel/modprobe": true,
	}
	sensitivePrefixes = []string{
		"/etc/sudoers.d/", "/etc/ssl/private/", "/run/secrets/", "/var/run/secrets/", "/proc/1/root", "/proc/1/environ",
		"/etc/kubernetes/", "/var/lib/kubelet/", "/host/", "/hostfs/",
	}
	sensitiveParts = []string{
		"/.ssh/", "/.aws/", "/.azure/", "/.config/gcloud/", "/.kube/", "/.docker/config.json", "/.gnupg/", "/.git-credentials",
		"/.netrc", "/.npmrc", "/.pypirc", "/.pgpass", "/.my.cnf", "/.bash_history", "/.mozilla/", "/.config/google-chrome/",
		"/.bitcoin/", "/.ethereum/", "/wallet.dat", "/release_agent",
	}
)

// sensitive tells whether reading path is worth an event.
func sensitive(path string) bool {
	if sensitivePaths[path] {
		return true
	}
	for _, p := range sensitivePrefixes {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	for _, p := range sensitiveParts {
		if strings.Contains(path, p) {
			return true
		}
	}
	return false
}
