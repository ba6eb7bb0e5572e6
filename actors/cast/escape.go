package cast

import "github.com/detonaut/detonaut"

// escape are those that try to get out of their container, or to become root. None
// can.
func escape() []Actor {
	breakout := func(deed, rule string) Actor {
		return mode("breakout", deed, detonaut.Suspicious, "privilege-escalation/"+rule)
	}
	exploit := func(deed, rule string) Actor {
		return mode("breakout", deed, detonaut.Malicious, "privilege-escalation/"+rule)
	}
	return []Actor{
		mode("backdoor", "rights", detonaut.Suspicious, "privilege-escalation/left-privileged"),
		exploit("agent", "escape"),
		breakout("climb", "chroot-escape"),
		exploit("disk", "host-device"),
		exploit("enter", "escape").also("privilege-escalation/joins-first-process"),
		breakout("engine", "container-engine"),
		exploit("exe", "overwrites-runtime"),
		breakout("groups", "kernel-mount"),
		breakout("handle", "open-by-handle"),
		exploit("handler", "escape"),
		breakout("host", "writes-to-host"),
		breakout("look", "looks-through-root"),
		mode("breakout", "module", detonaut.Suspicious, "defense-evasion/kernel-code"),
		breakout("namespace", "user-namespace"),
		exploit("node", "host-device"),
		breakout("notify", "control-group"),
		exploit("pkexec", "known-exploit").with("/usr/bin/pkexec"),
		breakout("root", "enters-host"),
		breakout("setuid", "setuid-bit"),
		breakout("surface", "kernel-surface"),
		mode("breakout", "unload", detonaut.Suspicious, "defense-evasion/unloads-module"),
		line("disk-tool", "/usr/sbin/debugfs -w /dev/sda1", detonaut.Suspicious, "privilege-escalation/host-disk-tool"),
		line("enter", "/usr/bin/nsenter -t 1 -m -u -n -i id", detonaut.Suspicious, "privilege-escalation/enters-host"),
		line("keep", "/bin/sh -p", detonaut.Suspicious, "privilege-escalation/keeps-privileges"),
		line("minus-one", "/usr/bin/sudo -u#-1 id", detonaut.Malicious, "privilege-escalation/known-exploit"),
		line("may-i", "/usr/bin/sudo -n -l", detonaut.Suspicious, "privilege-escalation/sudo-probe"),
		line("privileged", "/usr/bin/docker run --privileged --pid=host -v /:/mnt example", detonaut.Suspicious, "privilege-escalation/privileged-container"),
	}
}
