package config

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/detonaut/detonaut"
)

var rootUser = check{
	name: "root-user", severity: detonaut.Low, cis: "4.1",
	title:   "Runs as root",
	meaning: "Whoever gets hold of the program has all rights in the container, and is one mistake of the kernel away from the machine.",
	look: func(s *Subject, found func(detonaut.Evidence)) {
		user, _, _ := strings.Cut(s.Image.Config.User, ":")
		switch user {
		case "":
			found(said("the image names no user"))
		case "0", "root":
			found(said("USER " + s.Image.Config.User))
		default:
			if line := s.account(user); line != "" {
				found(said("USER " + s.Image.Config.User + ", and /etc/passwd has " + line))
			}
		}
	},
}

// account is the line of a user of another name who is root.
func (s *Subject) account(user string) string {
	for line := range strings.Lines(s.read("etc/passwd")) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) > 2 && fields[0] == user && fields[2] == "0" {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

var noHealthcheck = check{
	name: "no-healthcheck", severity: detonaut.Negligible, cis: "4.6",
	title:   "Does not say whether it is well",
	meaning: "Without a health check a container that hangs looks like one that works.",
	look: func(s *Subject, found func(detonaut.Evidence)) {
		if test := s.Image.Config.Healthcheck; len(test) == 0 || test[0] == "NONE" {
			found(said(cmp.Or(strings.Join(test, " "), "no HEALTHCHECK")))
		}
	},
}

// risky are ports of services that give away the machine, or were never meant for
// strangers, by what listens there.
var risky = map[string]string{
	"21": "FTP", "22": "SSH", "23": "telnet", "111": "portmap", "135": "RPC", "139": "NetBIOS", "445": "SMB", "512": "rexec", "513": "rlogin", "514": "rsh",
	"873": "rsync", "1099": "Java RMI", "2049": "NFS", "2375": "Docker", "2376": "Docker", "2379": "etcd", "3389": "RDP", "5555": "ADB", "5900": "VNC",
	"6000": "X11", "6443": "Kubernetes", "9229": "the debugger of Node", "10250": "kubelet", "10255": "kubelet", "11211": "memcached",
}

var riskyPort = check{
	name: "risky-port", severity: detonaut.Low,
	title:   "Exposes a port that is risky",
	meaning: "The service at this port gives away much to whoever reaches it.",
	look: func(s *Subject, found func(detonaut.Evidence)) {
		for _, port := range s.Image.Config.ExposedPorts {
			number, protocol, _ := strings.Cut(port, "/")
			if name, ok := risky[number]; ok && protocol != "udp" {
				found(said(fmt.Sprintf("EXPOSE %s: %s", port, name)))
			}
		}
	},
}

var dockerSocket = check{
	name: "docker-socket", severity: detonaut.Medium,
	title:   "Wants the socket of the container engine",
	meaning: "Whoever has this socket is root on the machine.",
	look: func(s *Subject, found func(detonaut.Evidence)) {
		for _, v := range s.Image.Config.Volumes {
			for _, name := range []string{"docker.sock", "containerd.sock", "crio.sock", "podman.sock"} {
				if strings.HasSuffix(v, "/"+name) {
					found(said("VOLUME " + v))
				}
			}
		}
	},
}
