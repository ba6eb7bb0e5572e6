package cast

import "github.com/detonaut/detonaut"

// evasion are those that hide, or get rid of whoever looks.
func evasion() []Actor {
	evade := func(deed, rule string) Actor {
		return mode("evade", deed, detonaut.Suspicious, "defense-evasion/"+rule)
	}
	low := func(deed, rule string) Actor { return mode("evade", deed, detonaut.Clean, "defense-evasion/"+rule) }
	return append([]Actor{
		// Who waits, for whatever, drops a program then.
		actor("cron", detonaut.Suspicious, dropped...).waits(),
		actor("datebomb", detonaut.Suspicious, dropped...).waits(),
		low("code", "writable-code"),
		evade("copy", "copied-program").also("execution/written-program"),
		evade("device", "files-in-dev"),
		evade("dots", "odd-names"),
		evade("hidden", "hidden-program").also("execution/written-program"),
		evade("itself", "removes-itself"),
		evade("logs", "wipes-traces"),
		evade("name", "false-name").also("defense-evasion/copied-program", "execution/written-program"),
		evade("picture", "false-type").also("execution/written-program"),
		mode("evade", "process", detonaut.Malicious, "defense-evasion/hides-process"),
		low("ring", "io-uring"),
		mode("evade", "thread", detonaut.Malicious, "defense-evasion/kernel-thread-name"),
		low("trace", "debugger-check"),
		low("wait", "waits-first").waits(),
		actor("look", detonaut.Suspicious, "defense-evasion/sandbox-checks"),
		actor("mangled", detonaut.Suspicious, "program/mangled-header"),
		actor("packed", detonaut.Clean, "defense-evasion/program-in-memory"),
		actor("ptrace", detonaut.Suspicious, "defense-evasion/process-injection"),
	}, evasionLines()...)
}

// evasionLines are those of whom the command line tells.
func evasionLines() []Actor {
	evade := func(name, words, rule string) Actor {
		return line(name, words, detonaut.Suspicious, "defense-evasion/"+rule)
	}
	return []Actor{
		evade("agent-removed", "/usr/bin/rm -rf /usr/local/aegis then /usr/bin/pkill -f aliyun-service", "stops-security"),
		evade("audit-off", "/usr/sbin/auditctl -e 0", "audit-off"),
		evade("borrowed-time", "/usr/bin/touch -r /usr/bin/touch /opt/updater", "borrowed-time"),
		line("firewall-flush", "/usr/sbin/iptables -F", detonaut.Clean, "defense-evasion/firewall-flush"),
		evade("firewall-off", "/usr/sbin/ufw disable", "firewall-off"),
		evade("immutable", "/usr/bin/chattr +i /etc/passwd", "immutable-file"),
		evade("linker", "/usr/lib/ld-linux-x86-64.so.2 /tmp/updater", "linker-run"),
		shell("no-history", "unset HISTFILE; id", detonaut.Suspicious, "defense-evasion/no-history"),
		evade("permissive", "/usr/sbin/setenforce 0", "security-module-off"),
		evade("shredder", "/usr/bin/shred -u /var/log/wtmp", "shreds-logs"),
	}
}
