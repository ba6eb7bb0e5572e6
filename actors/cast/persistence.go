package cast

import "github.com/detonaut/detonaut"

// persistence are those that leave something that brings them back.
func persistence() []Actor {
	low := func(deed, rule string) Actor { return mode("persist", deed, detonaut.Clean, "persistence/"+rule) }
	persist := func(deed, rule string) Actor { return mode("persist", deed, detonaut.Suspicious, "persistence/"+rule) }
	return []Actor{
		mode("backdoor", "library", detonaut.Suspicious, "persistence/replaces-library").with("/usr/lib/x86_64-linux-gnu/libexample.so.1"),
		mode("backdoor", "program", detonaut.Suspicious, "defense-evasion/replaces-program").shelled(),
		line("injected", "LD_PRELOAD=/dev/shm/.l.so /usr/bin/ls", detonaut.Suspicious, "persistence/injected-code"),
		persist("account", "account"),
		low("apt", "apt-config"),
		persist("at", "at-job"),
		persist("autostart", "autostart"),
		persist("boot", "boot-script"),
		persist("cron", "cron"),
		persist("event", "event-script"),
		low("group", "group"),
		persist("hook", "git-hook"),
		persist("keys", "ssh-key"),
		persist("module", "module-load"),
		persist("motd", "motd"),
		persist("package", "package-hook"),
		persist("pam", "pam-config"),
		persist("password", "pam-module"),
		persist("preload", "preload"),
		persist("profile", "login-script"),
		persist("python", "python-hook"),
		low("sshd", "sshd-config"),
		persist("sudo", "sudoers"),
		persist("timer", "timer"),
		persist("udev", "udev-rule"),
		persist("unit", "service-unit"),
		{
			Name: "persist-web", Program: "persist", Run: []string{"/usr/bin/curl", "web"},
			Word: detonaut.Suspicious, Rules: []string{"persistence/web-script"},
		},
		line("root-account", "/usr/sbin/useradd -o -u 0 -g 0 sysadm", detonaut.Suspicious, "persistence/root-account"),
	}
}
