package runner

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/detonaut/detonaut/chamber/plan"
)

// capabilities are those that Docker gives a container. None reaches beyond the
// sandbox, whose kernel is gVisor; without a network gVisor drops NET_RAW.
var capabilities = []string{
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// newSpec turns a plan into the OCI runtime spec of its sandbox. root is an
// empty directory: the root file system is the image.
func newSpec(p *plan.Plan, root string) *specs.Spec {
	return &specs.Spec{
		Version:  specs.Version,
		Hostname: p.Hostname,
		Root:     &specs.Root{Path: root},
		Process: &specs.Process{
			Args: p.Args,
			Env:  p.Env,
			Cwd:  p.Dir,
			User: specs.User{UID: p.User.UID, GID: p.User.GID, AdditionalGids: p.User.Groups},
			Capabilities: &specs.LinuxCapabilities{
				Bounding: capabilities, Effective: capabilitiesOf(p.User), Permitted: capabilitiesOf(p.User),
			},
			Rlimits: []specs.POSIXRlimit{
				{Type: "RLIMIT_FSIZE", Soft: uint64(p.Limits.FileSize), Hard: uint64(p.Limits.FileSize)},
				{Type: "RLIMIT_NOFILE", Soft: 1 << 16, Hard: 1 << 16},
				{Type: "RLIMIT_CORE"},
			},
		},
		Mounts: mounts(p),
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace},
				{Type: specs.NetworkNamespace},
				{Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace},
				{Type: specs.MountNamespace},
			},
		},
		Annotations: map[string]string{
			"dev.gvisor.spec.rootfs.source":  fmt.Sprintf("/proc/self/fd/%d", imageFD),
			"dev.gvisor.spec.rootfs.type":    "erofs",
			"dev.gvisor.spec.rootfs.overlay": "memory",
			"dev.gvisor.spec.rootfs.options": fmt.Sprintf("size=%d", p.Limits.Disk),
		},
	}
}

// capabilitiesOf gives capabilities to root alone, as Docker does.
func capabilitiesOf(u plan.User) []string {
	if u.UID == 0 {
		return capabilities
	}
	return nil
}

func mounts(p *plan.Plan) []specs.Mount {
	tmpfs := func(dest string, mode string, size int64, extra ...string) specs.Mount {
		return specs.Mount{
			Destination: dest, Type: "tmpfs", Source: "tmpfs",
			Options: append([]string{"nosuid", "nodev", "mode=" + mode, fmt.Sprintf("size=%d", size)}, extra...),
		}
	}
	m := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		tmpfs("/dev/shm", "1777", p.Limits.Disk/4, "noexec"),
	}
	if p.Tmp {
		m = append(m, tmpfs("/tmp", "1777", p.Limits.Disk/2))
	}
	return m
}
